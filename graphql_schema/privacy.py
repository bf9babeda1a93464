"""Privacy (bảo vệ dữ liệu cá nhân): consents, requests of data subjects, the register of processing."""

from collections.abc import Awaitable, Callable
from datetime import date, datetime, timedelta
from typing import Annotated, Any

import strawberry

from backend.privacy import errors, types
from foundation.errors import Refusal
from graphql_schema.access import step_up
from graphql_schema.context import DEFAULT_PAGE, GraphQLContext, Info
from graphql_schema.errors import (
    PROBLEMS,
    Forbidden,
    IdempotencyMismatch,
    InvalidInput,
    NotFound,
    Problem,
    VersionConflict,
    problem_of,
)
from graphql_schema.paging import AFTER, FIRST, Connection, connection_of
from graphql_schema.report_changes import IDEMPOTENCY_KEY
from graphql_schema.reports import VERSION
from graphql_schema.sizes import rows

KIND = "PrivacyRequest"
FRESH = timedelta(minutes=15)
PURPOSE = "Mã mục đích, từ myConsents. / A purpose's code, of `myConsents`."
strawberry.enum(
    types.RequestKind,
    name="PrivacyRequestKind",
    description="Xem, chỉnh sửa, cung cấp, xóa, hạn chế xử lý, phản đối. / View, correct, provide, delete, "
    "restrict, object.",
)
strawberry.enum(
    types.RequestState,
    name="PrivacyRequestState",
    description="Mới nhận, đã tiếp nhận, đã thực hiện, từ chối. / Received, accepted, done, refused.",
)
strawberry.enum(
    types.Step,
    name="PrivacyStep",
    description="Tiếp nhận, gia hạn một lần, đã thực hiện, từ chối. / Accept, extend once, done, refuse.",
)
strawberry.enum(
    types.Ground,
    name="PrivacyRefusalGround",
    description="Luật buộc lưu giữ, quyền của người khác, bí mật nhà nước, đang thanh tra hoặc điều tra, "
    "không có căn cứ. / Kept by law, rights of others, a state secret, an inquiry, unfounded.",
)


@strawberry.type(description="Yêu cầu cùng loại chưa được trả lời. / One of this kind is open.")
class PrivacyRequestOpen(Problem):
    pass


@strawberry.type(description="Yêu cầu đã qua bước này. / The request is past this step.")
class PrivacyWrongStep(Problem):
    pass


@strawberry.type(description="Nội dung xin đồng ý đã đổi. / Another wording is in force.")
class ConsentTextChanged(Problem):
    current_version: int = strawberry.field(description="Phiên bản hiện tại. / The one in force.")


def _text_changed(refusal: errors.OldText, common: dict[str, str]) -> Problem:
    return ConsentTextChanged(**common, current_version=refusal.current)


PROBLEMS |= {
    errors.AlreadyOpen: (PrivacyRequestOpen, lambda _, common: PrivacyRequestOpen(**common)),
    errors.WrongStep: (PrivacyWrongStep, lambda _, common: PrivacyWrongStep(**common)),
    errors.OldText: (ConsentTextChanged, _text_changed),
}


@strawberry.type(description="Một mục đích và ý kiến của tôi. / A purpose, and whether I agree.")
class Consent:
    purpose: str
    version: int = strawberry.field(
        description="Phiên bản của nội dung đang dùng. / Of the wording in force."
    )
    text: str = strawberry.field(description="Theo Accept-Language. / In the person's language.")
    given: bool = strawberry.field(description="Không trả lời là không đồng ý. / No word is no consent.")
    of_version: int | None = strawberry.field(
        description="Phiên bản đã trả lời. / The wording that was answered."
    )
    since: datetime | None


@strawberry.type(
    description="Dữ liệu được giữ lại theo luật. / What the law keeps though the rest is deleted."
)
class KeptData:
    code: str
    data: str = strawberry.field(description="Theo Accept-Language. / In the person's language.")
    basis: str = strawberry.field(description="Căn cứ. / On which ground.")


