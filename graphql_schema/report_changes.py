"""What people do to reports: one mutation a step. Success carries the report as it is afterwards."""

from collections.abc import Awaitable
from dataclasses import dataclass
from typing import Annotated, Any, Protocol

import strawberry

from backend.reports.types import Changed, Submission
from foundation.errors import Refusal
from foundation.idempotency import Idempotency
from foundation.ids import parse_report_code
from graphql_schema.context import GraphQLContext, Info
from graphql_schema.enums import ClosingReason, ReportState
from graphql_schema.errors import (
    EvidenceMissing,
    Forbidden,
    IdempotencyMismatch,
    IllegalTransition,
    InvalidInput,
    NotFound,
    PartsOpen,
    PhoneUnproven,
    SameUnit,
    SenderBlocked,
    UnknownCategory,
    UnknownLegalReason,
    UnknownUnit,
    UnknownWard,
    VersionConflict,
    problem_of,
)
from graphql_schema.merging_problems import ReportMerged
from graphql_schema.reports import CODE, VERSION, Report, report_of

IDEMPOTENCY_KEY = (
    "16–64 ký tự ASCII, mới cho mỗi thao tác; gửi lại cùng khóa trong 24 giờ nhận lại câu trả lời cũ. / "
    "16–64 ASCII characters, fresh for each intention; sent again within 24 h it gets the stored answer."
)
TEXT = "1–4000 ký tự. / 1–4000 characters."


def code_field() -> Any:
    return strawberry.field(description=CODE)


def version_field() -> Any:
    return strawberry.field(description="Phiên bản đang thấy. / The version that the person sees.")


def key_field() -> Any:
    return strawberry.field(description=IDEMPOTENCY_KEY)


@strawberry.input(description="Phản ánh mới. / A new report.")
class SubmitReportInput:
    category: str = strawberry.field(description="Mã lĩnh vực. / Code of a category.")
    ward: str = strawberry.field(description="Mã phường, xã: năm chữ số. / Code of a ward or commune.")
    place: str = strawberry.field(description="Địa điểm, 1–300 ký tự. / The place, 1–300 characters.")
    body: str = strawberry.field(description=TEXT)
    latitude: float | None = strawberry.field(
        default=None, description="Chỉ giữ ô H3 mức 9. / Only the H3 res-9 cell is kept."
    )
    longitude: float | None = None
    idempotency_key: str = key_field()


@strawberry.input(description="Tiếp nhận. / The unit takes the report on.")
class AcceptReportInput:
    code: str = code_field()
    expected_version: int = version_field()
    idempotency_key: str = key_field()


@strawberry.input(description="Chuyển cho đơn vị khác. / To another unit.")
class ForwardReportInput:
    code: str = code_field()
    expected_version: int = version_field()
    to_unit: str = strawberry.field(description="Mã đơn vị nhận. / Code of the unit that gets it.")
    note: str = strawberry.field(description=f"Lý do chuyển, {TEXT}")
    idempotency_key: str = key_field()


@strawberry.input(description="Hỏi người gửi. / A question to the citizen.")
class AskCitizenInput:
    code: str = code_field()
    expected_version: int = version_field()
    question: str = strawberry.field(description=TEXT)
    idempotency_key: str = key_field()


@strawberry.input(description="Người gửi trả lời câu hỏi. / The citizen replies.")
class ReplyToQuestionInput:
    code: str = code_field()
    expected_version: int = version_field()
    text: str = strawberry.field(description=TEXT)
    idempotency_key: str = key_field()


@strawberry.input(description="Trả lời phản ánh. / The unit's answer.")
class AnswerReportInput:
    code: str = code_field()
    expected_version: int = version_field()
    text: str = strawberry.field(description=TEXT)
    idempotency_key: str = key_field()


@strawberry.input(description="Đóng phản ánh, có lý do. / Close, with a reason.")
class CloseReportInput:
    code: str = code_field()
    expected_version: int = version_field()
    reason: ClosingReason
    note: str | None = strawberry.field(default=None, description=TEXT)
    legal_reason: str | None = strawberry.field(
        default=None,
        description="Mã căn cứ, bắt buộc khi từ chối (xem legalReasons). / The ground, needed for a refusal.",
    )
    idempotency_key: str = key_field()


