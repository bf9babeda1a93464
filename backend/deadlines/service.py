"""What administrators do to calendars: one method a mutation."""

import re
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import replace
from datetime import date, datetime, timedelta
from typing import Any

from sqlalchemy import text

from backend.administration.errors import CodeTaken
from backend.administration.service import AdministrationService
from backend.administration.types import Done, Fields, HistoryKind, Made, Register
from backend.deadlines.facts import calendars, rows_of
from backend.deadlines.hours import checked_hours, intervals_of, multirange_of, time_of
from backend.deadlines.types import DayKind, Interval, SpecialDay
from foundation.clock import HANOI
from foundation.database.jobs import enqueue
from foundation.database.unit_of_work import UnitOfWork
from foundation.errors import InvalidInput, NotFound, VersionConflict
from foundation.idempotency import Idempotency
from foundation.identity.principal import OfficialPrincipal
from foundation.recording import Activity, AuditEvent
from foundation.texts import MAX_NOTE, checked_label

MOST_DAYS = 60
YEARS = range(2020, 2200)
MAX_AHEAD = 366
SATURDAY = 6
RECKON_ALL = "deadlines.reckon_all"
"""The job after a change of working time: open clocks are reckoned anew, stopped ones stay."""
_CODE = re.compile(r"[a-z][a-z0-9_]{1,39}")

_ALONE = text("SELECT pg_advisory_xact_lock(4801, 3)")
_CALENDAR = text(
    "SELECT code, name_vi, name_en, observes_holidays, version FROM deadlines.calendar WHERE code = :code"
)
_HOURS = text(
    """
    SELECT lower(r) AS low, upper(r) AS high FROM deadlines.hours h, unnest(h.week) r
    WHERE h.calendar = :code AND h.from_day = (SELECT max(b.from_day) FROM deadlines.hours b
      WHERE b.calendar = :code AND b.from_day <= :day) ORDER BY 1
    """
)
_INSERT = text(
    """
    INSERT INTO deadlines.calendar (code, name_vi, name_en, observes_holidays)
    VALUES (:code, :name_vi, :name_en, :observes_holidays) ON CONFLICT (code) DO NOTHING RETURNING true
    """
)
_RENAME = text(
    """
    UPDATE deadlines.calendar SET name_vi = :name_vi, name_en = :name_en,
      observes_holidays = :observes_holidays, version = version + 1
    WHERE code = :code
    """
)
_RAISE = text("UPDATE deadlines.calendar SET version = version + 1 WHERE code = :code")
_REMOVE_HOURS = text("DELETE FROM deadlines.hours WHERE calendar = :code AND from_day = :day")
_PUT_HOURS = text(
    """
    INSERT INTO deadlines.hours (calendar, from_day, week)
    VALUES (:code, :day, cast(cast(:week AS text) AS int4multirange))
    """
)
_YEAR = text("SELECT year, source, version FROM deadlines.year WHERE year = :year")
_DAYS = text(
    "SELECT day, kind, name_vi, name_en, like_weekday FROM deadlines.day WHERE year = :year ORDER BY day"
)
_INSERT_YEAR = text(
    "INSERT INTO deadlines.year (year, source, version, confirmed_at) VALUES (:year, :source, :version, :at)"
)
_CHANGE_YEAR = text(
    "UPDATE deadlines.year SET source = :source, version = :version, confirmed_at = :at WHERE year = :year"
)
_REMOVE_DAYS = text("DELETE FROM deadlines.day WHERE year = :year")
_INSERT_DAY = text(
    """
    INSERT INTO deadlines.day (day, year, kind, name_vi, name_en, like_weekday)
    VALUES (:day, :year, :kind, :name_vi, :name_en, :like_weekday)
    """
)

OFFICE = "office"
"""The calendar of the city's offices."""

Make = Callable[[UnitOfWork, datetime], Awaitable[Made]]