@strawberry.type(description="Yêu cầu của chủ thể dữ liệu. / A data subject's request; nobody is named.")
class PrivacyRequest:
    id: strawberry.ID
    kind: types.RequestKind
    state: types.RequestState
    details: str | None
    asked_at: datetime
    reply_due_at: datetime = strawberry.field(
        description="Hạn phản hồi, ngày làm việc. / Until when it is to be accepted, in working days."
    )
    due_at: datetime = strawberry.field(description="Hạn thực hiện. / Until when it is to be answered.")
    extended: bool
    replied_at: datetime | None
    answered_at: datetime | None
    ground: types.Ground | None = strawberry.field(description="Căn cứ từ chối. / Why it was refused.")
    answer: str | None
    version: int
    kept: list[KeptData] = strawberry.field(
        description="Những gì được giữ lại và vì sao, khi đã chấp nhận xóa. / What stays and why, of "
        "a granted deletion; else nothing.",
        metadata=rows(20),
    )


@strawberry.type(description="Thời hạn lưu trữ của một loại dữ liệu. / How long a kind of data is kept.")
class RetentionRule:
    code: str
    version: int
    from_day: date
    data: str = strawberry.field(description="Theo Accept-Language. / In the person's language.")
    begins: str | None = strawberry.field(
        description="closed, told, answered, ended: tính từ. / What the months are counted from."
    )
    months: int | None = strawberry.field(description="null: giữ lại. / null: kept.")
    act: str = strawberry.field(description="delete, anonymise, keep.")
    basis: str
    assumed: bool = strawberry.field(
        description="Chưa được luật sư xác nhận. / The figure is an assumption and wants a lawyer."
    )
    after_deletion: bool = strawberry.field(
        description="Giữ lại cả khi người dùng yêu cầu xóa. / Stays though the person asks for deletion."
    )
    due: int = strawberry.field(
        description="Số mục đến hạn lúc này, đếm tối đa 10.000; hỏi thì không xóa gì. / How many it would "
        "take now, counted up to 10,000; asking takes nothing."
    )


@strawberry.type(description="Một hoạt động xử lý dữ liệu. / An entry of the register of processing.")
class Processing:
    code: str
    purpose: str
    basis: str
    data: str
    retention: str
    recipients: str
    transfer: str | None = strawberry.field(description="Chuyển ra nước ngoài. / What goes abroad.")


@strawberry.input(description="Đồng ý. / To agree.")
class GiveConsentInput:
    purpose: str = strawberry.field(description=PURPOSE)
    version: int = strawberry.field(description="Phiên bản đã đọc. / The wording that was read.")
    idempotency_key: str = strawberry.field(description=IDEMPOTENCY_KEY)


@strawberry.input(description="Rút lại sự đồng ý. / No longer to agree.")
class WithdrawConsentInput:
    purpose: str = strawberry.field(description=PURPOSE)
    idempotency_key: str = strawberry.field(description=IDEMPOTENCY_KEY)


@strawberry.input(description="Yêu cầu về dữ liệu của mình. / A request about one's own data.")
class RequestPrivacyInput:
    kind: types.RequestKind
    details: str | None = strawberry.field(
        default=None,
        description="Tối đa 2000 ký tự; bắt buộc khi chỉnh sửa. / At most 2000; needed to correct.",
    )
    idempotency_key: str = strawberry.field(description=IDEMPOTENCY_KEY)


@strawberry.input(description="Trả lời yêu cầu. / A step of the data-protection officer.")
class AnswerPrivacyRequestInput:
    id: strawberry.ID
    expected_version: int = strawberry.field(description=VERSION)
    step: types.Step
    text: str | None = strawberry.field(
        default=None,
        description="Tối đa 2000 ký tự; bắt buộc trừ khi tiếp nhận. / Needed but to accept.",
    )
    ground: types.Ground | None = strawberry.field(
        default=None, description="Chỉ khi từ chối. / With a refusal alone."
    )
    idempotency_key: str = strawberry.field(description=IDEMPOTENCY_KEY)


@strawberry.type(description="Đã ghi nhận. / It is kept.")
class ConsentSaid:
    purpose: str
    given: bool


@strawberry.type(description="Yêu cầu sau thay đổi. / The request as it is now.")
class PrivacyRequestChanged:
    request: PrivacyRequest


