"""What administrators do to calendars: made, renamed, other hours, the days of a year."""

from datetime import date
from typing import Annotated

import strawberry

from backend.administration.types import Done
from backend.deadlines import types as domain
from backend.deadlines.hours import minutes_of
from foundation.errors import Refusal
from graphql_schema.calendars import (
    TIME,
    WEEKDAY,
    HolidayYear,
    WorkingCalendar,
    calendar_of,
    year_of,
)
from graphql_schema.context import GraphQLContext, Info
from graphql_schema.enums import DayKind
from graphql_schema.errors import (
    CodeTaken,
    Forbidden,
    HoursOverlap,
    IdempotencyMismatch,
    InvalidInput,
    NotFound,
    VersionConflict,
    problem_of,
)
from graphql_schema.registers import (
    CHANGING,
    REACHING_FAR,
    VERSION,
    Asked,
    changed,
    expected_version,
    idempotency_key,
)

NAME = "1–200 ký tự. / 1–200 characters."


@strawberry.input(description="Một khoảng làm việc. / Working time within a day.")
class WorkingIntervalInput:
    weekday: int = strawberry.field(description=WEEKDAY)
    opens: str = strawberry.field(description=TIME)
    closes: str = strawberry.field(description=TIME)


@strawberry.input(description="Lịch làm việc mới, áp dụng từ hôm nay. / A new calendar, from today on.")
class CreateCalendarInput:
    code: str = strawberry.field(description="2–40 chữ thường, số, gạch dưới. / 2–40 of a–z, 0–9, _.")
    name_vi: str = strawberry.field(description=NAME)
    name_en: str = strawberry.field(description=NAME)
    observes_holidays: bool = True
    hours: list[WorkingIntervalInput]
    idempotency_key: str = idempotency_key()


@strawberry.input(description="Đổi tên; có nghỉ lễ hay không. / Other names; whether days off count.")
class RenameCalendarInput:
    code: str
    expected_version: int = expected_version()
    name_vi: str = strawberry.field(description=NAME)
    name_en: str = strawberry.field(description=NAME)
    observes_holidays: bool
    idempotency_key: str = idempotency_key()


@strawberry.input(description="Giờ làm việc mới từ một ngày. / Other weekly hours from a day on.")
class SetWorkingHoursInput:
    code: str
    expected_version: int = expected_version()
    from_day: date = strawberry.field(description="Hôm nay hoặc sau đó. / Today or later.")
    hours: list[WorkingIntervalInput] = strawberry.field(description="Cả tuần. / The whole week.")
    idempotency_key: str = idempotency_key()


@strawberry.input(description="Một ngày nghỉ hoặc làm bù. / A day off, or worked in exchange for one.")
class SpecialDayInput:
    day: date
    kind: DayKind
    name_vi: str = strawberry.field(description=NAME)
    name_en: str = strawberry.field(description=NAME)
    like_weekday: int | None = strawberry.field(
        default=None, description="Chỉ cho ngày làm bù: 1–5. / Of a worked day alone: 1–5."
    )


@strawberry.input(description="Xác nhận ngày nghỉ của một năm. / The days of a year, all of them.")
class ConfirmHolidayYearInput:
    year: int
    expected_version: int = expected_version()
    source: str = strawberry.field(
        description="Số quyết định, 1–300 ký tự. / The decision's number, 1–300 characters."
    )
    days: list[SpecialDayInput] = strawberry.field(description="Tối đa 60. / At most 60.")
    idempotency_key: str = idempotency_key()


@strawberry.type(description="Đã thực hiện. / Done.")
class CalendarChanged:
    code: str
    version: int = strawberry.field(description=VERSION)
    calendar: WorkingCalendar | None


@strawberry.type(description="Đã thực hiện. / Done.")
class HolidayYearChanged:
    year: int
    version: int = strawberry.field(description=VERSION)
    holiday_year: HolidayYear | None


CreateCalendarPayload = Annotated[
    CalendarChanged | Forbidden | InvalidInput | CodeTaken | HoursOverlap | IdempotencyMismatch,
    strawberry.union("CreateCalendarPayload"),
]
RenameCalendarPayload = Annotated[
    CalendarChanged | NotFound | Forbidden | InvalidInput | VersionConflict | IdempotencyMismatch,
    strawberry.union("RenameCalendarPayload"),
]
SetWorkingHoursPayload = Annotated[
    CalendarChanged
    | NotFound
    | Forbidden
    | InvalidInput
    | VersionConflict
    | HoursOverlap
    | IdempotencyMismatch,
    strawberry.union("SetWorkingHoursPayload"),
]
ConfirmHolidayYearPayload = Annotated[
    HolidayYearChanged | Forbidden | InvalidInput | VersionConflict | IdempotencyMismatch,
    strawberry.union("ConfirmHolidayYearPayload"),
]


