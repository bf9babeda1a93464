"""Figures (thống kê) that officials see of their units: at most two seconds old."""

from datetime import date
from typing import Annotated

import strawberry

from backend.reports.types import ReportState as State
from backend.statistics import types as domain
from foundation.errors import Refusal
from graphql_schema.context import DEFAULT_PAGE, Info
from graphql_schema.enums import ReportState
from graphql_schema.errors import Forbidden, InvalidInput, NotFound, problem_of
from graphql_schema.paging import AFTER, FIRST, Connection, connection_of
from graphql_schema.reports import CATEGORY_CODE
from graphql_schema.sizes import rows
from graphql_schema.tenancy import UnitSummary, summary_of

LIST = "unitFigures"
RATE = "Từ 0 đến 1; trống nếu không có hạn nào kết thúc. / From 0 to 1; null when no deadline ended."


@strawberry.input(description="Số liệu của ai, về gì, khi nào. / Whose figures, of what, when.")
class FiguresInput:
    from_day: date = strawberry.field(description="Ngày đầu, giờ Hà Nội. / The first day, in Ha Noi.")
    until_day: date = strawberry.field(
        description="Ngày cuối, tối đa 366 ngày. / The last day; 366 days at most."
    )
    units: list[str] | None = strawberry.field(
        default=None, description="Mã đơn vị; bỏ trống là tất cả. / Codes; none means all of the official's."
    )
    below: bool = strawberry.field(
        default=True, description="Gồm cả đơn vị trực thuộc. / With everything below each unit."
    )
    category: str | None = strawberry.field(default=None, description=CATEGORY_CODE)


@strawberry.type(description="Đã xảy ra trong một kỳ. / What happened within a period.")
class Tally:
    received: int = strawberry.field(
        description="Tính theo ngày gửi, nơi đang xử lý. / By the day of its making, where it lies now."
    )
    closed: int
    on_time: int = strawberry.field(description="Đúng hạn. / Deadlines that ended in time.")
    late: int
    on_time_rate: float | None = strawberry.field(description=RATE)
    ratings: int
    satisfaction: float | None = strawberry.field(description="Trung bình 1–5. / The mean, 1 to 5.")


@strawberry.type(description="Số phản ánh theo trạng thái, lúc này. / Reports in a state, at this moment.")
class StateCount:
    state: ReportState
    reports: int


@strawberry.type(description="Một lĩnh vực. / One category.")
class CategoryFigures:
    category_code: str = strawberry.field(description=CATEGORY_CODE)
    open: int
    now: Tally
    before: Tally


@strawberry.type(description="Một ngày. / One day.")
class DayFigures:
    day: date
    tally: Tally


@strawberry.type(description="Số liệu của các đơn vị. / Figures of units together.")
class Figures:
    from_day: date
    until_day: date
    open: int = strawberry.field(description="Chưa đóng, lúc này. / Not closed, at this moment.")
    states: list[StateCount] = strawberry.field(metadata=rows(5))
    now: Tally
    before: Tally = strawberry.field(description="Kỳ liền trước, dài bằng. / The period before, as long.")
    categories: list[CategoryFigures] = strawberry.field(metadata=rows(12))
    days: list[DayFigures] = strawberry.field(metadata=rows(31))


@strawberry.type(description="Số liệu của một đơn vị. / One unit alone, without those below it.")
class UnitFigures:
    unit: UnitSummary
    open: int
    now: Tally


FiguresResult = Annotated[
    Figures | NotFound | Forbidden | InvalidInput,
    strawberry.union("FiguresResult", description="Số liệu, hoặc lý do. / The figures, or why not."),
]


def tally_of(tally: domain.Tally) -> Tally:
    """A tally as the schema shows it."""
    return Tally(
        received=tally.received,
        closed=tally.closed,
        on_time=tally.on_time,
        late=tally.late,
        on_time_rate=tally.on_time_rate,
        ratings=tally.ratings,
        satisfaction=tally.satisfaction,
    )


def _figures_of(figures: domain.Figures) -> Figures:
    return Figures(
        from_day=figures.period.from_day,
        until_day=figures.period.until_day,
        open=figures.open,
        states=[StateCount(state=state, reports=figures.standing.get(state, 0)) for state in State],
        now=tally_of(figures.now),
        before=tally_of(figures.before),
        categories=[
            CategoryFigures(
                category_code=one.category,
                open=one.open,
                now=tally_of(one.now),
                before=tally_of(one.before),
            )
            for one in figures.categories
        ],
        days=[DayFigures(day=one.day, tally=tally_of(one.tally)) for one in figures.days],
    )


def _unit_of(figures: domain.UnitFigures) -> UnitFigures:
    return UnitFigures(unit=summary_of(figures.unit), open=figures.open, now=tally_of(figures.now))


def _wanted(given: FiguresInput) -> domain.Wanted:
    return domain.Wanted(
        domain.Period(given.from_day, given.until_day),
        None if given.units is None else tuple(given.units),
        given.below,
        given.category,
    )


Of = Annotated[FiguresInput, strawberry.argument(name="of")]


@strawberry.type
class StatisticsQuery:
    @strawberry.field(description="Số liệu của các đơn vị, gộp lại. / Figures of units, together.")
    async def figures(self, info: Info, of: Of) -> FiguresResult:
        context = info.context
        try:
            async with context.parsing("statistics.read"):
                official = context.official()
            return _figures_of(await context.services.statistics.officials.figures(official, _wanted(of)))
        except Refusal as refusal:
            problem: FiguresResult = problem_of(refusal, context.language, FiguresResult)
            return problem

    @strawberry.field(
        description="Số liệu từng đơn vị, theo bảng chữ cái. / Of each unit, in alphabetical order."
    )
    async def unit_figures(
        self,
        info: Info,
        of: Of,
        first: Annotated[int, strawberry.argument(description=FIRST)] = DEFAULT_PAGE,
        after: Annotated[str | None, strawberry.argument(description=AFTER)] = None,
    ) -> Connection[UnitFigures] | None:
        context = info.context
        async with context.parsing("statistics.read"):
            official = context.official()
            count, position = context.named_page(LIST, first, after)
        page = await context.services.statistics.officials.of_units(official, _wanted(of), count, position)
        return connection_of(context, LIST, page.items, page.keys, page.has_next, after, _unit_of)
