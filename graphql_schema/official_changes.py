"""What administrators do with officials: one mutation a step, signed by the officer's device where it gives.

What asks the directory carries the device's own word: the proof's `digest` over this request's body
(mobile_contract/README.md, "Signing the body"). Giving something wants a sign-in of at most 15 minutes.
"""

from collections.abc import Awaitable, Callable
from datetime import date, timedelta
from typing import Annotated, Any

import strawberry

from backend.officials.types import (
    ChangedOfficial,
    DutyEnding,
    DutyGift,
    Invitation,
    Step,
)
from foundation.directory_queue import Asking
from foundation.errors import Refusal
from foundation.idempotency import Idempotency
from foundation.identity.principal import OfficialPrincipal
from graphql_schema.access import step_up
from graphql_schema.context import GraphQLContext, Info
from graphql_schema.enums import DutyKind, OfficialState, ReviewDecision
from graphql_schema.errors import (
    AlreadyTaken,
    DigestRequired,
    DutyRefused,
    Forbidden,
    IdempotencyMismatch,
    InvalidInput,
    NotFound,
    NotOnReview,
    ResetRefused,
    SameUnit,
    UnknownUnit,
    VersionConflict,
    WrongOfficialState,
    problem_of,
)
from graphql_schema.officials import CODE, QUARTER, VERSION, OfficialAccount, account_of
from graphql_schema.report_changes import IDEMPOTENCY_KEY

FRESH = timedelta(minutes=15)
"""Of a sign-in that gives something to somebody: an unlocked tablet is not enough."""
GIVING = step_up("aal2", FRESH)
TAKING = step_up("aal2")
"""Taking something away must not wait for anything."""
NOTE = "Lý do, 1–500 ký tự. / The reason, 1–500 characters."
UNIT = "Mã đơn vị. / Code of a unit."


@strawberry.input(description="Giao một nhiệm vụ. / Give a duty.")
class DutyGiftInput:
    kind: DutyKind
    unit: str = strawberry.field(description=UNIT)
    from_day: date | None = strawberry.field(default=None, description="Mặc định hôm nay. / Default: today.")
    until_day: date | None = strawberry.field(default=None, description="Ngày cuối. / The last day.")


@strawberry.input(description="Kết thúc một nhiệm vụ. / End a duty.")
class DutyEndingInput:
    kind: DutyKind
    unit: str = strawberry.field(description=UNIT)
    last_day: date | None = strawberry.field(
        default=None, description="Ngày cuối; mặc định: ngay lập tức. / The last day; default: at once."
    )


@strawberry.input(description="Mời cán bộ mới. / Invite a new official.")
class InviteOfficialInput:
    unit: str = strawberry.field(description=UNIT)
    username: str = strawberry.field(description="2–40 ký tự: a–z, 0–9, . _ - / 2–40 characters.")
    email: str = strawberry.field(description="Nơi nhận lời mời. / Where the invitation goes.")
    family_name: str = strawberry.field(description="Họ. / Family name, 1–99 letters.")
    given_name: str = strawberry.field(description="Tên đệm và tên. / Middle and given name.")
    duties: list[DutyGiftInput] = strawberry.field(description="Tối đa 20. / At most 20.")
    idempotency_key: str = strawberry.field(description=IDEMPOTENCY_KEY)


@strawberry.input(description="Gửi lại lời mời. / The invitation once more.")
class ResendInvitationInput:
    code: str = strawberry.field(description=CODE)
    idempotency_key: str = strawberry.field(description=IDEMPOTENCY_KEY)


@strawberry.input(description="Thay đổi nhiệm vụ. / Change duties.")
class ChangeDutiesInput:
    code: str = strawberry.field(description=CODE)
    expected_version: int = strawberry.field(description=VERSION)
    note: str = strawberry.field(description=NOTE)
    end: list[DutyEndingInput] = strawberry.field(description="Trước. / First these are ended.")
    give: list[DutyGiftInput] = strawberry.field(description="Sau. / Then these are given.")
    idempotency_key: str = strawberry.field(description=IDEMPOTENCY_KEY)


@strawberry.input(description="Điều chuyển. / To another unit: every duty ends, new ones begin there.")
class TransferOfficialInput:
    code: str = strawberry.field(description=CODE)
    expected_version: int = strawberry.field(description=VERSION)
    to_unit: str = strawberry.field(description=UNIT)
    duties: list[DutyGiftInput] = strawberry.field(description="Tối đa 20. / At most 20.")
    note: str = strawberry.field(description=NOTE)
    idempotency_key: str = strawberry.field(description=IDEMPOTENCY_KEY)