GiveConsentPayload = Annotated[
    ConsentSaid | NotFound | Forbidden | InvalidInput | ConsentTextChanged | IdempotencyMismatch,
    strawberry.union("GiveConsentPayload"),
]
WithdrawConsentPayload = Annotated[
    ConsentSaid | NotFound | Forbidden | InvalidInput | IdempotencyMismatch,
    strawberry.union("WithdrawConsentPayload"),
]
RequestPrivacyPayload = Annotated[
    PrivacyRequestChanged | Forbidden | InvalidInput | PrivacyRequestOpen | IdempotencyMismatch,
    strawberry.union("RequestPrivacyPayload"),
]
AnswerPrivacyRequestPayload = Annotated[
    PrivacyRequestChanged
    | NotFound
    | Forbidden
    | InvalidInput
    | VersionConflict
    | PrivacyWrongStep
    | IdempotencyMismatch,
    strawberry.union("AnswerPrivacyRequestPayload"),
]


def _request_of(context: GraphQLContext) -> Callable[[types.PrivacyRequest], PrivacyRequest]:
    def shown(request: types.PrivacyRequest) -> PrivacyRequest:
        return PrivacyRequest(
            id=strawberry.ID(context.codecs.global_ids.of_uuid(KIND, request.id)),
            kind=request.kind,
            state=request.state,
            details=request.details,
            asked_at=request.asked_at,
            reply_due_at=request.reply_due_at,
            due_at=request.due_at,
            extended=request.extended,
            replied_at=request.replied_at,
            answered_at=request.answered_at,
            ground=request.ground,
            answer=request.answer,
            version=request.version,
            kept=[
                KeptData(
                    code=one.code,
                    data=one.data_en if context.language == "en" else one.data_vi,
                    basis=one.basis,
                )
                for one in request.kept
            ],
        )

    return shown


async def _answered(context: GraphQLContext, payload: object, work: Awaitable[Any]) -> Any:
    try:
        return await work
    except Refusal as refusal:
        return problem_of(refusal, context.language, payload)


@strawberry.type
class PrivacyQuery:
    @strawberry.field(
        description="Những gì tôi được hỏi ý kiến, và đã đồng ý hay chưa. / What consent is asked for.",
        metadata=rows(5),
    )
    async def my_consents(self, info: Info) -> list[Consent] | None:
        context = info.context
        async with context.parsing("consent.read"):
            citizen = context.citizen()
        english = context.language == "en"
        return [
            Consent(
                purpose=one.purpose,
                version=one.version,
                text=one.text_en if english else one.text_vi,
                given=one.given,
                of_version=one.of_version,
                since=one.since,
            )
            for one in await context.services.privacy.consents(citizen)
        ]

    @strawberry.field(description="Yêu cầu của tôi, mới trước. / My requests, the newest first.")
    async def my_privacy_requests(
        self,
        info: Info,
        first: Annotated[int, strawberry.argument(description=FIRST)] = DEFAULT_PAGE,
        after: Annotated[str | None, strawberry.argument(description=AFTER)] = None,
    ) -> Connection[PrivacyRequest] | None:
        context, field = info.context, "myPrivacyRequests"
        async with context.parsing("privacy.read"):
            citizen, page = context.citizen(), context.page(field, first, after)
        found = await context.services.privacy.requests(citizen, page)
        return connection_of(
            context, field, found.items, found.positions, found.has_next, after, _request_of(context)
        )

    @strawberry.field(
        description="Yêu cầu của mọi người, cho cán bộ bảo vệ dữ liệu. / Everybody's requests, newest first; "
        "for the data-protection officer."
    )
    async def privacy_requests(
        self,
        info: Info,
        only_open: Annotated[
            bool, strawberry.argument(description="Chỉ yêu cầu chưa trả lời. / Without answered ones.")
        ] = True,
        first: Annotated[int, strawberry.argument(description=FIRST)] = DEFAULT_PAGE,
        after: Annotated[str | None, strawberry.argument(description=AFTER)] = None,
    ) -> Connection[PrivacyRequest] | None:
        context, field = info.context, "privacyRequests"
        async with context.parsing("privacy.list"):
            official, page = context.official(), context.page(field, first, after)
        found = await context.services.privacy_desk.requests(official, page, only_open=only_open)
        return connection_of(
            context, field, found.items, found.positions, found.has_next, after, _request_of(context)
        )

    @strawberry.field(
        description="Sổ hoạt động xử lý dữ liệu. / The register of processing; for the same officer.",
        metadata=rows(20),
    )
    async def processing_register(self, info: Info) -> list[Processing] | None:
        context = info.context
        async with context.parsing("privacy.register"):
            official = context.official()
        english = context.language == "en"
        return [
            Processing(
                code=one.code,
                purpose=one.purpose_en if english else one.purpose_vi,
                basis=one.basis,
                data=one.data,
                retention=one.retention,
                recipients=one.recipients,
                transfer=one.transfer,
            )
            for one in await context.services.privacy_desk.register(official)
        ]

    @strawberry.field(
        description="Thời hạn lưu trữ và những gì đến hạn xóa. / The rules of retention in force, and what "
        "each would take now; for the same officer.",
        metadata=rows(40),
    )
    async def retention_rules(self, info: Info) -> list[RetentionRule] | None:
        context = info.context
        async with context.parsing("privacy.retention"):
            official = context.official()
        english = context.language == "en"
        return [
            RetentionRule(
                code=one.code,
                version=one.version,
                from_day=one.from_day,
                data=one.data_en if english else one.data_vi,
                begins=one.begins,
                months=one.months,
                act=one.act,
                basis=one.basis,
                assumed=one.is_assumed,
                after_deletion=one.after_deletion,
                due=one.due,
            )
            for one in await context.services.privacy_desk.retention(official)
        ]