@strawberry.type(description="Đã thực hiện. / Done.")
class ReportChanged:
    code: str
    version: int = strawberry.field(description=VERSION)
    state: ReportState
    report: Report | None = strawberry.field(
        description="Phản ánh sau thay đổi; null khi không còn được xem hoặc chưa đọc lại được (khi đó "
        "extensions.incomplete = true). / As it is now; null when no longer visible or not readable just now."
    )


SubmitReportPayload = Annotated[
    ReportChanged
    | Forbidden
    | InvalidInput
    | UnknownCategory
    | UnknownWard
    | PhoneUnproven
    | SenderBlocked
    | IdempotencyMismatch,
    strawberry.union("SubmitReportPayload"),
]
AcceptReportPayload = Annotated[
    ReportChanged
    | NotFound
    | Forbidden
    | InvalidInput
    | VersionConflict
    | IllegalTransition
    | ReportMerged
    | IdempotencyMismatch,
    strawberry.union("AcceptReportPayload"),
]
ForwardReportPayload = Annotated[
    ReportChanged
    | NotFound
    | Forbidden
    | InvalidInput
    | VersionConflict
    | IllegalTransition
    | ReportMerged
    | IdempotencyMismatch
    | SameUnit
    | UnknownUnit,
    strawberry.union("ForwardReportPayload"),
]
AskCitizenPayload = Annotated[
    ReportChanged
    | NotFound
    | Forbidden
    | InvalidInput
    | VersionConflict
    | IllegalTransition
    | ReportMerged
    | IdempotencyMismatch,
    strawberry.union("AskCitizenPayload"),
]
ReplyToQuestionPayload = Annotated[
    ReportChanged
    | NotFound
    | Forbidden
    | InvalidInput
    | VersionConflict
    | IllegalTransition
    | ReportMerged
    | IdempotencyMismatch,
    strawberry.union("ReplyToQuestionPayload"),
]
AnswerReportPayload = Annotated[
    ReportChanged
    | NotFound
    | Forbidden
    | InvalidInput
    | VersionConflict
    | IllegalTransition
    | ReportMerged
    | IdempotencyMismatch,
    strawberry.union("AnswerReportPayload"),
]
CloseReportPayload = Annotated[
    ReportChanged
    | NotFound
    | Forbidden
    | InvalidInput
    | VersionConflict
    | IllegalTransition
    | ReportMerged
    | IdempotencyMismatch
    | EvidenceMissing
    | UnknownLegalReason
    | PartsOpen,
    strawberry.union("CloseReportPayload"),
]


@dataclass(frozen=True, slots=True)
class Step:
    """What every step on an existing report is given."""

    code: str
    expected_version: int
    idempotency: Idempotency


class _Stepping(Protocol):
    code: str
    expected_version: int
    idempotency_key: str


def step_of(context: GraphQLContext, given: _Stepping) -> Step:
    return Step(
        parse_report_code(given.code), given.expected_version, context.idempotency(given.idempotency_key)
    )


async def answered(context: GraphQLContext, payload: object, work: Awaitable[Changed]) -> Any:
    """The payload: success with the report read again, or the problem that stands for the refusal."""
    try:
        changed = await work
    except Refusal as refusal:
        return problem_of(refusal, context.language, payload)
    report = await context.read_after_change(context.services.reports.one(context.principal, changed.code))
    return ReportChanged(
        code=changed.code,
        version=changed.version,
        state=changed.state,
        report=None if report is None else report_of(report),
    )


async def _submit(context: GraphQLContext, given: SubmitReportInput) -> Changed:
    async with context.parsing("report.submit"):
        citizen, idempotency = context.citizen(), context.idempotency(given.idempotency_key)
    submission = Submission(
        category=given.category,
        ward=given.ward,
        place=given.place,
        body=given.body,
        latitude=given.latitude,
        longitude=given.longitude,
    )
    return await context.services.report_changes.submit(citizen, submission, idempotency)


