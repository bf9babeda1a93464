"""Limits of what may be asked of the figures."""

import re
from datetime import date, timedelta

from backend.statistics.types import Period
from foundation.errors import InvalidInput

MOST_DAYS = 366
MOST_UNITS = 200
YEARS = range(2000, 2101)
_CATEGORY = re.compile(r"[a-z][a-z_]{1,39}")


def checked_period(period: Period) -> Period:
    """The period. Raises InvalidInput when it ends before it begins, is longer than 366 days, or far away."""
    for name, day in (("fromDay", period.from_day), ("untilDay", period.until_day)):
        if day.year not in YEARS:
            raise InvalidInput(name)
    if not 0 <= (period.until_day - period.from_day).days < MOST_DAYS:
        raise InvalidInput("untilDay")
    return period


def checked_category(code: str | None) -> str | None:
    """A code as categories have them. Raises InvalidInput for what can't be one."""
    if code is not None and not _CATEGORY.fullmatch(code):
        raise InvalidInput("category")
    return code


def before(period: Period) -> Period:
    """The period of the same length that ends the day before."""
    length = period.until_day - period.from_day
    last = period.from_day - timedelta(days=1)
    return Period(last - length, last)


def months_within(period: Period) -> tuple[date, date]:
    """The first days of the first whole month and of the month after the last; equal when there is none."""
    begin = period.from_day if period.from_day.day == 1 else _next_month(period.from_day)
    end = (period.until_day + timedelta(days=1)).replace(day=1)
    return (begin, end) if begin < end else (begin, begin)


def _next_month(day: date) -> date:
    return (day.replace(day=1) + timedelta(days=32)).replace(day=1)
