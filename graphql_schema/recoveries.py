"""Recovery of a citizen's account in person: what an officer of a ward or commune does at the desk."""

from datetime import datetime, timedelta
from typing import Annotated
from uuid import UUID

import strawberry

from foundation.errors import InvalidInput as InvalidInputRefusal
from graphql_schema.access import step_up
from graphql_schema.citizens import ENDING, PHONE, answered
from graphql_schema.context import GraphQLContext, Info
from graphql_schema.enums import RecoveryState
from graphql_schema.errors import (
    CodeRefused,
    DigestRequired,
    Forbidden,
    IdempotencyMismatch,
    InvalidInput,
    NotFound,
    SendLater,
)
from graphql_schema.report_changes import IDEMPOTENCY_KEY

FRESH = timedelta(minutes=15)
AT_THE_DESK = step_up("aal2", FRESH)
RECOVERY = "Mã của lần khôi phục này. / Id of this recovery."


@strawberry.input(description="Mở khôi phục tại quầy. / Begin a recovery at the desk: a code to the number.")
class OpenRecoveryInput:
    phone: str = strawberry.field(description=PHONE)
    idempotency_key: str = strawberry.field(description=IDEMPOTENCY_KEY)


@strawberry.input(
    description="Nhập mã mà người dân đọc; thiết bị ký nội dung. / The code that the person reads out; the "
    "device signs the body."
)
class ProveRecoveryInput:
    recovery: str = strawberry.field(description=RECOVERY)
    phone: str = strawberry.field(description=PHONE)
    code: str = strawberry.field(description="6 chữ số. / Six digits.")
    idempotency_key: str = strawberry.field(description=IDEMPOTENCY_KEY)


@strawberry.input(description="Xem kết quả. / Ask how far it is.")
class CollectRecoveryInput:
    recovery: str = strawberry.field(description=RECOVERY)
    idempotency_key: str = strawberry.field(description=IDEMPOTENCY_KEY)


@strawberry.type(description="Mã đang được gửi. / A code is on its way, whoever has the number.")
class RecoveryOpened:
    recovery: str = strawberry.field(description=RECOVERY)
    ending: str = strawberry.field(description=ENDING)
    expires_at: datetime


@strawberry.type(description="Khôi phục đến đâu. / How far a recovery is.")
class RecoveryProgress:
    state: RecoveryState
    desk_half: str | None = strawberry.field(
        description="Nửa đầu mật khẩu tạm, trong 30 phút; nửa sau đã gửi đến số điện thoại. / The first half "
        "of the one-time password, for 30 minutes; the second half went to the number."
    )


OpenRecoveryPayload = Annotated[
    RecoveryOpened | SendLater | Forbidden | InvalidInput | IdempotencyMismatch,
    strawberry.union("OpenRecoveryPayload"),
]
ProveRecoveryPayload = Annotated[
    RecoveryProgress
    | CodeRefused
    | NotFound
    | Forbidden
    | InvalidInput
    | IdempotencyMismatch
    | DigestRequired,
    strawberry.union("ProveRecoveryPayload"),
]
CollectRecoveryPayload = Annotated[
    RecoveryProgress | NotFound | Forbidden | InvalidInput | IdempotencyMismatch,
    strawberry.union("CollectRecoveryPayload"),
]


def _id_of(text: str) -> UUID:
    """A recovery's id, in the one form that we give out. Raises InvalidInput."""
    try:
        recovery = UUID(text)
    except ValueError as error:
        raise InvalidInputRefusal("recovery") from error
    if str(recovery) != text:
        raise InvalidInputRefusal("recovery")
    return recovery


async def _open(context: GraphQLContext, given: OpenRecoveryInput) -> RecoveryOpened:
    async with context.parsing("recovery.open"):
        official, idempotency = context.official(), context.idempotency(given.idempotency_key)
    opened = await context.services.citizens.recoveries.open(official, given.phone, idempotency)
    return RecoveryOpened(
        recovery=str(opened.recovery_id), ending=opened.ending, expires_at=opened.expires_at
    )


async def _prove(context: GraphQLContext, given: ProveRecoveryInput) -> RecoveryProgress:
    async with context.parsing("recovery.prove"):
        official, idempotency = context.official(), context.idempotency(given.idempotency_key)
        asking, recovery = context.asking, _id_of(given.recovery)
    state = await context.services.citizens.recoveries.prove(
        official, recovery, given.phone, given.code, asking, idempotency
    )
    return RecoveryProgress(state=state, desk_half=None)


async def _collect(context: GraphQLContext, given: CollectRecoveryInput) -> RecoveryProgress:
    async with context.parsing("recovery.collect"):
        official, idempotency = context.official(), context.idempotency(given.idempotency_key)
        recovery = _id_of(given.recovery)
    outcome = await context.services.citizens.recoveries.collect(official, recovery, idempotency)
    return RecoveryProgress(state=outcome.state, desk_half=outcome.desk_half)


@strawberry.type
class RecoveryMutation:
    @strawberry.mutation(
        description="Bắt đầu khôi phục tài khoản của người dân tại quầy. / Begin a recovery at the desk.",
        metadata=AT_THE_DESK,
    )
    async def open_recovery(self, info: Info, input: OpenRecoveryInput) -> OpenRecoveryPayload:
        payload: OpenRecoveryPayload = await answered(
            info.context, OpenRecoveryPayload, _open(info.context, input)
        )
        return payload

    @strawberry.mutation(
        description="Mã đúng: mật khẩu và yếu tố thứ hai bị hủy. / The right code: every credential ends.",
        metadata=AT_THE_DESK,
    )
    async def prove_recovery(self, info: Info, input: ProveRecoveryInput) -> ProveRecoveryPayload:
        payload: ProveRecoveryPayload = await answered(
            info.context, ProveRecoveryPayload, _prove(info.context, input)
        )
        return payload

    @strawberry.mutation(
        description="Kết quả và nửa mật khẩu tại quầy; mỗi lần xem được ghi lại. / The outcome, with the "
        "desk's half of the password; each look is recorded.",
        metadata=step_up("aal2"),
    )
    async def collect_recovery(self, info: Info, input: CollectRecoveryInput) -> CollectRecoveryPayload:
        payload: CollectRecoveryPayload = await answered(
            info.context, CollectRecoveryPayload, _collect(info.context, input)
        )
        return payload
