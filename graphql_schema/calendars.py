"""Working time (giờ làm việc): calendars, days off of years, and which year is missing."""

from datetime import date, datetime
from typing import Annotated

import strawberry

from backend.deadlines import types as domain
from backend.deadlines.hours import time_of
from foundation.errors import Refusal
from graphql_schema.context import Info
from graphql_schema.enums import DayKind, YearState
from graphql_schema.errors import Forbidden, InvalidInput, problem_of
from graphql_schema.node import Node
from graphql_schema.registers import CALENDAR, VERSION, YEAR, global_id
from graphql_schema.sizes import rows

WEEKDAY = "1 là thứ hai, 7 là chủ nhật. / 1 is Monday, 7 is Sunday."
TIME = "HH:MM, giờ Hà Nội; cuối ngày là 24:00. / HH:MM in Ha Noi; the end of a day is 24:00."


@strawberry.type(description="Một khoảng làm việc. / Working time within a day.")
class WorkingInterval:
    weekday: int = strawberry.field(description=WEEKDAY)
    opens: str = strawberry.field(description=TIME)
    closes: str = strawberry.field(description=TIME)


@strawberry.type(description="Giờ làm việc hằng tuần từ một ngày. / Weekly hours from a day on.")
class WeeklyHours:
    from_day: date
    intervals: list[WorkingInterval] = strawberry.field(metadata=rows(10))


@strawberry.type(description="Lịch làm việc. / A working-hour calendar.")
class WorkingCalendar(Node):
    code: str
    name_vi: str
    name_en: str
    observes_holidays: bool = strawberry.field(description="Có nghỉ lễ. / Days off are no working time.")
    hours: list[WeeklyHours] = strawberry.field(
        description="Bộ bắt đầu sau cùng được áp dụng. / The one that began last holds.", metadata=rows(3)
    )
    version: int = strawberry.field(description=VERSION)


@strawberry.type(description="Một ngày nghỉ hoặc làm bù. / A day off, or worked in exchange for one.")
class SpecialDay:
    day: date
    kind: DayKind
    name_vi: str
    name_en: str
    like_weekday: int | None = strawberry.field(
        description="Ngày làm bù theo giờ của thứ nào: 1 là thứ hai. / Whose hours a worked day has."
    )


@strawberry.type(description="Ngày nghỉ của một năm. / The days off and swapped days of a year.")
class HolidayYear(Node):
    year: int
    state: YearState
    source: str | None = strawberry.field(description="Quyết định, thông báo. / The decision.")
    confirmed_at: datetime | None
    days: list[SpecialDay] = strawberry.field(metadata=rows(20))
    version: int = strawberry.field(description="0: chưa xác nhận. / 0 until somebody confirms it.")


@strawberry.type(description="Năm chưa có ngày nghỉ. / A year whose days off nobody has confirmed.")
class CalendarAlarm:
    year: int
    since: date


HolidayYearResult = Annotated[
    HolidayYear | Forbidden | InvalidInput,
    strawberry.union("HolidayYearResult", description="Năm, hoặc lý do. / The year, or why not."),
]


def calendar_of(calendar: domain.Calendar) -> WorkingCalendar:
    """A calendar as the schema shows it."""
    return WorkingCalendar(
        id=global_id(CALENDAR, calendar.code),
        code=calendar.code,
        name_vi=calendar.name_vi,
        name_en=calendar.name_en,
        observes_holidays=calendar.observes_holidays,
        hours=[
            WeeklyHours(
                from_day=hours.from_day,
                intervals=[
                    WorkingInterval(weekday=one.weekday, opens=time_of(one.opens), closes=time_of(one.closes))
                    for one in hours.intervals
                ],
            )
            for hours in calendar.hours
        ],
        version=calendar.version,
    )


def year_of(year: domain.HolidayYear) -> HolidayYear:
    """A year as the schema shows it."""
    return HolidayYear(
        id=global_id(YEAR, str(year.year)),
        year=year.year,
        state=year.state,
        source=year.source,
        confirmed_at=year.confirmed_at,
        days=[
            SpecialDay(
                day=one.day,
                kind=one.kind,
                name_vi=one.name_vi,
                name_en=one.name_en,
                like_weekday=one.like_weekday,
            )
            for one in year.days
        ],
        version=year.version,
    )


@strawberry.type
class CalendarQuery:
    @strawberry.field(description="Các lịch làm việc. / All working-hour calendars.", metadata=rows(5))
    async def working_calendars(self, info: Info) -> list[WorkingCalendar] | None:
        context = info.context
        async with context.parsing("calendar.list"):
            official = context.official()
        found = await context.services.registers.calendars.calendars(official)
        return [calendar_of(calendar) for calendar in found]

    @strawberry.field(
        description="Ngày nghỉ của một năm; chưa xác nhận thì là đề xuất. / Of a year; a proposal until "
        "somebody confirms it."
    )
    async def holiday_year(self, info: Info, year: int) -> HolidayYearResult:
        context = info.context
        try:
            async with context.parsing("calendar.read"):
                official = context.official()
            return year_of(await context.services.registers.calendars.year(official, year))
        except Refusal as refusal:
            problem: HolidayYearResult = problem_of(refusal, context.language, HolidayYearResult)
            return problem

    @strawberry.field(
        description="Năm chưa xác nhận ngày nghỉ; năm sau tính từ 01/12. / Years that are missing, the next "
        "one from 1 December.",
        metadata=rows(2),
    )
    async def calendar_alarms(self, info: Info) -> list[CalendarAlarm] | None:
        context = info.context
        async with context.parsing("calendar.alarms"):
            official = context.official()
        found = await context.services.registers.calendars.alarms(official)
        return [CalendarAlarm(year=alarm.year, since=alarm.since) for alarm in found]
