"""Random calendars, and working time the slow way: minute by minute."""

from datetime import UTC, date, datetime, time, timedelta

from hypothesis import strategies as st

from backend.deadlines.hours import checked_hours
from backend.deadlines.types import DayKind, Interval, SpecialDay, WeeklyHours
from backend.deadlines.working import WorkingTime
from foundation.clock import HANOI

FIRST = date(2026, 12, 14)
"""A Monday before a turn of the year."""
MINUTE = timedelta(minutes=1)
OFFICE = tuple(
    Interval(weekday, opens, closes) for weekday in range(1, 6) for opens, closes in ((480, 720), (780, 1020))
)


def moment(minutes: int) -> datetime:
    """So many minutes after the first midnight, in UTC."""
    return (datetime.combine(FIRST, time(), HANOI) + timedelta(minutes=minutes)).astimezone(UTC)


def office(*special: SpecialDay) -> WorkingTime:
    """Monday to Friday, 8 to 12 and 13 to 17."""
    return WorkingTime([WeeklyHours(FIRST, OFFICE)], {one.day: one for one in special}, True)


@st.composite
def days_hours(draw: st.DrawFn) -> tuple[Interval, ...]:
    """Weekly hours, coarse enough to be quick, sometimes through midnight and on one day alone."""
    chosen = []
    for weekday in draw(st.sets(st.integers(1, 7), min_size=1, max_size=6)):
        cuts = sorted(draw(st.sets(st.sampled_from(range(0, 1441, 45)), min_size=2, max_size=4)))
        chosen += [Interval(weekday, a, b) for a, b in zip(cuts[::2], cuts[1::2], strict=False)]
    return checked_hours(chosen)


@st.composite
def calendars(draw: st.DrawFn) -> WorkingTime:
    """Hours that change once or never, days off, swapped days, observed or not."""
    hours = [WeeklyHours(FIRST, draw(days_hours()))]
    if draw(st.booleans()):
        hours.append(WeeklyHours(FIRST + timedelta(days=draw(st.integers(1, 12))), draw(days_hours())))
    special = {}
    for ahead in draw(st.sets(st.integers(-3, 14), max_size=6)):
        day = FIRST + timedelta(days=ahead)
        swapped = day.isoweekday() > 5 and draw(st.booleans())
        kind = DayKind.WORKING if swapped else DayKind.OFF
        like = draw(st.integers(1, 5)) if swapped else None
        special[day] = SpecialDay(day, kind, "Ngày", "Day", like)
    return WorkingTime(hours, special, draw(st.integers(1, 4)) > 1)


def worked(calendar: WorkingTime, at: datetime) -> bool:
    """Whether the minute that begins at a moment is worked: from the calendar's own data, nothing else."""
    local = at.astimezone(HANOI)
    minute = local.hour * 60 + local.minute
    holding = [weekly for weekly in calendar._hours if weekly.from_day <= local.date()] or calendar._hours[:1]
    special = calendar._special.get(local.date())
    if special is not None and special.kind is DayKind.OFF:
        return False
    weekday = special.like_weekday if special is not None else local.isoweekday()
    return any(one.weekday == weekday and one.opens <= minute < one.closes for one in holding[-1].intervals)


def slow_add(
    calendar: WorkingTime, start: datetime, minutes: int, gaps: list[tuple[datetime, datetime]]
) -> datetime:
    """Minute by minute: `start` and gaps lie on whole minutes."""
    at = start
    while minutes > 0:
        if worked(calendar, at) and not any(begin <= at < end for begin, end in gaps):
            minutes -= 1
        at += MINUTE
        assert at - start < timedelta(days=90)
    return at
