"""What officers' work on a report is, as officers see it."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum


class EntryKind(StrEnum):
    """What stands in the officers' timeline: phân công, thu hồi, tự thu hồi, ghi chú nội bộ."""

    ASSIGNED = "assigned"
    UNASSIGNED = "unassigned"
    RELEASED = "released"
    NOTE = "note"


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


@dataclass(frozen=True, slots=True)
class Work:
    """What officers see of the work on one report, beside the report itself."""

    version: int
    """0: nothing was done yet."""
    assignee: Colleague | None
    assigned_at: datetime | None
    entries: tuple[Entry, ...]


@dataclass(frozen=True, slots=True)
class Worked:
    """What a change answers: the report's code, and the version of the work on it."""

    code: str
    version: int
