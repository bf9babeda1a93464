"""A citizen's account: the number and its proof, the deletion, reports of before that are claimed."""

from collections.abc import Awaitable
from datetime import datetime, timedelta
from typing import Annotated, Any

import strawberry

from backend.citizens import types as domain
from foundation.errors import Refusal
from graphql_schema.access import step_up
from graphql_schema.context import GraphQLContext, Info
from graphql_schema.enums import PhoneStanding, ReportState
from graphql_schema.errors import (
    CodeRefused,
    Forbidden,
    IdempotencyMismatch,
    InvalidInput,
    NoDeletion,
    NotFound,
    PhoneBound,
    PhoneUnproven,
    SendLater,
    problem_of,
)
from graphql_schema.report_changes import IDEMPOTENCY_KEY
from graphql_schema.reports import CODE, VERSION

FRESH = timedelta(minutes=15)
"""Of a sign-in that moves the account to another number, or ends it."""
PHONE = "Số di động Việt Nam. / A Vietnamese mobile number, as people write it."
ENDING = "Ba chữ số cuối. / The last three digits."


@strawberry.type(description="Số điện thoại của tài khoản. / The account's number.")
class AccountPhone:
    standing: PhoneStanding
    ending: str | None = strawberry.field(description=ENDING)
    moves_at: datetime | None = strawberry.field(
        description="Khi WAITING: lúc số được chuyển. / While WAITING: when the number moves here."
    )


@strawberry.type(description="Yêu cầu xóa tài khoản. / A request for deletion.")
class AccountDeletion:
    asked_at: datetime
    due_at: datetime = strawberry.field(description="Đến lúc này có thể rút lại. / Until then: keepAccount.")
    final: bool = strawberry.field(description="Không rút lại được nữa. / It can't be taken back.")


@strawberry.type(description="Tài khoản của tôi. / One's own account.")
class Account:
    phone: AccountPhone
    deletion: AccountDeletion | None


@strawberry.input(description="Xác minh số điện thoại. / Prove the account's number: a code by SMS.")
class StartPhoneProofInput:
    phone: str = strawberry.field(description=PHONE)
    idempotency_key: str = strawberry.field(description=IDEMPOTENCY_KEY)


@strawberry.input(description="Đổi số điện thoại. / Another number: a code goes to it.")
class ChangePhoneInput:
    phone: str = strawberry.field(description=PHONE)
    idempotency_key: str = strawberry.field(description=IDEMPOTENCY_KEY)


@strawberry.input(description="Nhập mã đã nhận. / The code of the newest message.")
class ProvePhoneInput:
    code: str = strawberry.field(description="6 chữ số. / Six digits.")
    idempotency_key: str = strawberry.field(description=IDEMPOTENCY_KEY)


@strawberry.input(description="Yêu cầu xóa tài khoản. / Ask for the account's deletion.")
class RequestAccountDeletionInput:
    idempotency_key: str = strawberry.field(description=IDEMPOTENCY_KEY)


@strawberry.input(description="Rút lại yêu cầu xóa. / Take the request for deletion back.")
class KeepAccountInput:
    idempotency_key: str = strawberry.field(description=IDEMPOTENCY_KEY)


@strawberry.input(description="Nhận phản ánh đã gửi qua kênh khác. / Claim a report that came by a channel.")
class ClaimReportInput:
    code: str = strawberry.field(description=CODE)
    idempotency_key: str = strawberry.field(description=IDEMPOTENCY_KEY)


@strawberry.type(description="Mã đang được gửi. / A code is on its way, whoever has the number.")
class CodeSent:
    ending: str = strawberry.field(description=ENDING)
    expires_at: datetime
    resend_at: datetime = strawberry.field(description="Sớm nhất có thể gửi lại. / Not again before.")


