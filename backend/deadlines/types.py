"""Working time as data: weekly hours of calendars, days off and swapped days of years (Asia/Ho_Chi_Minh).

And what stands on it: rules of deadlines (thời hạn), the clocks of reports, pauses.
"""

import re
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


class Urgency(StrEnum):
    """How urgent a report is (mức độ khẩn): three levels (Decision 1207/QĐ-UBND of Ha Noi)."""

    NORMAL = "normal"
    HIGH = "high"
    URGENT = "urgent"


class ClockKind(StrEnum):
    """What is owed: to receive a report (tiếp nhận), and to handle it (xử lý)."""

    RECEIVE = "receive"
    HANDLE = "handle"


class LengthUnit(StrEnum):
    """Working hours, or working days of the calendar."""

    HOURS = "hours"
    DAYS = "days"


MOST_HOURS, MOST_DAYS = 999, 365
_LENGTH = re.compile(r"([1-9][0-9]{0,2})([hd])")


@dataclass(frozen=True, slots=True)
class Length:
    """A length of working time: 1–999 hours or 1–365 days. Kept as "8h", "5d"."""

    amount: int
    unit: LengthUnit

    @property
    def text(self) -> str:
        """As it is kept."""
        return f"{self.amount}{self.unit[0]}"

    @property
    def holds(self) -> bool:
        """Whether it is within its limits."""
        most = MOST_HOURS if self.unit is LengthUnit.HOURS else MOST_DAYS
        return 1 <= self.amount <= most

    def minutes(self, of_a_day: int) -> int:
        """In minutes, a working day having so many."""
        return self.amount * (60 if self.unit is LengthUnit.HOURS else of_a_day)


def length_of(text: str) -> Length:
    """Inverse of `Length.text`. Raises ValueError."""
    found = _LENGTH.fullmatch(text)
    if found is None:
        raise ValueError(f"no length: {text!r}")
    return Length(int(found[1]), LengthUnit.HOURS if found[2] == "h" else LengthUnit.DAYS)


@dataclass(frozen=True, slots=True)
class Rule:
    """How long what may take. `category`, `urgency` None: every one. `place`: inner id of a unit.

    `wait`: how long waiting for the citizen stops the handling clock, in all. `escalate`: how long after a
    missed deadline the city is told.
    """

    code: str
    category: str | None
    urgency: Urgency | None
    place: int
    calendar: str
    receive: Length
    handle: Length
    wait: Length
    escalate: Length


@dataclass(frozen=True, slots=True)
class RuleText:
    """A rule in codes, as administrators read and write it."""

    code: str
    category: str | None
    urgency: Urgency | None
    place: str
    calendar: str
    receive: Length
    handle: Length
    wait: Length
    escalate: Length


class RuleSetState(StrEnum):
    """A set of rules is written as a draft, then holds from a day; what never held may be discarded."""

    DRAFT = "draft"
    ACTIVE = "active"
    DISCARDED = "discarded"


@dataclass(frozen=True, slots=True)
class RuleSet:
    """A set of rules without its rules. `holds`: it is the one for reports that come in today."""

    number: int
    state: RuleSetState
    from_day: date | None
    note: str
    rules: int
    version: int
    created_at: datetime
    holds: bool


class FaultKind(StrEnum):
    """What is wrong with a set: a report would have no deadline; or a rule names what has ended."""

    HOLE = "hole"
    ENDED = "ended"


@dataclass(frozen=True, slots=True)
class Fault:
    """One thing that keeps a set from being put in force. `category` None: one that is yet to come."""

    kind: FaultKind
    category: str | None
    urgency: Urgency | None
    place: str
    rule: str | None = None


@dataclass(frozen=True, slots=True)
class Trial:
    """What a set would have made of the clocks that stopped in the last days: numbers alone."""

    days: int
    clocks: int
    late_then: int
    """Late by the rules that held."""
    late_now: int
    """Late by the set that is tried."""
    groups: "tuple[TrialGroup, ...]"
    """By kind, category and urgency, the most changed first: at most 50."""


@dataclass(frozen=True, slots=True)
class TrialGroup:
    """Clocks of one kind, category and urgency."""

    kind: ClockKind
    category: str
    urgency: Urgency
    clocks: int
    late_then: int
    late_now: int


@dataclass(frozen=True, slots=True)
class PauseReason:
    """Why an officer may stop the handling clock, and how long at most."""

    code: str
    name_vi: str
    name_en: str
    longest: Length


class ClockState(StrEnum):
    """A clock that has not begun, runs, is paused, ran out and still runs; or stopped in time, or late."""

    WAITING = "waiting"
    RUNNING = "running"
    PAUSED = "paused"
    OVERDUE = "overdue"
    MET = "met"
    MISSED = "missed"


@dataclass(frozen=True, slots=True)
class Clock:
    """One deadline of a report, as anybody may see it.

    `due_at`: while paused, at the latest. `remaining_minutes`: of working time, 0 when it has run out or
    stopped; `late_minutes`: of working time over the deadline.
    """

    kind: ClockKind
    round: int
    urgency: Urgency
    rule: str
    state: ClockState
    started_at: datetime
    due_at: datetime
    paused_since: datetime | None
    paused_until: datetime | None
    stopped_at: datetime | None
    remaining_minutes: int
    late_minutes: int


@dataclass(frozen=True, slots=True)
class Pause:
    """A pause of the handling clock, as anybody may see it. `until_at`: when it ends by itself."""

    reason: str
    """A code: of a reason for pauses, or "awaiting_citizen"."""
    name_vi: str
    name_en: str
    started_at: datetime
    until_at: datetime
    ended_at: datetime | None


@dataclass(frozen=True, slots=True)
class ReportDeadlines:
    """The countdown of a report: its clocks and pauses, oldest first."""

    urgency: Urgency
    clocks: tuple[Clock, ...]
    pauses: tuple[Pause, ...]


class DueScope(StrEnum):
    """Which running deadlines: over already, due today from now on, within seven days from now, all."""

    LATE = "late"
    TODAY = "today"
    WEEK = "week"
    ALL = "all"


@dataclass(frozen=True, slots=True)
class PlaceName:
    """A unit by code and name."""

    code: str
    name: str


@dataclass(frozen=True, slots=True)
class DueReport:
    """A running deadline with as much of its report as a list shows."""

    report_code: str
    category: str
    ward: PlaceName
    handler: PlaceName
    report_state: str
    clock: Clock


@dataclass(frozen=True, slots=True)
class Forecast:
    """How many deadlines are over, will run out today, run out within seven days; each counted to 1,000."""

    late: int
    today: int
    week: int


@dataclass(frozen=True, slots=True)
class Paused:
    """What a change of a clock answers."""

    code: str