async def _give(context: GraphQLContext, input: GiveConsentInput) -> ConsentSaid:
    async with context.parsing("consent.give"):
        citizen, key = context.citizen(), context.idempotency(input.idempotency_key)
    await context.services.privacy.give(citizen, input.purpose, input.version, key)
    return ConsentSaid(purpose=input.purpose, given=True)


async def _withdraw(context: GraphQLContext, input: WithdrawConsentInput) -> ConsentSaid:
    async with context.parsing("consent.withdraw"):
        citizen, key = context.citizen(), context.idempotency(input.idempotency_key)
    await context.services.privacy.withdraw(citizen, input.purpose, key)
    return ConsentSaid(purpose=input.purpose, given=False)


async def _ask(context: GraphQLContext, input: RequestPrivacyInput) -> PrivacyRequestChanged:
    async with context.parsing("privacy.request"):
        citizen, key = context.citizen(), context.idempotency(input.idempotency_key)
    asked = await context.services.privacy.ask(citizen, input.kind, input.details, key)
    return PrivacyRequestChanged(request=_request_of(context)(asked))


async def _answer(context: GraphQLContext, input: AnswerPrivacyRequestInput) -> PrivacyRequestChanged:
    async with context.parsing("privacy.answer"):
        official, key = context.official(), context.idempotency(input.idempotency_key)
        request = context.codecs.global_ids.parse_uuid(KIND, input.id)
    given = types.Answer(input.step, input.text, input.ground)
    desk = context.services.privacy_desk
    answered = await desk.answer(official, request, input.expected_version, given, key)
    return PrivacyRequestChanged(request=_request_of(context)(answered))


@strawberry.type
class PrivacyMutation:
    @strawberry.mutation(description="Đồng ý với một mục đích. / Agree to a purpose, in the words in force.")
    async def give_consent(self, info: Info, input: GiveConsentInput) -> GiveConsentPayload:
        payload: GiveConsentPayload = await _answered(
            info.context, GiveConsentPayload, _give(info.context, input)
        )
        return payload

    @strawberry.mutation(description="Rút lại sự đồng ý. / No longer agree; as easy as agreeing.")
    async def withdraw_consent(self, info: Info, input: WithdrawConsentInput) -> WithdrawConsentPayload:
        payload: WithdrawConsentPayload = await _answered(
            info.context, WithdrawConsentPayload, _withdraw(info.context, input)
        )
        return payload

    @strawberry.mutation(
        description="Yêu cầu về dữ liệu của mình; cần yếu tố thứ hai. / A request about one's own data; "
        "wants the second factor.",
        metadata=step_up("aal2", FRESH),
    )
    async def request_privacy(self, info: Info, input: RequestPrivacyInput) -> RequestPrivacyPayload:
        payload: RequestPrivacyPayload = await _answered(
            info.context, RequestPrivacyPayload, _ask(info.context, input)
        )
        return payload

    @strawberry.mutation(
        description="Trả lời yêu cầu, do cán bộ bảo vệ dữ liệu. / Answer one, by the data-protection officer."
    )
    async def answer_privacy_request(
        self, info: Info, input: AnswerPrivacyRequestInput
    ) -> AnswerPrivacyRequestPayload:
        payload: AnswerPrivacyRequestPayload = await _answered(
            info.context, AnswerPrivacyRequestPayload, _answer(info.context, input)
        )
        return payload
