"""Reports of others near a place, and following one instead of sending the same (theo dõi phản ánh)."""

from collections.abc import Awaitable, Callable
from datetime import datetime
from typing import Annotated, Any

import strawberry

from backend.duplicates import errors, types
from foundation.errors import Refusal
from foundation.idempotency import Idempotency
from foundation.identity.principal import CitizenPrincipal
from foundation.ids import parse_report_code, show_report_code
from graphql_schema.context import GraphQLContext, Info
from graphql_schema.enums import ReportState
from graphql_schema.errors import (
    PROBLEMS,
    Forbidden,
    IdempotencyMismatch,
    InvalidInput,
    NotFound,
    Problem,
    problem_of,
)
from graphql_schema.report_changes import IDEMPOTENCY_KEY
from graphql_schema.reports import CATEGORY_CODE, CODE
from graphql_schema.sizes import rows
from graphql_schema.tenancy import UnitSummary, summary_of

NEAR = 20
Change = Callable[[CitizenPrincipal, str, Idempotency], Awaitable[types.Followed]]


@strawberry.type(description="Theo dõi quá nhiều phản ánh. / As many followed as there may be.")
class TooManyFollowed(Problem):
    most: int


def _too_many(refusal: errors.TooManyFollowed, common: dict[str, str]) -> Problem:
    return TooManyFollowed(**common, most=refusal.most)


PROBLEMS |= {errors.TooManyFollowed: (TooManyFollowed, _too_many)}


@strawberry.type(description="Phản ánh gần đó, thông tin công khai. / A near report's public fields.")
class NearReport:
    code: str
    shown_code: str
    ward: UnitSummary
    state: ReportState
    text: str = strawberry.field(
        description="Bản đã công khai của cán bộ. / The version that an officer released."
    )
    created_at: datetime
    following: bool


@strawberry.type(
    description="Phản ánh đang xử lý gần đó, mới trước, tối đa 20. / Open ones near, newest first."
)
class NearReports:
    reports: list[NearReport] = strawberry.field(metadata=rows(NEAR))


@strawberry.input(description="Theo dõi hoặc bỏ theo dõi. / Follow a report, or no longer.")
class FollowReportInput:
    code: str = strawberry.field(description=CODE)
    idempotency_key: str = strawberry.field(description=IDEMPOTENCY_KEY)


@strawberry.type(description="Đã thực hiện. / Done.")
class ReportFollowed:
    code: str
    following: bool


NearReportsResult = Annotated[
    NearReports | Forbidden | InvalidInput,
    strawberry.union("NearReportsResult", description="Phản ánh gần đó. / Near reports, or why not."),
]
FollowReportPayload = Annotated[
    ReportFollowed | NotFound | Forbidden | InvalidInput | TooManyFollowed | IdempotencyMismatch,
    strawberry.union("FollowReportPayload"),
]
UnfollowReportPayload = Annotated[
    ReportFollowed | NotFound | Forbidden | InvalidInput | IdempotencyMismatch,
    strawberry.union("UnfollowReportPayload"),
]


async def _changed(
    context: GraphQLContext, action: str, given: FollowReportInput, payload: object, change: Change
) -> Any:
    try:
        async with context.parsing(action):
            citizen, code = context.citizen(), parse_report_code(given.code)
            key = context.idempotency(given.idempotency_key)
        done = await change(citizen, code, key)
    except Refusal as refusal:
        return problem_of(refusal, context.language, payload)
    return ReportFollowed(code=done.code, following=done.following)


@strawberry.type
class FollowQuery:
    @strawberry.field(
        description="Trước khi gửi: phản ánh cùng loại gần đó. / Before sending: the same kind, near."
    )
    async def near_reports(
        self,
        info: Info,
        category_code: Annotated[str, strawberry.argument(description=CATEGORY_CODE)],
        latitude: float,
        longitude: float,
    ) -> NearReportsResult:
        context = info.context
        try:
            async with context.parsing("report.near"):
                citizen = context.citizen()
            found = await context.services.follows.near(citizen, category_code, latitude, longitude)
        except Refusal as refusal:
            problem: NearReportsResult = problem_of(refusal, context.language, NearReportsResult)
            return problem
        return NearReports(reports=[_near_of(report) for report in found])


def _near_of(report: types.NearReport) -> NearReport:
    return NearReport(
        code=report.code,
        shown_code=show_report_code(report.code),
        ward=summary_of(report.ward),
        state=report.state,
        text=report.text,
        created_at=report.created_at,
        following=report.following,
    )


@strawberry.type
class FollowMutation:
    @strawberry.mutation(
        description="Theo dõi phản ánh của người khác. / Be told of another's report instead of sending one."
    )
    async def follow_report(self, info: Info, input: FollowReportInput) -> FollowReportPayload:
        follows = info.context.services.follows
        payload: FollowReportPayload = await _changed(
            info.context, "report.follow", input, FollowReportPayload, follows.follow
        )
        return payload

    @strawberry.mutation(description="Bỏ theo dõi. / No news of it any more.")
    async def unfollow_report(self, info: Info, input: FollowReportInput) -> UnfollowReportPayload:
        follows = info.context.services.follows
        payload: UnfollowReportPayload = await _changed(
            info.context, "report.unfollow", input, UnfollowReportPayload, follows.unfollow
        )
        return payload
