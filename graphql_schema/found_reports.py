"""Officers' lists by filters, and filters kept under a name."""

from datetime import date, datetime
from typing import Annotated

import strawberry

from backend.work.filters import Hand, ListFilter, Standing
from backend.work.views import SavedView as View
from foundation.errors import Refusal
from graphql_schema.context import DEFAULT_PAGE, GraphQLContext, Info
from graphql_schema.enums import ReportState
from graphql_schema.errors import Forbidden, IdempotencyMismatch, InvalidInput, NotFound, problem_of
from graphql_schema.paging import AFTER, FIRST, Connection, connection_of
from graphql_schema.report_changes import IDEMPOTENCY_KEY
from graphql_schema.reports import CATEGORY_CODE, SEARCH, Report, report_of
from graphql_schema.sizes import rows
from graphql_schema.work_problems import NameTaken, TooManyViews

KIND = "SavedView"
VIEWS = 20
"""Of a person, usually."""
UNITS = 5
"""Of a filter, usually; at most 20."""
DAY = "Ngày ở Hà Nội, tính cả ngày đó. / A day in Ha Noi, included."

strawberry.enum(Hand, name="Hand", description="Của tôi, chưa giao, đã giao. / Mine, nobody's, somebody's.")
strawberry.enum(
    Standing, name="DeadlineStanding", description="Quá hạn, trong một ngày, trong bảy ngày. / How it stands."
)


@strawberry.input(description="Bộ lọc; bỏ trống là không lọc. / What a list is narrowed by.")
class ReportFilterInput:
    units: list[str] | None = strawberry.field(default=None, description="Tối đa 20 mã. / At most 20 codes.")
    state: ReportState | None = None
    category: str | None = strawberry.field(default=None, description=CATEGORY_CODE)
    ward: str | None = None
    hand: Hand | None = None
    assignee: str | None = strawberry.field(default=None, description="Mã cán bộ. / Code of an official.")
    standing: Standing | None = None
    channel: str | None = strawberry.field(default=None, description="Mã kênh, hoặc app. / A code, or app.")
    from_day: date | None = strawberry.field(default=None, description=DAY)
    to_day: date | None = strawberry.field(default=None, description=DAY)
    search: str | None = strawberry.field(default=None, description=SEARCH)


@strawberry.input(description="Lưu bộ lọc. / Keep a view, or change an own one.")
class SaveViewInput:
    id: strawberry.ID | None = strawberry.field(default=None, description="Bộ lọc cần sửa. / To change one.")
    name: str = strawberry.field(description="1–100 ký tự. / 1–100 characters.")
    filter: ReportFilterInput
    share_with_unit: str | None = strawberry.field(
        default=None, description="Chỉ trưởng đơn vị. / A unit's code, by its head only."
    )
    idempotency_key: str = strawberry.field(description=IDEMPOTENCY_KEY)


@strawberry.input(description="Xóa bộ lọc của mình. / Forget an own view.")
class DeleteViewInput:
    id: strawberry.ID
    idempotency_key: str = strawberry.field(description=IDEMPOTENCY_KEY)


@strawberry.type(description="Bộ lọc. / What a list is narrowed by.")
class ReportFilter:
    units: list[str] | None = strawberry.field(metadata=rows(UNITS))
    state: ReportState | None
    category: str | None
    ward: str | None
    hand: Hand | None
    assignee: str | None
    standing: Standing | None
    channel: str | None
    from_day: date | None
    to_day: date | None
    search: str | None


@strawberry.type(description="Bộ lọc đã lưu. / A saved view.")
class SavedView:
    id: strawberry.ID
    name: str
    filter: ReportFilter
    shared_with_unit: str | None
    own: bool = strawberry.field(description="Của người hỏi. / Of whoever asks.")
    saved_at: datetime


@strawberry.type(description="Đã thực hiện. / Done.")
class ViewSaved:
    id: strawberry.ID


@strawberry.type(description="Đã xóa. / Forgotten.")
class ViewDeleted:
    id: strawberry.ID


