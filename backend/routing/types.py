"""Routing as data: category × place × time → unit."""

from dataclasses import dataclass
from datetime import date
from uuid import UUID


@dataclass(frozen=True, slots=True)
class Category:
    """What a report is about (lĩnh vực)."""

    code: str
    name_vi: str
    name_en: str


@dataclass(frozen=True, slots=True)
class Place:
    """A unit as routing sees it: its own id first, then every unit above it up to the root."""

    path: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Rule:
    """One rule. `category` None: every category. `target` None: the place of the report itself."""

    id: UUID
    code: str
    category: str | None
    place: int
    target: int | None
    from_day: date
    until_day: date | None

    def applies(self, category: str, day: date) -> bool:
        """Whether the rule is for this category and in force on this day (Ha Noi)."""
        in_force = self.from_day <= day and (self.until_day is None or day <= self.until_day)
        return in_force and self.category in (None, category)


@dataclass(frozen=True, slots=True)
class Routing:
    """Where a report goes, and by which rule; `rule` is "fallback" when none applied."""

    unit_id: int
    rule: str
    place: int
