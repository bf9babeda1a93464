"""The same done to many reports at once, or only tried."""

from typing import Annotated

import strawberry

from backend.work.bulk import Asked, Bulk, BulkAction, Outcome
from foundation.errors import Refusal
from graphql_schema.context import Info
from graphql_schema.errors import (
    Forbidden,
    IdempotencyMismatch,
    InvalidInput,
    NotFound,
    SameUnit,
    UnknownUnit,
    VersionConflict,
    problem_of,
)
from graphql_schema.merging_problems import ReportMerged
from graphql_schema.report_changes import IDEMPOTENCY_KEY
from graphql_schema.reports import CODE
from graphql_schema.sizes import rows
from graphql_schema.templates import KIND as TEMPLATE
from graphql_schema.work import WORK_VERSION
from graphql_schema.work_problems import (
    AlreadySupporting,
    NotAHandler,
    NotAssigned,
    NotTried,
    ReportClosed,
    ReportFailed,
    SameAssignee,
    TooManyParts,
)

REPORTS = 30
"""At once, usually; at most 100."""
strawberry.enum(
    BulkAction,
    name="BulkAction",
    description="Giao, thu hồi, ghi chú, nhờ phối hợp. / Assign, take away, note, ask a unit to help.",
)


@strawberry.input(description="Một phản ánh trong lô. / One of the reports.")
class BulkReport:
    code: str = strawberry.field(description=CODE)
    work_version: int = strawberry.field(description=f"{WORK_VERSION} (ASSIGN, UNASSIGN)", default=0)


@strawberry.input(description="Một việc cho nhiều phản ánh. / One action for many reports.")
class BulkReportsInput:
    action: BulkAction
    reports: list[BulkReport] = strawberry.field(description="1–100, không trùng. / 1–100, each once.")
    dry_run: bool = strawberry.field(
        description="Chỉ thử: không thay đổi gì. / Only tried: nothing is changed."
    )
    to_official: str | None = strawberry.field(default=None, description="ASSIGN.")
    text: str | None = strawberry.field(
        default=None, description="NOTE, ADD_SUPPORTING_UNIT: 1–4000 ký tự. / 1–4000 characters."
    )
    template: strawberry.ID | None = strawberry.field(
        default=None,
        description="NOTE, thay cho text: điền cho từng phản ánh. / Instead of text, filled for each report.",
    )
    unit: str | None = strawberry.field(default=None, description="ADD_SUPPORTING_UNIT.")
    idempotency_key: str = strawberry.field(description=IDEMPOTENCY_KEY)


BulkProblem = Annotated[
    NotFound
    | Forbidden
    | InvalidInput
    | VersionConflict
    | ReportClosed
    | NotAHandler
    | SameAssignee
    | NotAssigned
    | UnknownUnit
    | SameUnit
    | AlreadySupporting
    | TooManyParts
    | NotTried
    | ReportFailed
    | ReportMerged
    | IdempotencyMismatch,
    strawberry.union("BulkProblem"),
]


@strawberry.type(description="Kết quả của một phản ánh. / What became of one report, or would.")
class BulkOutcome:
    code: str
    work_version: int | None = strawberry.field(description="Null: bị từ chối. / Null: refused.")
    problem: BulkProblem | None = strawberry.field(description="Null: được. / Null: it is done, or can be.")


@strawberry.type(description="Đã thực hiện hoặc thử từng phản ánh. / Each was done, or tried, by itself.")
class BulkDone:
    dry_run: bool
    outcomes: list[BulkOutcome] = strawberry.field(
        description="Theo thứ tự đã gửi. / In the order given.", metadata=rows(REPORTS)
    )


BulkReportsPayload = Annotated[
    BulkDone | NotFound | Forbidden | InvalidInput, strawberry.union("BulkReportsPayload")
]


@strawberry.type
class BulkMutation:
    @strawberry.mutation(
        description="Làm một việc cho nhiều phản ánh, hoặc chỉ thử. Mỗi phản ánh độc lập; gửi lại cùng khóa "
        "không làm hai lần. / One action for many reports, or a dry run. Each stands by itself; a repetition "
        "with the key does nothing twice, and tries again what was not done."
    )
    async def bulk_reports(self, info: Info, input: BulkReportsInput) -> BulkReportsPayload:
        context = info.context
        try:
            async with context.parsing("report.note"):
                official, key = context.official(), context.idempotency(input.idempotency_key)
                ids = context.codecs.global_ids
                template = None if input.template is None else ids.parse_uuid(TEMPLATE, input.template)
            bulk = Bulk(input.action, input.to_official, input.text, template, input.unit)
            asked = [Asked(one.code, one.work_version) for one in input.reports]
            found = await context.services.work.bulk.run(official, bulk, asked, key, dry=input.dry_run)
            return BulkDone(
                dry_run=input.dry_run, outcomes=[_outcome_of(one, context.language) for one in found]
            )
        except Refusal as refusal:
            problem: BulkReportsPayload = problem_of(refusal, context.language, BulkReportsPayload)
            return problem


def _outcome_of(outcome: Outcome, language: str) -> BulkOutcome:
    problem = None if outcome.refusal is None else problem_of(outcome.refusal, language, BulkProblem)
    version = None if outcome.done is None else outcome.done.version
    return BulkOutcome(code=outcome.code, work_version=version, problem=problem)
