"""Working time as data: weekly hours of calendars, days off and swapped days of years (Asia/Ho_Chi_Minh).

`is_working` and `add_working_time` (issue 6) read `WeeklyHours` in force on a day and `SpecialDay` by day.
"""

from dataclasses import dataclass
from datetime import date, datetime
from enum import StrEnum

MINUTES_OF_DAY = 24 * 60
MINUTES_OF_WEEK = 7 * MINUTES_OF_DAY


@dataclass(frozen=True, slots=True, order=True)
class Interval:
    """Working time within one day. `weekday`: 1 is Monday; minutes since midnight, `closes` excluded."""

    weekday: int
    opens: int
    closes: int


@dataclass(frozen=True, slots=True)
class WeeklyHours:
    """The hours of every week from a day on, in order, none overlapping or touching another."""

    from_day: date
    intervals: tuple[Interval, ...]


@dataclass(frozen=True, slots=True)
class Calendar:
    """A working-hour calendar (lịch làm việc). `hours`: the earliest first; the last that began holds."""

    code: str
    name_vi: str
    name_en: str
    observes_holidays: bool
    version: int
    hours: tuple[WeeklyHours, ...]


class DayKind(StrEnum):
    """A day off (nghỉ), or a day at the weekend that is worked for it (làm bù)."""

    OFF = "off"
    WORKING = "working"


@dataclass(frozen=True, slots=True)
class SpecialDay:
    """A day that is not as its weekday. `like_weekday`: whose hours a working one has, 1 is Monday."""

    day: date
    kind: DayKind
    name_vi: str
    name_en: str
    like_weekday: int | None = None


class YearState(StrEnum):
    """Reckoned by the library, or confirmed by an administrator with the decision as its source."""

    PROPOSED = "proposed"
    CONFIRMED = "confirmed"


@dataclass(frozen=True, slots=True)
class HolidayYear:
    """The special days of a year. A proposed one has version 0, no source, and holds for nothing."""

    year: int
    state: YearState
    source: str | None
    version: int
    confirmed_at: datetime | None
    days: tuple[SpecialDay, ...]


@dataclass(frozen=True, slots=True)
class CalendarAlarm:
    """A year whose days off nobody has confirmed, though it has begun or begins within a month."""

    year: int
    since: date
