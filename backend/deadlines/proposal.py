"""Days off of Viet Nam as python-holidays reckons them: a proposal, which an administrator confirms or edits.

Labour Code 2019, article 112, with the lunar new year and Hung Kings' day by the lunar calendar; swapped days
as far as the library knows the year's decision. What holds is the decision: the proposal holds for nothing.
"""

from datetime import date

import holidays

from backend.deadlines.types import DayKind, SpecialDay

_VI, _EN = "vi", "en_US"
_SUBSTITUTE_VI, _SUBSTITUTE_EN = "Ngày làm bù", "Working day in exchange for a day off"
MONDAY = 1


def proposed_days(year: int) -> tuple[SpecialDay, ...]:
    """Special days of a year, by day."""
    vietnamese = holidays.country_holidays("VN", years=year, language=_VI)
    english = holidays.country_holidays("VN", years=year, language=_EN)
    off = [
        SpecialDay(day, DayKind.OFF, name, english[day])
        for day, name in vietnamese.items()
        if day.year == year
    ]
    # Which weekday's hours such a Saturday has, the decision says; Monday's are the usual ones.
    working = [
        SpecialDay(day, DayKind.WORKING, _SUBSTITUTE_VI, _SUBSTITUTE_EN, MONDAY)
        for day in _worked(vietnamese)
        if day.year == year
    ]
    return tuple(sorted((*off, *working), key=lambda special: special.day))


def _worked(days: holidays.HolidayBase) -> set[date]:
    return set(days.weekend_workdays)