@strawberry.type(description="Mã đúng. / The code was right.")
class PhoneProved:
    standing: PhoneStanding = strawberry.field(
        description="CONFIRMING: hãy làm mới token. WAITING: số đang thuộc tài khoản khác. / CONFIRMING: "
        "refresh the token. WAITING: another account has the number until movesAt."
    )
    ending: str = strawberry.field(description=ENDING)
    moves_at: datetime | None


@strawberry.type(description="Tài khoản sẽ bị xóa. / It will be deleted, unless taken back.")
class DeletionRequested:
    deletion: AccountDeletion


@strawberry.type(description="Tài khoản được giữ lại. / The account stays.")
class AccountKept:
    kept: bool


@strawberry.type(description="Phản ánh nay thuộc tài khoản này. / The report is this account's now.")
class ReportClaimed:
    code: str
    version: int = strawberry.field(description=VERSION)
    state: ReportState


StartPhoneProofPayload = Annotated[
    CodeSent | PhoneBound | SendLater | Forbidden | InvalidInput | IdempotencyMismatch,
    strawberry.union("StartPhoneProofPayload"),
]
ChangePhonePayload = Annotated[
    CodeSent | SendLater | Forbidden | InvalidInput | IdempotencyMismatch,
    strawberry.union("ChangePhonePayload"),
]
ProvePhonePayload = Annotated[
    PhoneProved | CodeRefused | Forbidden | InvalidInput | IdempotencyMismatch,
    strawberry.union("ProvePhonePayload"),
]
RequestAccountDeletionPayload = Annotated[
    DeletionRequested | Forbidden | InvalidInput | IdempotencyMismatch,
    strawberry.union("RequestAccountDeletionPayload"),
]
KeepAccountPayload = Annotated[
    AccountKept | NoDeletion | Forbidden | InvalidInput | IdempotencyMismatch,
    strawberry.union("KeepAccountPayload"),
]
ClaimReportPayload = Annotated[
    ReportClaimed | NotFound | PhoneUnproven | Forbidden | InvalidInput | IdempotencyMismatch,
    strawberry.union("ClaimReportPayload"),
]


def _deletion_of(deletion: domain.DeletionView) -> AccountDeletion:
    return AccountDeletion(asked_at=deletion.asked_at, due_at=deletion.due_at, final=deletion.final)


async def answered(context: GraphQLContext, payload: object, work: Awaitable[Any]) -> Any:
    """What `work` gives, or the problem that stands for its refusal."""
    try:
        return await work
    except Refusal as refusal:
        return problem_of(refusal, context.language, payload)


def _sent(sent: domain.CodeSent) -> CodeSent:
    return CodeSent(ending=sent.ending, expires_at=sent.expires_at, resend_at=sent.resend_at)


async def _start(context: GraphQLContext, given: StartPhoneProofInput) -> CodeSent:
    async with context.parsing("phone.start"):
        citizen, idempotency = context.citizen(), context.idempotency(given.idempotency_key)
    return _sent(await context.services.citizens.phones.start(citizen, given.phone, idempotency))


async def _change(context: GraphQLContext, given: ChangePhoneInput) -> CodeSent:
    async with context.parsing("phone.change"):
        citizen, idempotency = context.citizen(), context.idempotency(given.idempotency_key)
    return _sent(await context.services.citizens.phones.change(citizen, given.phone, idempotency))


async def _prove(context: GraphQLContext, given: ProvePhoneInput) -> PhoneProved:
    async with context.parsing("phone.prove"):
        citizen, idempotency = context.citizen(), context.idempotency(given.idempotency_key)
    proved = await context.services.citizens.phones.prove(citizen, given.code, idempotency)
    return PhoneProved(standing=proved.standing, ending=proved.ending, moves_at=proved.moves_at)


async def _delete(context: GraphQLContext, given: RequestAccountDeletionInput) -> DeletionRequested:
    async with context.parsing("account.ask_deletion"):
        citizen, idempotency = context.citizen(), context.idempotency(given.idempotency_key)
    deletion = await context.services.citizens.accounts.ask_deletion(citizen, idempotency)
    return DeletionRequested(deletion=_deletion_of(deletion))


