"""Working time (giờ làm việc): added, taken back, measured. Pure; moments are aware, days are Ha Noi's.

Ha Noi has had one offset since 1975 and none is planned to change: a local day has 24 hours.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import date, datetime, time, timedelta

from backend.deadlines.types import MINUTES_OF_DAY, DayKind, Interval, SpecialDay, WeeklyHours
from foundation.clock import HANOI

MOST_DAYS = 4_000
"""About eleven years. Whoever looks farther has a calendar on which nobody works."""
ONE_DAY = timedelta(days=1)

Span = tuple[datetime, datetime]
"""From a moment up to another, that one excluded."""


class NoWorkingTime(Exception):
    """A calendar has less working time in eleven years than was asked for: a fault of its data."""


class WorkingTime:
    """The working time of one calendar."""

    def __init__(
        self, hours: Sequence[WeeklyHours], special: Mapping[date, SpecialDay], observes_holidays: bool
    ) -> None:
        self._hours = sorted(hours, key=lambda weekly: weekly.from_day)
        self._special = special if observes_holidays else {}
        self._of_day: dict[date, tuple[Span, ...]] = {}

    def spans(self, day: date) -> tuple[Span, ...]:
        """What is worked on a day, in order."""
        found = self._of_day.get(day)
        if found is None:
            midnight = datetime.combine(day, time(), HANOI)
            found = tuple(
                (midnight + timedelta(minutes=one.opens), midnight + timedelta(minutes=one.closes))
                for one in self._intervals(day)
            )
            self._of_day[day] = found
        return found

    def day_minutes(self, day: date) -> int:
        """A working day in minutes: the longest weekday of the hours that hold on `day`."""
        lengths = [0] * 8
        for one in self._weekly(day):
            lengths[one.weekday] += one.closes - one.opens
        return max(lengths) or MINUTES_OF_DAY

    def add(self, start: datetime, amount: timedelta, without: Iterable[Span] = ()) -> datetime:
        """The first moment by which `amount` of working time has passed since `start`.

        Working time inside `without` does not count. Zero gives `start` itself. Raises NoWorkingTime.
        """
        left = amount
        if left <= timedelta(0):
            return start
        for begin, end in self._worked_from(start, merged(without)):
            if end - begin >= left:
                return begin + left
            left -= end - begin
        raise NoWorkingTime

    def back(self, end: datetime, amount: timedelta, without: Iterable[Span] = ()) -> datetime:
        """The last moment from which `amount` of working time passes until `end`. Raises NoWorkingTime."""
        left = amount
        if left <= timedelta(0):
            return end
        for begin, stop in self._worked_until(end, merged(without)):
            if stop - begin >= left:
                return stop - left
            left -= stop - begin
        raise NoWorkingTime

    def between(self, start: datetime, end: datetime, without: Iterable[Span] = ()) -> timedelta:
        """How much working time lies between two moments; none when `end` is not after `start`."""
        passed = timedelta(0)
        for begin, stop in self._worked_from(start, merged(without), end):
            passed += stop - begin
        return passed

    def _weekly(self, day: date) -> tuple[Interval, ...]:
        holding = [weekly for weekly in self._hours if weekly.from_day <= day]
        # Before the first hours there were none written down: the first are the best that is known.
        chosen = holding[-1:] or self._hours[:1]
        return chosen[0].intervals if chosen else ()

    def _intervals(self, day: date) -> Iterator[Interval]:
        special = self._special.get(day)
        weekday = day.isoweekday()
        if special is not None:
            if special.kind is DayKind.OFF:
                return
            weekday = special.like_weekday or weekday
        for one in self._weekly(day):
            if one.weekday == weekday:
                yield one

    def _worked_from(
        self, start: datetime, gaps: Sequence[Span], end: datetime | None = None
    ) -> Iterator[Span]:
        day = start.astimezone(HANOI).date()
        last = None if end is None else end.astimezone(HANOI).date()
        for _ in range(MOST_DAYS):
            if last is not None and day > last:
                return
            for opens, closes in self.spans(day):
                yield from _pieces(max(opens, start), closes if end is None else min(closes, end), gaps)
            day += ONE_DAY

    def _worked_until(self, end: datetime, gaps: Sequence[Span]) -> Iterator[Span]:
        day = end.astimezone(HANOI).date()
        for _ in range(MOST_DAYS):
            for opens, closes in reversed(self.spans(day)):
                yield from reversed(list(_pieces(opens, min(closes, end), gaps)))
            day -= ONE_DAY


def merged(spans: Iterable[Span]) -> list[Span]:
    """The same time as spans in order, none touching another; empty ones are left out."""
    found: list[Span] = []
    for begin, end in sorted(span for span in spans if span[0] < span[1]):
        if found and begin <= found[-1][1]:
            found[-1] = (found[-1][0], max(end, found[-1][1]))
        else:
            found.append((begin, end))
    return found


def _pieces(begin: datetime, end: datetime, gaps: Sequence[Span]) -> Iterator[Span]:
    """What of a span lies in no gap."""
    at = begin
    for gap_begin, gap_end in gaps:
        if gap_end <= at or gap_begin >= end:
            continue
        if at < gap_begin:
            yield at, gap_begin
        at = gap_end
    if at < end:
        yield at, end
