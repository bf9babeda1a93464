"""Which years nobody has confirmed. Pure."""

from collections.abc import Set
from datetime import date

from backend.deadlines.types import CalendarAlarm

DECEMBER = 12


def alarms_on(today: date, confirmed: Set[int]) -> tuple[CalendarAlarm, ...]:
    """This year's, and from 1 December next year's: deadlines then reach into it."""
    years = [today.year] if today.month < DECEMBER else [today.year, today.year + 1]
    return tuple(CalendarAlarm(year, date(year - 1, DECEMBER, 1)) for year in years if year not in confirmed)
