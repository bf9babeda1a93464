"""Units (đơn vị) and officials (cán bộ) as others see them."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Unit:
    """A unit of one of the two trees."""

    code: str
    name: str
    kind: str
    parent_code: str | None


@dataclass(frozen=True, slots=True)
class UnitPage:
    """Units in alphabetical order; `keys` are their positions (name key, id)."""

    items: tuple[Unit, ...]
    keys: tuple[tuple[str, int], ...]
    has_next: bool


@dataclass(frozen=True, slots=True)
class DutyView:
    """A duty in force."""

    kind: str
    unit_code: str


@dataclass(frozen=True, slots=True)
class OfficialProfile:
    """An official about himself or herself."""

    name: str
    unit: Unit
    duties: tuple[DutyView, ...]
