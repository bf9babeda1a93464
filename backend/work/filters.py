"""What officers narrow their lists by: checked once, kept in one form."""

from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from enum import StrEnum
from typing import Any

from backend.reports.types import ReportState
from foundation.clock import HANOI
from foundation.errors import InvalidInput
from foundation.ids import parse_report_code
from foundation.texts import checked_text

EARLIEST, LATEST = datetime(2000, 1, 1, tzinfo=UTC), datetime(2300, 1, 1, tzinfo=UTC)
MOST_UNITS = 20


class Hand(StrEnum):
    """In whose hand: mine, nobody's, somebody's."""

    MINE = "mine"
    NOBODY = "nobody"
    SOMEBODY = "somebody"


class Standing(StrEnum):
    """How a running deadline stands: over, due within a day, within seven days."""

    LATE = "late"
    DAY = "day"
    WEEK = "week"


def _begin_of(day: date, after: int = 0) -> datetime:
    """When a day begins, or the one so many days later, within the years that there can be reports of."""
    if day.year < EARLIEST.year:
        return EARLIEST
    return LATEST if day.year >= LATEST.year else datetime.combine(day + timedelta(days=after), time(), HANOI)


@dataclass(frozen=True, slots=True)
class ListFilter:
    """All that a list is narrowed by; None: not by this. Days in Ha Noi, both included."""

    units: tuple[str, ...] | None = None
    state: ReportState | None = None
    category: str | None = None
    ward: str | None = None
    hand: Hand | None = None
    assignee: str | None = None
    """Code of the official who has it in hand; excludes `hand`."""
    standing: Standing | None = None
    channel: str | None = None
    """Code of a channel; "app" for what came by none."""
    from_day: date | None = None
    to_day: date | None = None
    search: str | None = None

    def checked(self) -> "ListFilter":
        """The filter within its limits. Raises InvalidInput naming the field."""
        if self.units is not None and not 1 <= len(self.units) <= MOST_UNITS:
            raise InvalidInput("units")
        for field, value, longest in (
            ("category", self.category, 40),
            ("ward", self.ward, 8),
            ("channel", self.channel, 32),
            ("search", self.search, 100),
        ):
            if value is not None:
                checked_text(field, value, longest)
        if self.assignee is not None:
            if self.hand is not None:
                raise InvalidInput("assignee")
            parse_report_code(self.assignee)  # people's codes have the form of reports'
        if self.from_day is not None and self.to_day is not None and self.from_day > self.to_day:
            raise InvalidInput("toDay")
        return self

    def bounds(self) -> tuple[datetime, datetime]:
        """From when, and before when."""
        begin = EARLIEST if self.from_day is None else _begin_of(self.from_day)
        end = LATEST if self.to_day is None else _begin_of(self.to_day, after=1)
        return begin, end

    def as_json(self) -> dict[str, Any]:
        """What is kept of it: the fields that narrow."""
        found: dict[str, Any] = {}
        for field in self.__slots__:
            value = getattr(self, field)
            if value is not None:
                found[field] = value.isoformat() if isinstance(value, date) else value
        return found

    @classmethod
    def of_json(cls, kept: dict[str, Any]) -> "ListFilter":
        """The filter of what `as_json` made."""
        given = dict(kept)
        for field, make in (
            ("units", tuple),
            ("state", ReportState),
            ("hand", Hand),
            ("standing", Standing),
            ("from_day", date.fromisoformat),
            ("to_day", date.fromisoformat),
        ):
            if field in given:
                given[field] = make(given[field])
        return cls(**given)
