"""Figures for everybody (thống kê công khai): hourly, rounded to 5, nothing about fewer than five people."""

from datetime import datetime
from enum import StrEnum
from typing import Annotated

import strawberry

from backend.statistics import types as domain
from foundation.errors import Refusal
from graphql_schema.access import public
from graphql_schema.context import DEFAULT_PAGE, Info
from graphql_schema.errors import InvalidInput, NotFound, problem_of
from graphql_schema.reports import CATEGORY_CODE
from graphql_schema.sizes import rows
from graphql_schema.tenancy import UnitSummary, summary_of

ROUNDED = "30 ngày gần nhất, làm tròn đến 5. / The last 30 days, rounded to 5."
BEFORE = "30 ngày trước đó, làm tròn đến 5. / The 30 days before, rounded to 5."


@strawberry.enum(description="So với kỳ trước. / Against the period before.")
class Trend(StrEnum):
    UP = "up"
    DOWN = "down"
    STEADY = "steady"
    NEW = "new"


@strawberry.type(description="Lĩnh vực. / A category, most reports first.")
class PublicCategory:
    category_code: str = strawberry.field(description=CATEGORY_CODE)
    name_vi: str
    name_en: str
    reports: int = strawberry.field(description=ROUNDED)
    before: int = strawberry.field(description=BEFORE)
    trend: Trend


@strawberry.type(
    description="Phường, xã; hoặc toàn thành phố. / A ward, or the city for what is told of all."
)
class PublicWard:
    ward: UnitSummary
    reports: int = strawberry.field(description=ROUNDED)
    before: int = strawberry.field(description=BEFORE)
    trend: Trend


@strawberry.type(description="Tâm của một ô H3 trong phường. / The centre of an H3 cell within a ward.")
class PublicPlace:
    ward_code: str
    resolution: int = strawberry.field(
        description="9; nhỏ hơn là ô lớn hơn, nơi ít người gửi. / 9; less is coarser, where fewer reported."
    )
    latitude: float
    longitude: float
    reports: int = strawberry.field(description=ROUNDED)
    before: int = strawberry.field(description=BEFORE)
    trend: Trend


@strawberry.type(description="Đúng hạn và hài lòng, 90 ngày. / Deadlines kept and ratings, 90 days.")
class PublicUnit:
    unit: UnitSummary
    on_time_percent: int | None = strawberry.field(
        description="Bước 5 %; trống: quá ít. / In steps of 5 %; null: too few."
    )
    deadlines: int
    satisfaction: float | None = strawberry.field(
        description="1–5, bước 0,5; trống: quá ít. / 1 to 5, in steps of 0.5; null: too few."
    )
    ratings: int


@strawberry.type(description="Số liệu công khai của một giờ. / One hour's edition of the public figures.")
class PublicFigures:
    made_at: datetime
    categories: list[PublicCategory] = strawberry.field(metadata=rows(12))
    wards: list[PublicWard] = strawberry.field(metadata=rows(130))
    places: list[PublicPlace] = strawberry.field(metadata=rows(20))
    units: list[PublicUnit] = strawberry.field(metadata=rows(140))


PublicFiguresResult = Annotated[
    PublicFigures | NotFound | InvalidInput,
    strawberry.union("PublicFiguresResult", description="Số liệu, hoặc lý do. / The figures, or why not."),
]


def trend_of(reports: int, before: int) -> Trend:
    """Where it goes; within a tenth it is steady."""
    if not before:
        return Trend.NEW if reports else Trend.STEADY
    if abs(reports - before) * 10 <= before:
        return Trend.STEADY
    return Trend.UP if reports > before else Trend.DOWN


def _figures_of(figures: domain.PublicFigures) -> PublicFigures:
    return PublicFigures(
        made_at=figures.made_at,
        categories=[
            PublicCategory(
                category_code=one.code,
                name_vi=one.name_vi,
                name_en=one.name_en,
                reports=one.reports,
                before=one.before,
                trend=trend_of(one.reports, one.before),
            )
            for one in figures.categories
        ],
        wards=[
            PublicWard(
                ward=summary_of(one.unit),
                reports=one.reports,
                before=one.before,
                trend=trend_of(one.reports, one.before),
            )
            for one in figures.wards
        ],
        places=[
            PublicPlace(
                ward_code=one.ward_code,
                resolution=one.resolution,
                latitude=one.latitude,
                longitude=one.longitude,
                reports=one.reports,
                before=one.before,
                trend=trend_of(one.reports, one.before),
            )
            for one in figures.places
        ],
        units=[
            PublicUnit(
                unit=summary_of(one.unit),
                on_time_percent=one.on_time_percent,
                deadlines=one.deadlines,
                satisfaction=one.satisfaction,
                ratings=one.ratings,
            )
            for one in figures.units
        ],
    )


@strawberry.type
class PublicFiguresQuery:
    @strawberry.field(
        description="Số liệu công khai, mỗi giờ một lần. / Public figures, made once an hour. Public.",
        metadata=public(),
    )
    async def public_figures(
        self,
        info: Info,
        places: Annotated[
            int, strawberry.argument(description="Số điểm nóng nhất, 1–100. / The hottest places.")
        ] = DEFAULT_PAGE,
    ) -> PublicFiguresResult:
        context = info.context
        try:
            return _figures_of(await context.services.statistics.public.figures(context.principal, places))
        except Refusal as refusal:
            problem: PublicFiguresResult = problem_of(refusal, context.language, PublicFiguresResult)
            return problem
