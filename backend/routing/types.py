"""Routing as data: category × place × time → unit."""

from dataclasses import dataclass
from datetime import date, datetime
from enum import StrEnum
from uuid import UUID


@dataclass(frozen=True, slots=True)
class Category:
    """What a report is about (lĩnh vực). Ended ones stay, for the reports that name them."""

    code: str
    name_vi: str
    name_en: str
    position: int = 0
    version: int = 1
    ended_on: date | None = None


@dataclass(frozen=True, slots=True)
class Place:
    """A unit as routing sees it: its own id first, then every unit above it up to the root."""

    path: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Rule:
    """One rule. `category` None: every category. `target` None: the place of the report itself.

    `supporting`: units that help the one that answers (đơn vị phối hợp).
    """

    id: UUID
    code: str
    category: str | None
    place: int
    target: int | None
    supporting: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True)
class Routing:
    """Where a report goes, and by which rule; `rule` is "fallback" when none applied."""

    unit_id: int
    rule: str
    place: int


class RuleSetState(StrEnum):
    """A set of rules is written as a draft, then holds from a day; what never held may be discarded."""

    DRAFT = "draft"
    ACTIVE = "active"
    DISCARDED = "discarded"


@dataclass(frozen=True, slots=True)
class RuleSet:
    """A set of rules (bộ quy tắc) without its rules. `holds`: it is the one in force today."""

    number: int
    state: RuleSetState
    from_day: date | None
    note: str
    rules: int
    version: int
    created_at: datetime
    holds: bool


@dataclass(frozen=True, slots=True)
class RuleText:
    """A rule in codes, as administrators read and write it."""

    code: str
    category: str | None
    place: str
    target: str | None
    supporting: tuple[str, ...] = ()


class FaultKind(StrEnum):
    """What is wrong with a set: nobody gets a report, a category or unit that is no more, a wrong unit."""

    HOLE = "hole"
    ENDED = "ended"


@dataclass(frozen=True, slots=True)
class Fault:
    """One thing that keeps a set from being put in force: a category in a place, or a rule."""

    kind: FaultKind
    category: str | None
    place: str
    rule: str | None = None


@dataclass(frozen=True, slots=True)
class RuleDifference:
    """A rule that two sets have differently; None where a set does not have it."""

    code: str
    before: RuleText | None
    after: RuleText | None


@dataclass(frozen=True, slots=True)
class Detour:
    """Reports of a category in a ward that would have gone elsewhere."""

    category: str
    ward: str
    reports: int
    from_unit: str
    to_unit: str


@dataclass(frozen=True, slots=True)
class Trial:
    """What a set would have done to the reports of the last days."""

    days: int
    reports: int
    elsewhere: int
    without_rule: int
    """Reports for which the set has no rule, so that they go up the tree."""
    detours: tuple[Detour, ...]
    """The first 50, most reports first."""