async def _keep(context: GraphQLContext, given: KeepAccountInput) -> AccountKept:
    async with context.parsing("account.keep"):
        citizen, idempotency = context.citizen(), context.idempotency(given.idempotency_key)
    await context.services.citizens.accounts.keep_account(citizen, idempotency)
    return AccountKept(kept=True)


async def _claim(context: GraphQLContext, given: ClaimReportInput) -> ReportClaimed:
    async with context.parsing("report.claim"):
        citizen, idempotency = context.citizen(), context.idempotency(given.idempotency_key)
    claimed = await context.services.citizens.accounts.claim_report(citizen, given.code, idempotency)
    return ReportClaimed(code=claimed.code, version=claimed.version, state=ReportState(claimed.state))


@strawberry.type
class CitizenQuery:
    @strawberry.field(description="Tài khoản của tôi (công dân). / One's own account, of a citizen.")
    async def account(self, info: Info) -> Account | None:
        context = info.context
        async with context.parsing("account.read"):
            citizen = context.citizen()
        found = await context.services.citizens.accounts.account(citizen)
        phone, deletion = found.phone, found.deletion
        return Account(
            phone=AccountPhone(standing=phone.standing, ending=phone.ending, moves_at=phone.moves_at),
            deletion=None if deletion is None else _deletion_of(deletion),
        )


@strawberry.type
class CitizenMutation:
    @strawberry.mutation(
        description="Gửi mã đến số của tài khoản lần đầu, hoặc gửi lại. / A code to the account's first "
        "number, or once more to the one it has."
    )
    async def start_phone_proof(self, info: Info, input: StartPhoneProofInput) -> StartPhoneProofPayload:
        payload: StartPhoneProofPayload = await answered(
            info.context, StartPhoneProofPayload, _start(info.context, input)
        )
        return payload

    @strawberry.mutation(
        description="Đổi sang số khác; cần yếu tố thứ hai. / Another number; wants the second factor.",
        metadata=step_up("aal2", FRESH),
    )
    async def change_phone(self, info: Info, input: ChangePhoneInput) -> ChangePhonePayload:
        payload: ChangePhonePayload = await answered(
            info.context, ChangePhonePayload, _change(info.context, input)
        )
        return payload

    @strawberry.mutation(description="Nhập mã: số thuộc về tài khoản này. / The code: the number is proven.")
    async def prove_phone(self, info: Info, input: ProvePhoneInput) -> ProvePhonePayload:
        payload: ProvePhonePayload = await answered(
            info.context, ProvePhonePayload, _prove(info.context, input)
        )
        return payload

    @strawberry.mutation(
        description="Yêu cầu xóa tài khoản; 30 ngày để rút lại. / Deletion; 30 days to take it back.",
        metadata=step_up("aal2", FRESH),
    )
    async def request_account_deletion(
        self, info: Info, input: RequestAccountDeletionInput
    ) -> RequestAccountDeletionPayload:
        payload: RequestAccountDeletionPayload = await answered(
            info.context, RequestAccountDeletionPayload, _delete(info.context, input)
        )
        return payload

    @strawberry.mutation(description="Rút lại yêu cầu xóa. / Take the request for deletion back.")
    async def keep_account(self, info: Info, input: KeepAccountInput) -> KeepAccountPayload:
        payload: KeepAccountPayload = await answered(
            info.context, KeepAccountPayload, _keep(info.context, input)
        )
        return payload

    @strawberry.mutation(
        description="Nhận phản ánh đã gửi qua kênh khác từ số của mình. / Claim a report that came by a "
        "channel from one's own number."
    )
    async def claim_report(self, info: Info, input: ClaimReportInput) -> ClaimReportPayload:
        payload: ClaimReportPayload = await answered(
            info.context, ClaimReportPayload, _claim(info.context, input)
        )
        return payload
