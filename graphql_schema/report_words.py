"""What the citizen says of a report later: more of it, a withdrawal, a rating, that it was not done."""

from typing import Annotated

import strawberry

from backend.reports.types import Changed
from graphql_schema.context import GraphQLContext, Info
from graphql_schema.errors import (
    AlreadyRated,
    AlreadyReopened,
    Forbidden,
    IdempotencyMismatch,
    IllegalTransition,
    InvalidInput,
    NotFound,
    TooLate,
    VersionConflict,
)
from graphql_schema.merging_problems import ReportMerged
from graphql_schema.report_changes import (
    TEXT,
    ReportChanged,
    answered,
    code_field,
    key_field,
    step_of,
    version_field,
)


@strawberry.input(description="Bổ sung thông tin. / More about the report.")
class AddToReportInput:
    code: str = code_field()
    expected_version: int = version_field()
    text: str = strawberry.field(description=TEXT)
    idempotency_key: str = key_field()


@strawberry.input(description="Rút phản ánh. / The citizen takes it back.")
class WithdrawReportInput:
    code: str = code_field()
    expected_version: int = version_field()
    note: str | None = strawberry.field(default=None, description=TEXT)
    idempotency_key: str = key_field()


@strawberry.input(description="Đánh giá kết quả. / How well it was done.")
class RateReportInput:
    code: str = code_field()
    expected_version: int = version_field()
    stars: int = strawberry.field(description="1–5.")
    text: str | None = strawberry.field(default=None, description=TEXT)
    idempotency_key: str = key_field()


@strawberry.input(description="Mở lại, một lần trong 15 ngày. / Not done: once, within 15 days.")
class ReopenReportInput:
    code: str = code_field()
    expected_version: int = version_field()
    note: str = strawberry.field(description=f"Vì sao, {TEXT}")
    idempotency_key: str = key_field()


AddToReportPayload = Annotated[
    ReportChanged
    | NotFound
    | Forbidden
    | InvalidInput
    | VersionConflict
    | IllegalTransition
    | ReportMerged
    | IdempotencyMismatch,
    strawberry.union("AddToReportPayload"),
]
WithdrawReportPayload = Annotated[
    ReportChanged
    | NotFound
    | Forbidden
    | InvalidInput
    | VersionConflict
    | IllegalTransition
    | ReportMerged
    | IdempotencyMismatch,
    strawberry.union("WithdrawReportPayload"),
]
RateReportPayload = Annotated[
    ReportChanged
    | NotFound
    | Forbidden
    | InvalidInput
    | VersionConflict
    | IllegalTransition
    | ReportMerged
    | IdempotencyMismatch
    | TooLate
    | AlreadyRated,
    strawberry.union("RateReportPayload"),
]
ReopenReportPayload = Annotated[
    ReportChanged
    | NotFound
    | Forbidden
    | InvalidInput
    | VersionConflict
    | IllegalTransition
    | ReportMerged
    | IdempotencyMismatch
    | TooLate
    | AlreadyReopened,
    strawberry.union("ReopenReportPayload"),
]


async def _add(context: GraphQLContext, given: AddToReportInput) -> Changed:
    async with context.parsing("report.add"):
        citizen, step = context.citizen(), step_of(context, given)
    return await context.services.report_changes.add(
        citizen, step.code, step.expected_version, given.text, step.idempotency
    )


async def _withdraw(context: GraphQLContext, given: WithdrawReportInput) -> Changed:
    async with context.parsing("report.take_back"):
        citizen, step = context.citizen(), step_of(context, given)
    return await context.services.report_changes.take_back(
        citizen, step.code, step.expected_version, given.note, step.idempotency
    )


async def _rate(context: GraphQLContext, given: RateReportInput) -> Changed:
    async with context.parsing("report.rate"):
        citizen, step = context.citizen(), step_of(context, given)
    return await context.services.report_changes.rate(
        citizen, step.code, step.expected_version, given.stars, given.text, step.idempotency
    )


async def _reopen(context: GraphQLContext, given: ReopenReportInput) -> Changed:
    async with context.parsing("report.reopen"):
        citizen, step = context.citizen(), step_of(context, given)
    return await context.services.report_changes.reopen(
        citizen, step.code, step.expected_version, given.note, step.idempotency
    )


@strawberry.type
class ReportWordsMutation:
    @strawberry.mutation(description="Người gửi bổ sung. / The citizen tells more.")
    async def add_to_report(self, info: Info, input: AddToReportInput) -> AddToReportPayload:
        payload: AddToReportPayload = await answered(
            info.context, AddToReportPayload, _add(info.context, input)
        )
        return payload

    @strawberry.mutation(description="Người gửi rút phản ánh. / The citizen takes it back.")
    async def withdraw_report(self, info: Info, input: WithdrawReportInput) -> WithdrawReportPayload:
        payload: WithdrawReportPayload = await answered(
            info.context, WithdrawReportPayload, _withdraw(info.context, input)
        )
        return payload

    @strawberry.mutation(description="Người gửi đánh giá. / The citizen rates it.")
    async def rate_report(self, info: Info, input: RateReportInput) -> RateReportPayload:
        payload: RateReportPayload = await answered(
            info.context, RateReportPayload, _rate(info.context, input)
        )
        return payload

    @strawberry.mutation(description="Người gửi mở lại. / The citizen reopens it.")
    async def reopen_report(self, info: Info, input: ReopenReportInput) -> ReopenReportPayload:
        payload: ReopenReportPayload = await answered(
            info.context, ReopenReportPayload, _reopen(info.context, input)
        )
        return payload
