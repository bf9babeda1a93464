"""Texts of reports that officers show to the public (công khai nội dung)."""

from datetime import datetime
from typing import Annotated, Any

import strawberry

from backend.releases import types as domain
from foundation.errors import Refusal
from graphql_schema.context import GraphQLContext, Info
from graphql_schema.enums import TextState
from graphql_schema.errors import (
    Forbidden,
    IdempotencyMismatch,
    InvalidInput,
    NotFound,
    VersionConflict,
    problem_of,
)
from graphql_schema.media import IDEMPOTENCY_KEY
from graphql_schema.merging_problems import ReportMerged

TEXT_VERSION = (
    "Phiên bản của nội dung công khai; 0: chưa công khai. / Of the released text; 0 before the first."
)


@strawberry.type(description="Nội dung đã công khai. / The text that an officer released, in his version.")
class PublicText:
    text: str
    version: int = strawberry.field(description=TEXT_VERSION)
    released_at: datetime


@strawberry.input(
    description="Công khai nội dung, đã lược bớt. / Show a text, with what is private left out."
)
class ReleaseTextInput:
    code: str
    text: str = strawberry.field(
        description="Bản của cán bộ, tối đa 4000 ký tự. / The officer's version, at most 4000 characters."
    )
    expected_version: int = strawberry.field(description=TEXT_VERSION)
    idempotency_key: str = strawberry.field(description=IDEMPOTENCY_KEY)


@strawberry.input(description="Thu hồi nội dung đã công khai. / Take a released text back.")
class WithdrawTextInput:
    code: str
    expected_version: int = strawberry.field(description=TEXT_VERSION)
    idempotency_key: str = strawberry.field(description=IDEMPOTENCY_KEY)


@strawberry.type(description="Đã thực hiện. / Done.")
class TextChanged:
    report_code: str
    version: int
    state: TextState


ReleaseTextPayload = Annotated[
    TextChanged | NotFound | Forbidden | InvalidInput | VersionConflict | ReportMerged | IdempotencyMismatch,
    strawberry.union("ReleaseTextPayload"),
]
WithdrawTextPayload = Annotated[
    TextChanged | NotFound | Forbidden | InvalidInput | VersionConflict | IdempotencyMismatch,
    strawberry.union("WithdrawTextPayload"),
]


def public_text_of(text: domain.PublicText | None) -> PublicText | None:
    """A released text as the schema shows it."""
    if text is None:
        return None
    return PublicText(text=text.text, version=text.version, released_at=text.released_at)


def _changed(changed: domain.TextChanged) -> TextChanged:
    return TextChanged(report_code=changed.report_code, version=changed.version, state=changed.state)


async def _release(context: GraphQLContext, given: ReleaseTextInput) -> Any:
    async with context.parsing("report.release_text"):
        official, key = context.official(), context.idempotency(given.idempotency_key)
    return await context.services.texts.release(official, given.code, given.expected_version, given.text, key)


async def _withdraw(context: GraphQLContext, given: WithdrawTextInput) -> Any:
    async with context.parsing("report.withdraw_text"):
        official, key = context.official(), context.idempotency(given.idempotency_key)
    return await context.services.texts.withdraw(official, given.code, given.expected_version, key)


@strawberry.type
class ReleaseMutation:
    @strawberry.mutation(description="Cán bộ công khai nội dung. / An officer shows a text to the public.")
    async def release_text(self, info: Info, input: ReleaseTextInput) -> ReleaseTextPayload:
        try:
            return _changed(await _release(info.context, input))
        except Refusal as refusal:
            problem: ReleaseTextPayload = problem_of(refusal, info.context.language, ReleaseTextPayload)
            return problem

    @strawberry.mutation(description="Thu hồi nội dung. / A text is no longer shown to the public.")
    async def withdraw_text(self, info: Info, input: WithdrawTextInput) -> WithdrawTextPayload:
        try:
            return _changed(await _withdraw(info.context, input))
        except Refusal as refusal:
            problem: WithdrawTextPayload = problem_of(refusal, info.context.language, WithdrawTextPayload)
            return problem