@strawberry.input(description="Một bước trên tài khoản. / A step on an account.")
class OfficialStepInput:
    code: str = strawberry.field(description=CODE)
    expected_version: int = strawberry.field(description=VERSION)
    note: str = strawberry.field(description=NOTE)
    idempotency_key: str = strawberry.field(description=IDEMPOTENCY_KEY)


@strawberry.input(description="Yêu cầu đặt lại mật khẩu và mã. / Ask for a reset: a second person confirms.")
class AskCredentialResetInput:
    code: str = strawberry.field(description=CODE)
    note: str = strawberry.field(description=NOTE)
    idempotency_key: str = strawberry.field(description=IDEMPOTENCY_KEY)


@strawberry.input(description="Xác nhận đặt lại. / The second officer's word, within 30 minutes.")
class ConfirmCredentialResetInput:
    code: str = strawberry.field(description=CODE)
    request: str = strawberry.field(description="openReset.request.")
    digest: str = strawberry.field(
        description="openReset.digest: dấu vân yêu cầu đầu. / Of the first's body."
    )
    idempotency_key: str = strawberry.field(description=IDEMPOTENCY_KEY)


@strawberry.input(description="Quyết định rà soát. / A decision of the quarterly review.")
class ReviewOfficialInput:
    code: str = strawberry.field(description=CODE)
    quarter: str = strawberry.field(description=QUARTER)
    decision: ReviewDecision
    note: str | None = strawberry.field(default=None, description=NOTE)
    idempotency_key: str = strawberry.field(description=IDEMPOTENCY_KEY)


@strawberry.type(description="Đã thực hiện. / Done: in force from the next request on.")
class OfficialChanged:
    code: str
    version: int
    state: OfficialState
    official: OfficialAccount | None = strawberry.field(
        description="Như hiện tại; null khi không đọc lại được. / As it is now; null if it could not be read."
    )


InviteOfficialPayload = Annotated[
    OfficialChanged
    | Forbidden
    | InvalidInput
    | IdempotencyMismatch
    | DigestRequired
    | UnknownUnit
    | AlreadyTaken
    | DutyRefused,
    strawberry.union("InviteOfficialPayload"),
]
ResendInvitationPayload = Annotated[
    OfficialChanged
    | NotFound
    | Forbidden
    | InvalidInput
    | IdempotencyMismatch
    | DigestRequired
    | WrongOfficialState,
    strawberry.union("ResendInvitationPayload"),
]
ChangeDutiesPayload = Annotated[
    OfficialChanged
    | NotFound
    | Forbidden
    | InvalidInput
    | VersionConflict
    | IdempotencyMismatch
    | UnknownUnit
    | DutyRefused,
    strawberry.union("ChangeDutiesPayload"),
]
TransferOfficialPayload = Annotated[
    OfficialChanged
    | NotFound
    | Forbidden
    | InvalidInput
    | VersionConflict
    | IdempotencyMismatch
    | DigestRequired
    | WrongOfficialState
    | UnknownUnit
    | SameUnit
    | DutyRefused,
    strawberry.union("TransferOfficialPayload"),
]
SuspendOfficialPayload = Annotated[
    OfficialChanged
    | NotFound
    | Forbidden
    | InvalidInput
    | VersionConflict
    | IdempotencyMismatch
    | DigestRequired
    | WrongOfficialState,
    strawberry.union("SuspendOfficialPayload"),
]
ReinstateOfficialPayload = Annotated[
    OfficialChanged
    | NotFound
    | Forbidden
    | InvalidInput
    | VersionConflict
    | IdempotencyMismatch
    | DigestRequired
    | WrongOfficialState,
    strawberry.union("ReinstateOfficialPayload"),
]
EndOfficialPayload = Annotated[
    OfficialChanged
    | NotFound
    | Forbidden
    | InvalidInput
    | VersionConflict
    | IdempotencyMismatch
    | DigestRequired
    | WrongOfficialState,
    strawberry.union("EndOfficialPayload"),
]
AskCredentialResetPayload = Annotated[
    OfficialChanged
    | NotFound
    | Forbidden
    | InvalidInput
    | IdempotencyMismatch
    | DigestRequired
    | WrongOfficialState,
    strawberry.union("AskCredentialResetPayload"),
]
ConfirmCredentialResetPayload = Annotated[
    OfficialChanged
    | NotFound
    | Forbidden
    | InvalidInput
    | IdempotencyMismatch
    | DigestRequired
    | WrongOfficialState
    | ResetRefused,
    strawberry.union("ConfirmCredentialResetPayload"),
]
ReviewOfficialPayload = Annotated[
    OfficialChanged | NotFound | Forbidden | InvalidInput | IdempotencyMismatch | NotOnReview,
    strawberry.union("ReviewOfficialPayload"),
]