async def _accept(context: GraphQLContext, given: AcceptReportInput) -> Changed:
    async with context.parsing("report.accept"):
        official, step = context.official(), step_of(context, given)
    return await context.services.report_changes.accept(
        official, step.code, step.expected_version, step.idempotency
    )


async def _forward(context: GraphQLContext, given: ForwardReportInput) -> Changed:
    async with context.parsing("report.forward"):
        official, step = context.official(), step_of(context, given)
    return await context.services.report_changes.forward(
        official, step.code, step.expected_version, given.to_unit, given.note, step.idempotency
    )


async def _ask(context: GraphQLContext, given: AskCitizenInput) -> Changed:
    async with context.parsing("report.ask"):
        official, step = context.official(), step_of(context, given)
    return await context.services.report_changes.ask(
        official, step.code, step.expected_version, given.question, step.idempotency
    )


async def _reply(context: GraphQLContext, given: ReplyToQuestionInput) -> Changed:
    async with context.parsing("report.reply"):
        citizen, step = context.citizen(), step_of(context, given)
    return await context.services.report_changes.reply(
        citizen, step.code, step.expected_version, given.text, step.idempotency
    )


async def _answer(context: GraphQLContext, given: AnswerReportInput) -> Changed:
    async with context.parsing("report.answer"):
        official, step = context.official(), step_of(context, given)
    return await context.services.report_changes.answer(
        official, step.code, step.expected_version, given.text, step.idempotency
    )


async def _close(context: GraphQLContext, given: CloseReportInput) -> Changed:
    async with context.parsing("report.close"):
        official, step = context.official(), step_of(context, given)
    return await context.services.report_changes.close(
        official,
        step.code,
        step.expected_version,
        given.reason,
        given.note,
        given.legal_reason,
        step.idempotency,
    )


@strawberry.type
class ReportMutation:
    @strawberry.mutation(description="Người dân gửi phản ánh. / A citizen submits a report.")
    async def submit_report(self, info: Info, input: SubmitReportInput) -> SubmitReportPayload:
        payload: SubmitReportPayload = await answered(
            info.context, SubmitReportPayload, _submit(info.context, input)
        )
        return payload

    @strawberry.mutation(description="Đơn vị tiếp nhận. / The unit takes it on.")
    async def accept_report(self, info: Info, input: AcceptReportInput) -> AcceptReportPayload:
        payload: AcceptReportPayload = await answered(
            info.context, AcceptReportPayload, _accept(info.context, input)
        )
        return payload

    @strawberry.mutation(description="Chuyển đơn vị khác. / To another unit.")
    async def forward_report(self, info: Info, input: ForwardReportInput) -> ForwardReportPayload:
        payload: ForwardReportPayload = await answered(
            info.context, ForwardReportPayload, _forward(info.context, input)
        )
        return payload

    @strawberry.mutation(description="Hỏi người gửi. / Ask the citizen.")
    async def ask_citizen(self, info: Info, input: AskCitizenInput) -> AskCitizenPayload:
        payload: AskCitizenPayload = await answered(
            info.context, AskCitizenPayload, _ask(info.context, input)
        )
        return payload

    @strawberry.mutation(description="Người gửi trả lời câu hỏi. / The citizen replies.")
    async def reply_to_question(self, info: Info, input: ReplyToQuestionInput) -> ReplyToQuestionPayload:
        payload: ReplyToQuestionPayload = await answered(
            info.context, ReplyToQuestionPayload, _reply(info.context, input)
        )
        return payload

    @strawberry.mutation(description="Trả lời phản ánh. / Answer the report.")
    async def answer_report(self, info: Info, input: AnswerReportInput) -> AnswerReportPayload:
        payload: AnswerReportPayload = await answered(
            info.context, AnswerReportPayload, _answer(info.context, input)
        )
        return payload

    @strawberry.mutation(description="Đóng phản ánh. / Close the report.")
    async def close_report(self, info: Info, input: CloseReportInput) -> CloseReportPayload:
        payload: CloseReportPayload = await answered(
            info.context, CloseReportPayload, _close(info.context, input)
        )
        return payload