class CalendarService:
    """Changes of calendars and of the days of years."""

    def __init__(self, administration: AdministrationService) -> None:
        self._administration = administration

    async def create(
        self,
        principal: OfficialPrincipal,
        code: str,
        name_vi: str,
        name_en: str,
        observes_holidays: bool,
        hours: Sequence[Interval],
        idempotency: Idempotency,
    ) -> Done:
        """A calendar, its hours from today on. Raises InvalidInput, HoursOverlap, CodeTaken, Forbidden."""

        async def make(work: UnitOfWork, now: datetime) -> Made:
            if not _CODE.fullmatch(code):
                raise InvalidInput("code")
            names = _names(name_vi, name_en)
            week = checked_hours(hours)
            work.intent = replace(work.intent, resource=f"calendar:{code}")
            row = {"code": code, **names, "observes_holidays": observes_holidays}
            if (await work.connection.execute(_INSERT, row)).scalar() is None:
                raise CodeTaken
            await _put(work, code, _day(now), week)
            after = {
                "nameVi": names["name_vi"],
                "nameEn": names["name_en"],
                "observesHolidays": observes_holidays,
                "hoursFrom": _day(now).isoformat(),
                "hours": _told(week),
            }
            return Made(HistoryKind.CALENDAR, code, 1, None, after)

        return await self._change(principal, "calendar.create", Activity.CREATE, idempotency, make)

    async def rename(
        self,
        principal: OfficialPrincipal,
        code: str,
        expected_version: int,
        name_vi: str,
        name_en: str,
        observes_holidays: bool,
        idempotency: Idempotency,
    ) -> Done:
        """Other names; whether days off count. Raises NotFound, VersionConflict, InvalidInput, Forbidden."""

        async def make(work: UnitOfWork, now: datetime) -> Made:
            names = _names(name_vi, name_en)
            found = await _locked(work, code, expected_version)
            row = {"code": code, **names, "observes_holidays": observes_holidays}
            await work.connection.execute(_RENAME, row)
            await enqueue(work, RECKON_ALL)
            before = _named(found.name_vi, found.name_en, found.observes_holidays)
            after = _named(names["name_vi"], names["name_en"], observes_holidays)
            return Made(HistoryKind.CALENDAR, code, found.version + 1, before, after)

        return await self._change(principal, "calendar.rename", Activity.UPDATE, idempotency, make)

    async def set_hours(
        self,
        principal: OfficialPrincipal,
        code: str,
        expected_version: int,
        from_day: date,
        hours: Sequence[Interval],
        idempotency: Idempotency,
    ) -> Done:
        """Other weekly hours from a day, today or later: what has held stays.

        Raises NotFound, VersionConflict, InvalidInput, HoursOverlap, Forbidden.
        """

        async def make(work: UnitOfWork, now: datetime) -> Made:
            week = checked_hours(hours)
            if not 0 <= (from_day - _day(now)).days <= MAX_AHEAD:
                raise InvalidInput("fromDay")
            found = await _locked(work, code, expected_version)
            rows = await work.connection.execute(_HOURS, {"code": code, "day": from_day})
            before = intervals_of((row.low, row.high) for row in rows)
            await _put(work, code, from_day, week)
            await work.connection.execute(_RAISE, {"code": code})
            await enqueue(work, RECKON_ALL)
            told = [
                {"hoursFrom": from_day.isoformat(), "hours": _told(intervals)} for intervals in (before, week)
            ]
            return Made(HistoryKind.CALENDAR, code, found.version + 1, told[0], told[1])

        return await self._change(principal, "calendar.hours", Activity.UPDATE, idempotency, make)

    async def confirm_year(
        self,
        principal: OfficialPrincipal,
        year: int,
        expected_version: int,
        source: str,
        days: Sequence[SpecialDay],
        idempotency: Idempotency,
    ) -> Done:
        """The special days of a year, all of them, and the decision they stand in. Version 0: none before.

        Raises VersionConflict, InvalidInput naming "year", "source", "days" or the names, Forbidden.
        """

        async def make(work: UnitOfWork, now: datetime) -> Made:
            if year not in YEARS:
                raise InvalidInput("year")
            checked = _checked_days(year, days)
            label = checked_label("source", source, MAX_NOTE)
            work.intent = replace(work.intent, resource=f"calendar:year-{year}")
            await work.connection.execute(_ALONE)
            found = (await work.connection.execute(_YEAR, {"year": year})).one_or_none()
            version = 0 if found is None else found.version
            if version != expected_version:
                raise VersionConflict(version)
            rows = (await work.connection.execute(_DAYS, {"year": year})).all()
            before = None if found is None else _told_days(found.source, rows)
            row = {"year": year, "source": label, "version": version + 1, "at": now}
            await work.connection.execute(_INSERT_YEAR if found is None else _CHANGE_YEAR, row)
            await work.connection.execute(_REMOVE_DAYS, {"year": year})
            if checked:
                await work.connection.execute(_INSERT_DAY, [_row(year, day) for day in checked])
            await enqueue(work, RECKON_ALL)
            after = _told_days(label, checked)
            return Made(HistoryKind.HOLIDAY_YEAR, str(year), version + 1, before, after)

        return await self._change(principal, "calendar.confirm", Activity.UPDATE, idempotency, make)

    async def _change(
        self,
        principal: OfficialPrincipal,
        action: str,
        activity: Activity,
        idempotency: Idempotency,
        make: Make,
    ) -> Done:
        intent = AuditEvent(action, activity=activity)
        return await self._administration.change(principal, Register.CALENDARS, intent, idempotency, make)


