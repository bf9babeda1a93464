"""Weekly hours: checked, and as the multirange of minutes since Monday 00:00 that the database keeps."""

import re
from collections.abc import Iterable, Sequence

from backend.deadlines.errors import HoursOverlap
from backend.deadlines.types import MINUTES_OF_DAY, Interval
from foundation.errors import InvalidInput

MOST_INTERVALS = 28
_TIME = re.compile(r"([01][0-9]|2[0-4]):([0-5][0-9])")


def minutes_of(field: str, text: str) -> int:
    """Minutes since midnight of "HH:MM", up to "24:00". Raises InvalidInput naming the field."""
    found = _TIME.fullmatch(text)
    minutes = int(found[1]) * 60 + int(found[2]) if found else MINUTES_OF_DAY + 1
    if minutes > MINUTES_OF_DAY:
        raise InvalidInput(field)
    return minutes


def time_of(minutes: int) -> str:
    """ "HH:MM", midnight at the end of a day as "24:00"."""
    return f"{minutes // 60:02d}:{minutes % 60:02d}"


def checked_hours(given: Sequence[Interval]) -> tuple[Interval, ...]:
    """The intervals in order, those that touch joined. Raises InvalidInput, HoursOverlap."""
    if not 1 <= len(given) <= MOST_INTERVALS:
        raise InvalidInput("hours")
    for interval in given:
        if not 1 <= interval.weekday <= 7 or not 0 <= interval.opens < interval.closes <= MINUTES_OF_DAY:
            raise InvalidInput("hours")
    joined: list[Interval] = []
    for interval in sorted(given):
        last = joined[-1] if joined and joined[-1].weekday == interval.weekday else None
        if last is not None and interval.opens < last.closes:
            raise HoursOverlap(interval.weekday)
        if last is not None and interval.opens == last.closes:
            joined[-1] = Interval(last.weekday, last.opens, interval.closes)
        else:
            joined.append(interval)
    return tuple(joined)


def multirange_of(intervals: Iterable[Interval]) -> str:
    """PostgreSQL's text of the intervals as int4multirange."""
    ranges = []
    for interval in intervals:
        midnight = (interval.weekday - 1) * MINUTES_OF_DAY
        ranges.append(f"[{midnight + interval.opens},{midnight + interval.closes})")
    return "{" + ",".join(ranges) + "}"


def intervals_of(ranges: Iterable[tuple[int, int]]) -> tuple[Interval, ...]:
    """Inverse of `multirange_of` from bounds [low, high): cut at midnights, where the database joined."""
    found = []
    for low, high in ranges:
        begin = low
        while begin < high:
            day = begin // MINUTES_OF_DAY
            end = min(high, (day + 1) * MINUTES_OF_DAY)
            found.append(Interval(day + 1, begin - day * MINUTES_OF_DAY, end - day * MINUTES_OF_DAY))
            begin = end
    return tuple(found)
