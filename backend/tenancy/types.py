"""Units (đơn vị) and officials (cán bộ) as others see them."""

from dataclasses import dataclass
from datetime import date


@dataclass(frozen=True, slots=True)
class Unit:
    """A unit of one of the two trees. Ended ones stay, for the reports that name them."""

    code: str
    name: str
    kind: str
    parent_code: str | None
    version: int = 1
    ended_on: date | None = None
    successor_code: str | None = None


@dataclass(frozen=True, slots=True)
class UnitPage:
    """Units in alphabetical order; `keys` are their positions (name key, id)."""

    items: tuple[Unit, ...]
    keys: tuple[tuple[str, int], ...]
    has_next: bool


@dataclass(frozen=True, slots=True)
class NewUnit:
    """A unit to be made. `kind`: "department", "ward" or "commune"; the code is the official one."""

    code: str
    name: str
    kind: str
    parent: str


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