async def _locked(work: UnitOfWork, code: str, expected_version: int) -> Any:
    if not _CODE.fullmatch(code):
        raise NotFound
    work.intent = replace(work.intent, resource=f"calendar:{code}")
    await work.connection.execute(_ALONE)
    found = (await work.connection.execute(_CALENDAR, {"code": code})).one_or_none()
    if found is None:
        raise NotFound
    if found.version != expected_version:
        raise VersionConflict(found.version)
    return found


async def _put(work: UnitOfWork, code: str, day: date, week: Sequence[Interval]) -> None:
    await work.connection.execute(_REMOVE_HOURS, {"code": code, "day": day})
    await work.connection.execute(_PUT_HOURS, {"code": code, "day": day, "week": multirange_of(week)})


def _checked_days(year: int, days: Sequence[SpecialDay]) -> tuple[SpecialDay, ...]:
    """The days in order. Raises InvalidInput for a day outside the year, twice, or worked without need."""
    if len(days) > MOST_DAYS or len({special.day for special in days}) != len(days):
        raise InvalidInput("days")
    checked = []
    for special in sorted(days, key=lambda special: special.day):
        if special.day.year != year:
            raise InvalidInput("days")
        working = special.kind is DayKind.WORKING
        if working != (special.like_weekday is not None):
            raise InvalidInput("days")
        # What is worked for another day is a day at the weekend, with the hours of a day of the week.
        if working and (
            special.day.isoweekday() < SATURDAY or special.like_weekday not in range(1, SATURDAY)
        ):
            raise InvalidInput("days")
        names = _names(special.name_vi, special.name_en)
        checked.append(replace(special, name_vi=names["name_vi"], name_en=names["name_en"]))
    return tuple(checked)


def _names(name_vi: str, name_en: str) -> dict[str, str]:
    return {"name_vi": checked_label("nameVi", name_vi), "name_en": checked_label("nameEn", name_en)}


def _named(name_vi: str, name_en: str, observes_holidays: bool) -> Fields:
    return {"nameVi": name_vi, "nameEn": name_en, "observesHolidays": observes_holidays}


def _told(week: Sequence[Interval]) -> Fields:
    told: dict[str, str] = {}
    for interval in week:
        span = f"{time_of(interval.opens)}–{time_of(interval.closes)}"
        weekday = str(interval.weekday)
        told[weekday] = f"{told[weekday]}, {span}" if weekday in told else span
    return told


def _told_days(source: str, days: Sequence[Any]) -> Fields:
    told = {
        day.day.isoformat(): " ".join(
            [str(day.kind), *([] if day.like_weekday is None else [str(day.like_weekday)]), day.name_vi]
        )
        for day in days
    }
    return {"source": source, "days": told}


def _row(year: int, special: SpecialDay) -> dict[str, Any]:
    return {
        "day": special.day,
        "year": year,
        "kind": special.kind,
        "name_vi": special.name_vi,
        "name_en": special.name_en,
        "like_weekday": special.like_weekday,
    }


def _day(now: datetime) -> date:
    return now.astimezone(HANOI).date()


async def working_days_after(work: UnitOfWork, start: datetime, days: int) -> datetime:
    """When so many working days of the city's offices have passed since a moment."""
    office = (await calendars(rows_of(work), [OFFICE], start))[OFFICE]
    day = timedelta(minutes=office.day_minutes(_day(start)))
    return office.add(start, days * day)
