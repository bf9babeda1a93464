"""Merging near duplicates (gộp phản ánh trùng), and taking one apart again (tách)."""

from typing import Annotated

import strawberry

from backend.reports.types import Asked, Changed, Merge, Merged
from foundation.errors import Refusal
from foundation.ids import parse_report_code
from graphql_schema.context import GraphQLContext, Info
from graphql_schema.enums import ReportState
from graphql_schema.errors import (
    Forbidden,
    IdempotencyMismatch,
    IllegalTransition,
    InvalidInput,
    NotFound,
    PartsOpen,
    VersionConflict,
    problem_of,
)
from graphql_schema.merging_problems import (
    HasMerged,
    MergeReasonNeeded,
    NotMerged,
    ReportMerged,
    TooManyMerged,
)
from graphql_schema.report_changes import (
    TEXT,
    ReportChanged,
    answered,
    code_field,
    key_field,
    step_of,
    version_field,
)
from graphql_schema.sizes import rows

REPORTS = 5
"""At once, usually; at most 20."""


@strawberry.input(description="Một phản ánh và phiên bản đang thấy. / A report, and the version seen.")
class SeenReportInput:
    code: str = code_field()
    expected_version: int = version_field()


@strawberry.input(description="Gộp các phản ánh trùng vào một. / Merge near duplicates into one report.")
class MergeReportsInput:
    into: SeenReportInput = strawberry.field(
        description="Phản ánh tiếp tục xử lý. / The report that is worked on."
    )
    merged: list[SeenReportInput] = strawberry.field(description="1–20, không trùng. / 1–20, each once.")
    reason: str | None = strawberry.field(
        default=None,
        description="Lý do, 1–4000 ký tự, chỉ cán bộ đọc; bắt buộc khi khác lĩnh vực, xa hơn 1.000 m hoặc "
        "không rõ vị trí. / Why, for officers alone; needed for another category, over 1,000 m, no place.",
    )
    dry_run: bool = strawberry.field(
        description="Chỉ thử: không thay đổi gì. / Only tried: nothing is changed."
    )
    idempotency_key: str = key_field()


@strawberry.input(description="Tách phản ánh đã gộp. / Take a merged report apart.")
class UnmergeReportInput:
    code: str = code_field()
    expected_version: int = version_field()
    reason: str = strawberry.field(description=f"Lý do, chỉ cán bộ đọc, {TEXT}")
    idempotency_key: str = key_field()


@strawberry.type(description="Phản ánh đã gộp, hoặc sẽ gộp. / A report that was merged, or would be.")
class MergedReport:
    code: str
    version: int
    state: ReportState
    distance_metres: int | None = strawberry.field(
        description="Mét, giữa tâm hai ô bản đồ. / Metres between the centres of the two cells."
    )


@strawberry.type(description="Đã gộp tất cả, hoặc đã thử. / All were merged, or tried.")
class ReportsMerged:
    dry_run: bool
    into: str
    reports: list[MergedReport] = strawberry.field(metadata=rows(REPORTS))


MergeReportsPayload = Annotated[
    ReportsMerged
    | NotFound
    | Forbidden
    | InvalidInput
    | VersionConflict
    | IllegalTransition
    | ReportMerged
    | HasMerged
    | TooManyMerged
    | PartsOpen
    | MergeReasonNeeded
    | IdempotencyMismatch,
    strawberry.union("MergeReportsPayload"),
]
UnmergeReportPayload = Annotated[
    ReportChanged | NotFound | Forbidden | InvalidInput | VersionConflict | NotMerged | IdempotencyMismatch,
    strawberry.union("UnmergeReportPayload"),
]


async def _merge(context: GraphQLContext, given: MergeReportsInput) -> Merged:
    async with context.parsing("report.merge"):
        official, key = context.official(), context.idempotency(given.idempotency_key)
        into, *merged = (
            Asked(parse_report_code(one.code), one.expected_version) for one in (given.into, *given.merged)
        )
    merge = Merge(into, tuple(merged), given.reason)
    return await context.services.merges.merge(official, merge, None if given.dry_run else key)


async def _unmerge(context: GraphQLContext, given: UnmergeReportInput) -> Changed:
    async with context.parsing("report.unmerge"):
        official, step = context.official(), step_of(context, given)
    return await context.services.merges.unmerge(
        official, step.code, step.expected_version, given.reason, step.idempotency
    )


@strawberry.type
class MergeMutation:
    @strawberry.mutation(
        description="Gộp 1–20 phản ánh trùng vào một phản ánh, tất cả hoặc không; hoặc chỉ thử. Phản ánh đã "
        "gộp đứng yên. / Merge 1–20 reports into one, all or none, or a dry run. Merged ones stand still."
    )
    async def merge_reports(self, info: Info, input: MergeReportsInput) -> MergeReportsPayload:
        context = info.context
        try:
            done = await _merge(context, input)
        except Refusal as refusal:
            problem: MergeReportsPayload = problem_of(refusal, context.language, MergeReportsPayload)
            return problem
        return ReportsMerged(
            dry_run=input.dry_run,
            into=done.into,
            reports=[
                MergedReport(
                    code=one.changed.code,
                    version=one.changed.version,
                    state=one.changed.state,
                    distance_metres=one.distance,
                )
                for one in done.reports
            ],
        )

    @strawberry.mutation(
        description="Tách phản ánh: trở lại trạng thái trước, thời hạn tiếp tục. / Take it apart: it is "
        "where it was, and its deadlines go on."
    )
    async def unmerge_report(self, info: Info, input: UnmergeReportInput) -> UnmergeReportPayload:
        payload: UnmergeReportPayload = await answered(
            info.context, UnmergeReportPayload, _unmerge(info.context, input)
        )
        return payload