async def _read(context: GraphQLContext, done: Done) -> WorkingCalendar:
    calendars = context.services.registers.calendars
    return calendar_of(await calendars.calendar(context.official(), done.code))


async def _read_year(context: GraphQLContext, done: Done) -> HolidayYear:
    calendars = context.services.registers.calendars
    return year_of(await calendars.year(context.official(), int(done.code)))


def _done(done: Done, calendar: WorkingCalendar | None) -> CalendarChanged:
    return CalendarChanged(code=done.code, version=done.version, calendar=calendar)


def _year_done(done: Done, year: HolidayYear | None) -> HolidayYearChanged:
    return HolidayYearChanged(year=int(done.code), version=done.version, holiday_year=year)


async def _hours(
    context: GraphQLContext, action: str, given: list[WorkingIntervalInput]
) -> list[domain.Interval]:
    async with context.parsing(action):
        return [
            domain.Interval(
                one.weekday, minutes_of("hours.opens", one.opens), minutes_of("hours.closes", one.closes)
            )
            for one in given
        ]


@strawberry.type
class CalendarMutation:
    @strawberry.mutation(description="Tạo lịch làm việc. / A new calendar.", metadata=CHANGING)
    async def create_calendar(self, info: Info, input: CreateCalendarInput) -> CreateCalendarPayload:
        context = info.context
        asked = Asked(action="calendar.create", key=input.idempotency_key, payload=CreateCalendarPayload)
        payload: CreateCalendarPayload
        try:
            hours = await _hours(context, asked.action, input.hours)
        except Refusal as refusal:
            payload = problem_of(refusal, context.language, CreateCalendarPayload)
            return payload
        payload = await changed(
            context,
            asked,
            lambda who, key: context.services.registers.calendar_changes.create(
                who, input.code, input.name_vi, input.name_en, input.observes_holidays, hours, key
            ),
            lambda done: _read(context, done),
            _done,
        )
        return payload

    @strawberry.mutation(description="Đổi tên lịch. / Other names.", metadata=CHANGING)
    async def rename_calendar(self, info: Info, input: RenameCalendarInput) -> RenameCalendarPayload:
        context = info.context
        asked = Asked(action="calendar.rename", key=input.idempotency_key, payload=RenameCalendarPayload)
        payload: RenameCalendarPayload = await changed(
            context,
            asked,
            lambda who, key: context.services.registers.calendar_changes.rename(
                who,
                input.code,
                input.expected_version,
                input.name_vi,
                input.name_en,
                input.observes_holidays,
                key,
            ),
            lambda done: _read(context, done),
            _done,
        )
        return payload

    @strawberry.mutation(description="Đặt giờ làm việc. / Other weekly hours.", metadata=REACHING_FAR)
    async def set_working_hours(self, info: Info, input: SetWorkingHoursInput) -> SetWorkingHoursPayload:
        context = info.context
        asked = Asked(action="calendar.hours", key=input.idempotency_key, payload=SetWorkingHoursPayload)
        payload: SetWorkingHoursPayload
        try:
            hours = await _hours(context, asked.action, input.hours)
        except Refusal as refusal:
            payload = problem_of(refusal, context.language, SetWorkingHoursPayload)
            return payload
        payload = await changed(
            context,
            asked,
            lambda who, key: context.services.registers.calendar_changes.set_hours(
                who, input.code, input.expected_version, input.from_day, hours, key
            ),
            lambda done: _read(context, done),
            _done,
        )
        return payload

    @strawberry.mutation(
        description="Xác nhận ngày nghỉ của năm. / The days of a year hold.", metadata=REACHING_FAR
    )
    async def confirm_holiday_year(
        self, info: Info, input: ConfirmHolidayYearInput
    ) -> ConfirmHolidayYearPayload:
        context = info.context
        asked = Asked(action="calendar.confirm", key=input.idempotency_key, payload=ConfirmHolidayYearPayload)
        days = [
            domain.SpecialDay(one.day, one.kind, one.name_vi, one.name_en, one.like_weekday)
            for one in input.days
        ]
        payload: ConfirmHolidayYearPayload = await changed(
            context,
            asked,
            lambda who, key: context.services.registers.calendar_changes.confirm_year(
                who, input.year, input.expected_version, input.source, days, key
            ),
            lambda done: _read_year(context, done),
            _year_done,
        )
        return payload
