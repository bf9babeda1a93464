"""Changes as subscribers get them: that something happened, never what was written."""

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

LAST_UUID = UUID(int=2**128 - 1)


@dataclass(frozen=True, slots=True, order=True)
class ChangePosition:
    """Where a change stands in the one order of the feed: (xid of its transaction, id)."""

    x: int
    id: UUID


@dataclass(frozen=True, slots=True)
class Change:
    """`kind` such as "report.accepted"; `resource` is "report:<code>"."""

    position: ChangePosition
    kind: str
    resource: str
    version: int
    at: datetime


@dataclass(frozen=True, slots=True)
class ChangePage:
    """Changes after a position in strictly rising order; `end` is where to go on from."""

    items: tuple[Change, ...]
    end: ChangePosition
    has_more: bool
