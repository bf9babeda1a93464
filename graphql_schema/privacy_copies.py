"""Copies of one's own data: asked for, watched while they are made, fetched once."""

import base64
from datetime import datetime, timedelta
from typing import Annotated

import strawberry

from backend.privacy import errors
from backend.privacy.copies import CopyState
from backend.privacy.copies import DataCopy as Made
from foundation.errors import Refusal
from graphql_schema.access import step_up
from graphql_schema.context import GraphQLContext, Info
from graphql_schema.errors import PROBLEMS, Forbidden, IdempotencyMismatch, InvalidInput, Problem, problem_of
from graphql_schema.report_changes import IDEMPOTENCY_KEY
from graphql_schema.sizes import rows

KIND = "DataCopy"
FRESH = timedelta(minutes=15)
FILE_NAME = "du-lieu-ca-nhan.zip"
strawberry.enum(
    CopyState,
    name="DataCopyState",
    description="Chờ, xong, đã lấy, đã hủy. / Waiting, made, fetched, gone without being fetched.",
)


@strawberry.type(description="Mỗi ngày một bản sao. / One copy a day.")
class DataCopyTooSoon(Problem):
    again_at: datetime = strawberry.field(description="Từ lúc này. / From then on.")


@strawberry.type(description="Bản sao không có, chưa xong, đã lấy hoặc đã hủy. / There is nothing to fetch.")
class DataCopyGone(Problem):
    pass


def _too_soon(refusal: errors.CopyTooSoon, common: dict[str, str]) -> Problem:
    return DataCopyTooSoon(**common, again_at=refusal.again_at)


PROBLEMS |= {
    errors.CopyTooSoon: (DataCopyTooSoon, _too_soon),
    errors.CopyGone: (DataCopyGone, lambda _, common: DataCopyGone(**common)),
}


@strawberry.type(
    description="Bản sao dữ liệu của tôi; mất sau 24 giờ. / A copy of one's data; gone after 24 hours."
)
class DataCopy:
    id: strawberry.ID
    state: CopyState
    done: int = strawberry.field(description="Số phần đã ghi. / Parts written.")
    parts: int
    asked_at: datetime
    expires_at: datetime


@strawberry.input(description="Xin bản sao dữ liệu. / Have a copy made.")
class AskMyDataInput:
    idempotency_key: str = strawberry.field(description=IDEMPOTENCY_KEY)


@strawberry.input(description="Lấy bản sao, một lần. / Fetch a copy, once.")
class FetchMyDataInput:
    id: strawberry.ID
    idempotency_key: str = strawberry.field(description=IDEMPOTENCY_KEY)


@strawberry.type(description="Đã nhận. / It is being made.")
class DataCopyAsked:
    copy: DataCopy


@strawberry.type(description="Bản sao; không lấy lại được. / The copy; it can't be fetched again.")
class DataCopyFetched:
    file_name: str
    content_type: str
    content: str = strawberry.field(description="ZIP (data.json, data.html), base64.")


AskMyDataPayload = Annotated[
    DataCopyAsked | Forbidden | InvalidInput | DataCopyTooSoon | IdempotencyMismatch,
    strawberry.union("AskMyDataPayload"),
]
FetchMyDataPayload = Annotated[
    DataCopyFetched | Forbidden | InvalidInput | DataCopyGone | IdempotencyMismatch,
    strawberry.union("FetchMyDataPayload"),
]


def _copy_of(context: GraphQLContext, copy: Made) -> DataCopy:
    return DataCopy(
        id=strawberry.ID(context.codecs.global_ids.of_uuid(KIND, copy.id)),
        state=copy.state,
        done=copy.done,
        parts=copy.parts,
        asked_at=copy.asked_at,
        expires_at=copy.expires_at,
    )


@strawberry.type
class DataCopyQuery:
    @strawberry.field(
        description="Các bản sao của tôi, mới trước. / My newest copies, and how far each is.",
        metadata=rows(5),
    )
    async def my_data_copies(self, info: Info) -> list[DataCopy] | None:
        context = info.context
        async with context.parsing("privacy.copy_read"):
            citizen = context.citizen()
        return [_copy_of(context, one) for one in await context.services.privacy_copies.mine(citizen)]


@strawberry.type
class DataCopyMutation:
    @strawberry.mutation(
        description="Xin bản sao mọi dữ liệu của mình; cần yếu tố thứ hai. / Have a copy made of all that is "
        "held of oneself; wants the second factor.",
        metadata=step_up("aal2", FRESH),
    )
    async def ask_my_data(self, info: Info, input: AskMyDataInput) -> AskMyDataPayload:
        context = info.context
        try:
            async with context.parsing("privacy.copy_ask"):
                citizen, key = context.citizen(), context.idempotency(input.idempotency_key)
            asked = await context.services.privacy_copies.ask(citizen, key)
        except Refusal as refusal:
            problem: AskMyDataPayload = problem_of(refusal, context.language, AskMyDataPayload)
            return problem
        return DataCopyAsked(copy=_copy_of(context, asked))

    @strawberry.mutation(
        description="Lấy bản sao, một lần; cần yếu tố thứ hai. / Fetch a copy, once; with the second factor.",
        metadata=step_up("aal2", FRESH),
    )
    async def fetch_my_data(self, info: Info, input: FetchMyDataInput) -> FetchMyDataPayload:
        context = info.context
        try:
            async with context.parsing("privacy.copy_fetch"):
                citizen, key = context.citizen(), context.idempotency(input.idempotency_key)
                copy = context.codecs.global_ids.parse_uuid(KIND, input.id)
            content = await context.services.privacy_copies.fetch(citizen, copy, key)
        except Refusal as refusal:
            problem: FetchMyDataPayload = problem_of(refusal, context.language, FetchMyDataPayload)
            return problem
        return DataCopyFetched(
            file_name=FILE_NAME,
            content_type="application/zip",
            content=base64.b64encode(content).decode("ascii"),
        )
