"""What officials do to the clocks of a report: pause, resume, say how urgent it is."""

from collections.abc import Awaitable, Callable
from typing import Annotated, Any

import strawberry

from backend.deadlines.types import Paused
from foundation.errors import Refusal
from foundation.idempotency import Idempotency
from foundation.identity.principal import OfficialPrincipal
from foundation.ids import parse_report_code
from graphql_schema.context import GraphQLContext, Info
from graphql_schema.deadlines import ReportDeadlines, deadlines_of
from graphql_schema.enums import Urgency
from graphql_schema.errors import (
    AlreadyPaused,
    DeadlineNotRunning,
    Forbidden,
    IdempotencyMismatch,
    InvalidInput,
    NotFound,
    NotPaused,
    SameUrgency,
    TooManyPauses,
    UnknownPauseReason,
    problem_of,
)
from graphql_schema.merging_problems import ReportMerged
from graphql_schema.report_changes import IDEMPOTENCY_KEY
from graphql_schema.reports import CODE

Change = Callable[[OfficialPrincipal, str, Idempotency], Awaitable[Paused]]


@strawberry.input(description="Tạm dừng thời hạn xử lý. / Stop the handling deadline for a reason.")
class PauseDeadlineInput:
    code: str = strawberry.field(description=CODE)
    reason_code: str = strawberry.field(description="Mã trong pauseReasons. / A code of `pauseReasons`.")
    idempotency_key: str = strawberry.field(description=IDEMPOTENCY_KEY)


@strawberry.input(description="Chạy tiếp. / Let it go on.")
class ResumeDeadlineInput:
    code: str = strawberry.field(description=CODE)
    idempotency_key: str = strawberry.field(description=IDEMPOTENCY_KEY)


@strawberry.input(description="Mức độ khẩn. / How urgent it is.")
class SetUrgencyInput:
    code: str = strawberry.field(description=CODE)
    urgency: Urgency
    idempotency_key: str = strawberry.field(description=IDEMPOTENCY_KEY)


@strawberry.type(description="Đã thực hiện. / Done.")
class DeadlinesChanged:
    code: str
    deadlines: ReportDeadlines | None


PauseDeadlinePayload = Annotated[
    DeadlinesChanged
    | NotFound
    | Forbidden
    | InvalidInput
    | UnknownPauseReason
    | DeadlineNotRunning
    | AlreadyPaused
    | TooManyPauses
    | ReportMerged
    | IdempotencyMismatch,
    strawberry.union("PauseDeadlinePayload"),
]
ResumeDeadlinePayload = Annotated[
    DeadlinesChanged | NotFound | Forbidden | InvalidInput | NotPaused | ReportMerged | IdempotencyMismatch,
    strawberry.union("ResumeDeadlinePayload"),
]
SetUrgencyPayload = Annotated[
    DeadlinesChanged
    | NotFound
    | Forbidden
    | InvalidInput
    | SameUrgency
    | DeadlineNotRunning
    | ReportMerged
    | IdempotencyMismatch,
    strawberry.union("SetUrgencyPayload"),
]


async def _changed(
    context: GraphQLContext, action: str, code: str, key: str, payload: object, change: Change
) -> Any:
    """The payload: the countdown as it is now, or the problem that stands for the refusal."""
    try:
        async with context.parsing(action):
            official, canonical = context.official(), parse_report_code(code)
            idempotency = context.idempotency(key)
        done = await change(official, canonical, idempotency)
    except Refusal as refusal:
        return problem_of(refusal, context.language, payload)
    reading = context.services.deadlines.reads.of_reports(context.principal, [done.code])
    found = await context.read_after_change(reading)
    now = None if found is None else found.get(done.code)
    return DeadlinesChanged(
        code=done.code, deadlines=None if now is None else deadlines_of(now, context.language)
    )


@strawberry.type
class DeadlineMutation:
    @strawberry.mutation(description="Tạm dừng thời hạn xử lý, có lý do. / Pause, for a reason.")
    async def pause_deadline(self, info: Info, input: PauseDeadlineInput) -> PauseDeadlinePayload:
        changes = info.context.services.deadlines.changes
        payload: PauseDeadlinePayload = await _changed(
            info.context,
            "deadline.pause",
            input.code,
            input.idempotency_key,
            PauseDeadlinePayload,
            lambda who, code, key: changes.pause(who, code, input.reason_code, key),
        )
        return payload

    @strawberry.mutation(description="Chạy tiếp thời hạn xử lý. / Let the handling deadline go on.")
    async def resume_deadline(self, info: Info, input: ResumeDeadlineInput) -> ResumeDeadlinePayload:
        payload: ResumeDeadlinePayload = await _changed(
            info.context,
            "deadline.resume",
            input.code,
            input.idempotency_key,
            ResumeDeadlinePayload,
            info.context.services.deadlines.changes.resume,
        )
        return payload

    @strawberry.mutation(description="Đặt mức độ khẩn. / Say how urgent a report is.")
    async def set_urgency(self, info: Info, input: SetUrgencyInput) -> SetUrgencyPayload:
        changes = info.context.services.deadlines.changes
        payload: SetUrgencyPayload = await _changed(
            info.context,
            "deadline.urgency",
            input.code,
            input.idempotency_key,
            SetUrgencyPayload,
            lambda who, code, key: changes.set_urgency(who, code, input.urgency, key),
        )
        return payload
