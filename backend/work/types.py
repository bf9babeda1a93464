"""What officers' work on a report is, as officers see it."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum


class EntryKind(StrEnum):
    """What stands in the officers' timeline: phân công, thu hồi, ghi chú, phối hợp."""

    ASSIGNED = "assigned"
    UNASSIGNED = "unassigned"
    RELEASED = "released"
    NOTE = "note"
    PART_ADDED = "part_added"
    PART_DONE = "part_done"
    PART_SET_ASIDE = "part_set_aside"
    PART_REMOVED = "part_removed"


class PartState(StrEnum):
    """Where a supporting unit's part stands: chưa xong, xong, gác lại, bỏ."""

    OPEN = "open"
    DONE = "done"
    SET_ASIDE = "set_aside"
    REMOVED = "removed"


@dataclass(frozen=True, slots=True)
class Colleague:
    """An official as colleagues know him."""

    code: str
    name: str


@dataclass(frozen=True, slots=True)
class Entry:
    """One entry of the officers' timeline. `actor` None: nobody decided it."""

    at: datetime
    kind: EntryKind
    actor: Colleague | None
    unit_code: str
    unit_name: str
    person: Colleague | None
    note: str | None
    about_code: str | None = None
    """Of the supporting unit whose part it is about."""


@dataclass(frozen=True, slots=True)
class Part:
    """A supporting unit's part. `task` None: the rule that routed the report named the unit."""

    unit_code: str
    unit_name: str
    state: PartState
    task: str | None
    result: str | None
    reason: str | None
    added_at: datetime
    ended_at: datetime | None


@dataclass(frozen=True, slots=True)
class Work:
    """What officers see of the work on one report, beside the report itself."""

    version: int
    """0: nothing was done yet."""
    assignee: Colleague | None
    assigned_at: datetime | None
    entries: tuple[Entry, ...]
    parts: tuple[Part, ...] = ()


@dataclass(frozen=True, slots=True)
class Worked:
    """What a change answers: the report's code, and the version of the work on it."""

    code: str
    version: int
