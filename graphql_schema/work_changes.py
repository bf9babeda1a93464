"""What officers do about the work on a report: give it to somebody, take it away, write notes."""

from collections.abc import Awaitable, Callable
from typing import Annotated, Any

import strawberry

from backend.work.types import Worked
from foundation.errors import Refusal
from foundation.idempotency import Idempotency
from foundation.identity.principal import OfficialPrincipal
from foundation.ids import parse_report_code
from graphql_schema.context import GraphQLContext, Info
from graphql_schema.errors import (
    Forbidden,
    IdempotencyMismatch,
    InvalidInput,
    NotFound,
    VersionConflict,
    problem_of,
)
from graphql_schema.merging_problems import ReportMerged
from graphql_schema.report_changes import IDEMPOTENCY_KEY
from graphql_schema.reports import CODE
from graphql_schema.work import WORK_VERSION, ReportWork, work_view_of
from graphql_schema.work_problems import NotAHandler, NotAssigned, ReportClosed, SameAssignee

Change = Callable[[OfficialPrincipal, str, Idempotency], Awaitable[Worked]]


@strawberry.input(description="Giao cho một cán bộ của đơn vị. / Into the hand of a handler of the unit.")
class AssignReportInput:
    code: str = strawberry.field(description=CODE)
    work_version: int = strawberry.field(description=WORK_VERSION)
    to_official: str = strawberry.field(description="Mã cán bộ (xem assignable). / Code (see `assignable`).")
    idempotency_key: str = strawberry.field(description=IDEMPOTENCY_KEY)


@strawberry.input(description="Thu hồi phân công. / Out of anybody's hand.")
class UnassignReportInput:
    code: str = strawberry.field(description=CODE)
    work_version: int = strawberry.field(description=WORK_VERSION)
    idempotency_key: str = strawberry.field(description=IDEMPOTENCY_KEY)


@strawberry.input(description="Ghi chú nội bộ, không sửa được. / A note among officers; it is not changed.")
class WriteNoteInput:
    code: str = strawberry.field(description=CODE)
    text: str = strawberry.field(description="1–4000 ký tự. / 1–4000 characters.")
    idempotency_key: str = strawberry.field(description=IDEMPOTENCY_KEY)


@strawberry.type(description="Đã thực hiện. / Done.")
class WorkChanged:
    code: str
    work_version: int = strawberry.field(description=WORK_VERSION)
    work: ReportWork | None


AssignReportPayload = Annotated[
    WorkChanged
    | NotFound
    | Forbidden
    | InvalidInput
    | VersionConflict
    | ReportClosed
    | NotAHandler
    | SameAssignee
    | ReportMerged
    | IdempotencyMismatch,
    strawberry.union("AssignReportPayload"),
]
UnassignReportPayload = Annotated[
    WorkChanged
    | NotFound
    | Forbidden
    | InvalidInput
    | VersionConflict
    | ReportClosed
    | NotAssigned
    | ReportMerged
    | IdempotencyMismatch,
    strawberry.union("UnassignReportPayload"),
]
WriteNotePayload = Annotated[
    WorkChanged | NotFound | Forbidden | InvalidInput | ReportMerged | IdempotencyMismatch,
    strawberry.union("WriteNotePayload"),
]


async def worked(
    context: GraphQLContext, action: str, code: str, key: str, payload: object, change: Change
) -> Any:
    """The payload: the work as it is now, or the problem that stands for the refusal."""
    try:
        async with context.parsing(action):
            official, canonical = context.official(), parse_report_code(code)
            idempotency = context.idempotency(key)
        done = await change(official, canonical, idempotency)
    except Refusal as refusal:
        return problem_of(refusal, context.language, payload)
    found = await context.read_after_change(
        context.services.work.reads.of_reports(context.principal, [done.code])
    )
    now = None if found is None else found.get(done.code)
    return WorkChanged(
        code=done.code, work_version=done.version, work=None if now is None else work_view_of(now)
    )


@strawberry.type
class WorkMutation:
    @strawberry.mutation(description="Giao phản ánh cho một cán bộ. / Give the report to a person.")
    async def assign_report(self, info: Info, input: AssignReportInput) -> AssignReportPayload:
        changes = info.context.services.work.changes
        payload: AssignReportPayload = await worked(
            info.context,
            "report.assign",
            input.code,
            input.idempotency_key,
            AssignReportPayload,
            lambda who, code, key: changes.assign(who, code, input.work_version, input.to_official, key),
        )
        return payload

    @strawberry.mutation(description="Thu hồi phân công. / Take it out of somebody's hand.")
    async def unassign_report(self, info: Info, input: UnassignReportInput) -> UnassignReportPayload:
        changes = info.context.services.work.changes
        payload: UnassignReportPayload = await worked(
            info.context,
            "report.unassign",
            input.code,
            input.idempotency_key,
            UnassignReportPayload,
            lambda who, code, key: changes.take_away(who, code, input.work_version, key),
        )
        return payload

    @strawberry.mutation(description="Viết ghi chú nội bộ. / Write a note that officers alone read.")
    async def write_note(self, info: Info, input: WriteNoteInput) -> WriteNotePayload:
        changes = info.context.services.work.changes
        payload: WriteNotePayload = await worked(
            info.context,
            "report.note",
            input.code,
            input.idempotency_key,
            WriteNotePayload,
            lambda who, code, key: changes.write_note(who, code, input.text, key),
        )
        return payload