Stepping = Callable[[OfficialPrincipal, Step, Asking, Idempotency], Awaitable[ChangedOfficial]]


async def _answered(context: GraphQLContext, payload: object, work: Awaitable[ChangedOfficial]) -> Any:
    """The payload: success with the official read again, or the problem that stands for the refusal."""
    try:
        changed = await work
    except Refusal as refusal:
        return problem_of(refusal, context.language, payload)
    reading = context.services.accounts.account(context.official(), changed.code)
    account = await context.read_after_change(reading)
    return OfficialChanged(
        code=changed.code,
        version=changed.version,
        state=changed.state,
        official=None if account is None else account_of(account),
    )


def _gifts(given: list[DutyGiftInput]) -> tuple[DutyGift, ...]:
    return tuple(DutyGift(gift.kind, gift.unit, gift.from_day, gift.until_day) for gift in given)


async def _invite(context: GraphQLContext, given: InviteOfficialInput) -> ChangedOfficial:
    async with context.parsing("official.invite"):
        official, idempotency = context.official(), context.idempotency(given.idempotency_key)
        asking = context.asking
    invitation = Invitation(
        unit=given.unit,
        username=given.username,
        email=given.email,
        family_name=given.family_name,
        given_name=given.given_name,
        duties=_gifts(given.duties),
    )
    return await context.services.account_changes.invite(official, invitation, asking, idempotency)


async def _resend(context: GraphQLContext, given: ResendInvitationInput) -> ChangedOfficial:
    async with context.parsing("official.resend"):
        official, idempotency = context.official(), context.idempotency(given.idempotency_key)
        asking = context.asking
    return await context.services.account_changes.resend(official, given.code, asking, idempotency)


async def _duties(context: GraphQLContext, given: ChangeDutiesInput) -> ChangedOfficial:
    async with context.parsing("official.change_duties"):
        official, idempotency = context.official(), context.idempotency(given.idempotency_key)
    step = Step(given.code, given.expected_version, given.note)
    endings = tuple(DutyEnding(ending.kind, ending.unit, ending.last_day) for ending in given.end)
    return await context.services.account_changes.change_duties(
        official, step, _gifts(given.give), endings, idempotency
    )


async def _transfer(context: GraphQLContext, given: TransferOfficialInput) -> ChangedOfficial:
    async with context.parsing("official.transfer"):
        official, idempotency = context.official(), context.idempotency(given.idempotency_key)
        asking = context.asking
    step = Step(given.code, given.expected_version, given.note)
    return await context.services.account_changes.transfer(
        official, step, given.to_unit, _gifts(given.duties), asking, idempotency
    )


async def _step(
    context: GraphQLContext, action: str, given: OfficialStepInput, work: Stepping
) -> ChangedOfficial:
    async with context.parsing(action):
        official, idempotency = context.official(), context.idempotency(given.idempotency_key)
        asking = context.asking
    return await work(official, Step(given.code, given.expected_version, given.note), asking, idempotency)


async def _ask_reset(context: GraphQLContext, given: AskCredentialResetInput) -> ChangedOfficial:
    async with context.parsing("official.ask_reset"):
        official, idempotency = context.official(), context.idempotency(given.idempotency_key)
        asking = context.asking
    return await context.services.resets.ask_reset(official, given.code, given.note, asking, idempotency)


async def _confirm_reset(context: GraphQLContext, given: ConfirmCredentialResetInput) -> ChangedOfficial:
    async with context.parsing("official.confirm_reset"):
        official, idempotency = context.official(), context.idempotency(given.idempotency_key)
        asking = context.asking
    return await context.services.resets.confirm_reset(
        official, given.code, given.request, given.digest, asking, idempotency
    )


