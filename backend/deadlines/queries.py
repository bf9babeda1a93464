"""Calendars and years as administrators see them, and what is missing."""

from datetime import date
from typing import Any

from backend.administration.service import authorise_reading
from backend.administration.types import Register
from backend.deadlines.alarms import alarms_on
from backend.deadlines.hours import intervals_of
from backend.deadlines.proposal import proposed_days
from backend.deadlines.service import YEARS
from backend.deadlines.types import (
    Calendar,
    CalendarAlarm,
    DayKind,
    HolidayYear,
    SpecialDay,
    WeeklyHours,
    YearState,
)
from foundation.clock import HANOI, Clock
from foundation.database.database import Database
from foundation.database.read_scope import ReadScope
from foundation.errors import InvalidInput, NotFound
from foundation.identity.principal import OfficialPrincipal
from foundation.policy.engine import PolicyEngine
from foundation.recording import Activity, AuditEvent

MOST_CALENDARS = 100
_CALENDARS = """
SELECT code, name_vi, name_en, observes_holidays, version FROM deadlines.calendar
WHERE $1::text IS NULL OR code = $1 ORDER BY code LIMIT $2
"""
_HOURS = """
SELECT h.calendar, h.from_day, lower(r) AS low, upper(r) AS high FROM deadlines.hours h, unnest(h.week) r
WHERE h.calendar = ANY($1::text[]) ORDER BY 1, 2, 3
"""
_YEAR = "SELECT source, version, confirmed_at FROM deadlines.year WHERE year = $1"
_DAYS = "SELECT day, kind, name_vi, name_en, like_weekday FROM deadlines.day WHERE year = $1 ORDER BY day"
_CONFIRMED = "SELECT year FROM deadlines.year WHERE year >= $1"


class CalendarQueries:
    """Reads of calendars."""

    def __init__(self, database: Database, policy: PolicyEngine, clock: Clock) -> None:
        self._database = database
        self._policy = policy
        self._clock = clock

    async def calendars(self, principal: OfficialPrincipal) -> tuple[Calendar, ...]:
        """All calendars by code, with all their hours. Raises Forbidden."""
        async with self._database.read_scope(principal, _reading("calendar.list")) as scope:
            await self._may_read(scope)
            return await _calendars(scope, None)

    async def calendar(self, principal: OfficialPrincipal, code: str) -> Calendar:
        """One calendar. Raises NotFound, Forbidden."""
        async with self._database.read_scope(principal, _reading("calendar.read")) as scope:
            await self._may_read(scope)
            found = await _calendars(scope, code) if code.isascii() and code.isprintable() else ()
            if not found:
                raise NotFound
            return found[0]

    async def year(self, principal: OfficialPrincipal, year: int) -> HolidayYear:
        """The confirmed days of a year, else the proposal. Raises InvalidInput, Forbidden."""
        async with self._database.read_scope(principal, _reading("calendar.read")) as scope:
            await self._may_read(scope)
            if year not in YEARS:
                raise InvalidInput("year")
            found = await scope.row(_YEAR, year)
            if found is None:
                return HolidayYear(year, YearState.PROPOSED, None, 0, None, proposed_days(year))
            days = tuple(_special(row) for row in await scope.rows(_DAYS, year))
        return HolidayYear(
            year, YearState.CONFIRMED, found["source"], found["version"], found["confirmed_at"], days
        )

    async def alarms(self, principal: OfficialPrincipal) -> tuple[CalendarAlarm, ...]:
        """Years that are missing today. Raises Forbidden."""
        today = self._clock.now().astimezone(HANOI).date()
        async with self._database.read_scope(principal, _reading("calendar.alarms")) as scope:
            await self._may_read(scope)
            rows = await scope.rows(_CONFIRMED, today.year)
        return alarms_on(today, frozenset(row["year"] for row in rows))

    async def _may_read(self, scope: ReadScope) -> None:
        await authorise_reading(scope, self._policy, Register.CALENDARS, self._clock.now())


async def _calendars(scope: ReadScope, code: str | None) -> tuple[Calendar, ...]:
    rows = await scope.rows(_CALENDARS, code, MOST_CALENDARS)
    spans: dict[str, dict[date, list[tuple[int, int]]]] = {}
    for row in await scope.rows(_HOURS, [row["code"] for row in rows]):
        of_day = spans.setdefault(row["calendar"], {}).setdefault(row["from_day"], [])
        of_day.append((row["low"], row["high"]))
    return tuple(
        Calendar(
            code=row["code"],
            name_vi=row["name_vi"],
            name_en=row["name_en"],
            observes_holidays=row["observes_holidays"],
            version=row["version"],
            hours=tuple(
                WeeklyHours(day, intervals_of(ranges)) for day, ranges in spans.get(row["code"], {}).items()
            ),
        )
        for row in rows
    )


def _special(row: Any) -> SpecialDay:
    return SpecialDay(row["day"], DayKind(row["kind"]), row["name_vi"], row["name_en"], row["like_weekday"])


def _reading(action: str) -> AuditEvent:
    return AuditEvent(action, activity=Activity.READ)