SaveViewPayload = Annotated[
    ViewSaved | NotFound | Forbidden | InvalidInput | NameTaken | TooManyViews | IdempotencyMismatch,
    strawberry.union("SaveViewPayload"),
]
DeleteViewPayload = Annotated[
    ViewDeleted | NotFound | Forbidden | InvalidInput | IdempotencyMismatch,
    strawberry.union("DeleteViewPayload"),
]


def filter_of(given: ReportFilterInput) -> ListFilter:
    """The filter as the services take it."""
    return ListFilter(
        units=None if given.units is None else tuple(given.units),
        state=given.state,
        category=given.category,
        ward=given.ward,
        hand=given.hand,
        assignee=given.assignee,
        standing=given.standing,
        channel=given.channel,
        from_day=given.from_day,
        to_day=given.to_day,
        search=given.search,
    )


def _shown(wanted: ListFilter) -> ReportFilter:
    return ReportFilter(
        units=None if wanted.units is None else list(wanted.units),
        state=wanted.state,
        category=wanted.category,
        ward=wanted.ward,
        hand=wanted.hand,
        assignee=wanted.assignee,
        standing=wanted.standing,
        channel=wanted.channel,
        from_day=wanted.from_day,
        to_day=wanted.to_day,
        search=wanted.search,
    )


def _view_of(context: GraphQLContext, view: View) -> SavedView:
    return SavedView(
        id=strawberry.ID(context.codecs.global_ids.of_uuid(KIND, view.id)),
        name=view.name,
        filter=_shown(view.filter),
        shared_with_unit=view.unit,
        own=view.own,
        saved_at=view.saved_at,
    )


@strawberry.type
class FoundReportsQuery:
    @strawberry.field(
        description="Phản ánh của các đơn vị, theo bộ lọc, mới trước. / Reports by filters, newest first."
    )
    async def find_reports(
        self,
        info: Info,
        filter: ReportFilterInput,
        first: Annotated[int, strawberry.argument(description=FIRST)] = DEFAULT_PAGE,
        after: Annotated[str | None, strawberry.argument(description=AFTER)] = None,
    ) -> Connection[Report] | None:
        context = info.context
        async with context.parsing("report.list"):
            official, page = context.official(), context.page("findReports", first, after)
        found = await context.services.work.finder.find(official, filter_of(filter), page)
        return connection_of(
            context, "findReports", found.items, found.positions, found.has_next, after, report_of
        )

    @strawberry.field(
        description="Bộ lọc của mình và của đơn vị. / The own views and those of the person's units.",
        metadata=rows(VIEWS),
    )
    async def saved_views(self, info: Info) -> list[SavedView] | None:
        context = info.context
        async with context.parsing("view.list"):
            official = context.official()
        return [_view_of(context, view) for view in await context.services.work.views.views(official)]


@strawberry.type
class ViewMutation:
    @strawberry.mutation(description="Lưu bộ lọc. / Keep a view.")
    async def save_view(self, info: Info, input: SaveViewInput) -> SaveViewPayload:
        context = info.context
        ids = context.codecs.global_ids
        try:
            async with context.parsing("view.save"):
                official, key = context.official(), context.idempotency(input.idempotency_key)
                view = None if input.id is None else ids.parse_uuid(KIND, input.id)
            saved = await context.services.work.views.save(
                official, view, input.name, filter_of(input.filter), input.share_with_unit, key
            )
        except Refusal as refusal:
            problem: SaveViewPayload = problem_of(refusal, context.language, SaveViewPayload)
            return problem
        return ViewSaved(id=strawberry.ID(ids.of_uuid(KIND, saved)))

    @strawberry.mutation(description="Xóa bộ lọc của mình. / Forget an own view.")
    async def delete_view(self, info: Info, input: DeleteViewInput) -> DeleteViewPayload:
        context = info.context
        try:
            async with context.parsing("view.delete"):
                official, key = context.official(), context.idempotency(input.idempotency_key)
                view = context.codecs.global_ids.parse_uuid(KIND, input.id)
            await context.services.work.views.delete(official, view, key)
        except Refusal as refusal:
            problem: DeleteViewPayload = problem_of(refusal, context.language, DeleteViewPayload)
            return problem
        return ViewDeleted(id=input.id)