async def _review(context: GraphQLContext, given: ReviewOfficialInput) -> ChangedOfficial:
    async with context.parsing("official.review"):
        official, idempotency = context.official(), context.idempotency(given.idempotency_key)
    return await context.services.reviews.review(
        official, given.code, given.quarter, given.decision, given.note, idempotency
    )


@strawberry.type
class OfficialMutation:
    @strawberry.mutation(description="Mời cán bộ. / Invite an official.", metadata=GIVING)
    async def invite_official(self, info: Info, input: InviteOfficialInput) -> InviteOfficialPayload:
        work = _invite(info.context, input)
        payload: InviteOfficialPayload = await _answered(info.context, InviteOfficialPayload, work)
        return payload

    @strawberry.mutation(description="Gửi lại lời mời. / The invitation again.", metadata=GIVING)
    async def resend_invitation(self, info: Info, input: ResendInvitationInput) -> ResendInvitationPayload:
        work = _resend(info.context, input)
        payload: ResendInvitationPayload = await _answered(info.context, ResendInvitationPayload, work)
        return payload

    @strawberry.mutation(description="Giao, kết thúc nhiệm vụ. / Give and end duties.", metadata=GIVING)
    async def change_duties(self, info: Info, input: ChangeDutiesInput) -> ChangeDutiesPayload:
        work = _duties(info.context, input)
        payload: ChangeDutiesPayload = await _answered(info.context, ChangeDutiesPayload, work)
        return payload

    @strawberry.mutation(description="Điều chuyển cán bộ. / To another unit.", metadata=GIVING)
    async def transfer_official(self, info: Info, input: TransferOfficialInput) -> TransferOfficialPayload:
        work = _transfer(info.context, input)
        payload: TransferOfficialPayload = await _answered(info.context, TransferOfficialPayload, work)
        return payload

    @strawberry.mutation(description="Tạm dừng. / Suspend: out at once.", metadata=TAKING)
    async def suspend_official(self, info: Info, input: OfficialStepInput) -> SuspendOfficialPayload:
        context = info.context
        work = _step(context, "official.suspend", input, context.services.account_changes.suspend)
        payload: SuspendOfficialPayload = await _answered(context, SuspendOfficialPayload, work)
        return payload

    @strawberry.mutation(description="Cho hoạt động lại. / Back after a suspension.", metadata=GIVING)
    async def reinstate_official(self, info: Info, input: OfficialStepInput) -> ReinstateOfficialPayload:
        context = info.context
        work = _step(context, "official.reinstate", input, context.services.account_changes.reinstate)
        payload: ReinstateOfficialPayload = await _answered(context, ReinstateOfficialPayload, work)
        return payload

    @strawberry.mutation(description="Kết thúc, không trở lại. / Has left, for ever.", metadata=TAKING)
    async def end_official(self, info: Info, input: OfficialStepInput) -> EndOfficialPayload:
        context = info.context
        work = _step(context, "official.end", input, context.services.account_changes.end)
        payload: EndOfficialPayload = await _answered(context, EndOfficialPayload, work)
        return payload

    @strawberry.mutation(
        description="Yêu cầu đặt lại thông tin đăng nhập. / Ask for a reset of credentials.", metadata=GIVING
    )
    async def ask_credential_reset(
        self, info: Info, input: AskCredentialResetInput
    ) -> AskCredentialResetPayload:
        work = _ask_reset(info.context, input)
        payload: AskCredentialResetPayload = await _answered(info.context, AskCredentialResetPayload, work)
        return payload

    @strawberry.mutation(
        description="Người thứ hai xác nhận. / Confirm somebody else's request for a reset.", metadata=GIVING
    )
    async def confirm_credential_reset(
        self, info: Info, input: ConfirmCredentialResetInput
    ) -> ConfirmCredentialResetPayload:
        work = _confirm_reset(info.context, input)
        payload: ConfirmCredentialResetPayload = await _answered(
            info.context, ConfirmCredentialResetPayload, work
        )
        return payload

    @strawberry.mutation(description="Quyết định rà soát. / Decide in a review.", metadata=TAKING)
    async def review_official(self, info: Info, input: ReviewOfficialInput) -> ReviewOfficialPayload:
        work = _review(info.context, input)
        payload: ReviewOfficialPayload = await _answered(info.context, ReviewOfficialPayload, work)
        return payload
