"""Channels: a register for administrators, and for the city's operator what did not reach one."""

from datetime import datetime
from enum import StrEnum
from typing import Annotated

import strawberry

from backend.administration.types import Done
from backend.channels import types as domain
from foundation.errors import NotFound as NotFoundRefusal
from foundation.errors import Refusal
from graphql_schema.context import DEFAULT_PAGE, GraphQLContext, Info
from graphql_schema.enums import ChannelKind, ChannelState
from graphql_schema.errors import (
    CodeTaken,
    Forbidden,
    IdempotencyMismatch,
    InvalidInput,
    NotFound,
    VersionConflict,
    problem_of,
)
from graphql_schema.paging import AFTER, FIRST, Connection, connection_of
from graphql_schema.registers import (
    CHANGING,
    REACHING_FAR,
    VERSION,
    Asked,
    changed,
    expected_version,
    idempotency_key,
)
from graphql_schema.sizes import rows

DELIVERY = "ChannelDelivery"
ONCE = "Chỉ hiện một lần; hỏi lại sẽ là null: hãy đổi khóa. / Shown this once; null when asked again: rotate."
URL = (
    "https và tên miền công khai; null: không gửi về. / https and a public name; null: nothing is sent back."
)


@strawberry.enum(description="IN: kênh ký khi gửi đến; OUT: thành phố ký khi gửi về. / What a key signs.")
class ChannelKeyPurpose(StrEnum):
    IN = "in"
    OUT = "out"


@strawberry.type(description="Một khóa còn hiệu lực, không có bí mật. / A key in force, without its secret.")
class ChannelKey:
    purpose: ChannelKeyPurpose
    from_at: datetime
    until_at: datetime | None = strawberry.field(description="Null: chưa có hạn. / Null: no end yet.")


@strawberry.type(description="Kênh tiếp nhận: 1022, cổng dịch vụ, Zalo… / A channel that hands in reports.")
class Channel:
    code: str
    kind: ChannelKind
    name: str
    state: ChannelState
    callback_url: str | None = strawberry.field(description=URL)
    zalo_app_id: str | None
    rate_amount: int = strawberry.field(description="Số tin nhận một lúc. / Messages taken at once.")
    rate_seconds: int = strawberry.field(description="Mỗi chừng này giây. / Each so many seconds.")
    version: int = strawberry.field(description=VERSION)
    keys: list[ChannelKey] = strawberry.field(metadata=rows(4))


@strawberry.type(
    description="Thay đổi trạng thái không gửi được về kênh. / A status change that did not arrive."
)
class ChannelDelivery:
    id: strawberry.ID
    channel_code: str
    report_code: str
    version: int = strawberry.field(description="Phiên bản của phản ánh. / The report's version.")
    state: str = strawberry.field(description="Trạng thái được báo. / The state that it tells.")
    attempts: int
    fault: str | None = strawberry.field(description="Mã lỗi, ví dụ http_410. / A code of ours.")
    changed_at: datetime
    ended_at: datetime | None


@strawberry.input(description="Kênh mới, nhận ngay. / A new channel, heard at once.")
class CreateChannelInput:
    code: str = strawberry.field(description="2–32 chữ thường, số, gạch nối. / Lower case, digits, hyphens.")
    kind: ChannelKind
    name: str
    callback_url: str | None = strawberry.field(default=None, description=URL)
    zalo_app_id: str | None = None
    secret: str | None = strawberry.field(
        default=None, description="Chỉ với Zalo: OA secret key. / Zalo's own; others are made."
    )
    rate_amount: int = 60
    rate_seconds: int = 60
    idempotency_key: str = idempotency_key()


@strawberry.input(description="Đổi tên, địa chỉ, hạn mức. / Another name, address or rate.")
class ChangeChannelInput:
    code: str
    expected_version: int = expected_version()
    name: str
    callback_url: str | None = strawberry.field(description=URL)
    rate_amount: int
    rate_seconds: int
    idempotency_key: str = idempotency_key()


@strawberry.input(description="Khóa mới; khóa cũ còn dùng trong thời gian gối. / A new key, with overlap.")
class RotateChannelKeyInput:
    code: str
    expected_version: int = expected_version()
    purpose: ChannelKeyPurpose
    overlap_hours: int = strawberry.field(
        description="0–336; 0: khóa cũ hết ngay (bị lộ). / 0: the old keys end at once (stolen)."
    )
    secret: str | None = strawberry.field(
        default=None, description="Chỉ với Zalo: OA secret key. / Zalo's own; others are made."
    )
    idempotency_key: str = idempotency_key()


@strawberry.input(description="Tạm dừng hoặc mở lại. / Suspended, or heard again.")
class ChannelStateInput:
    code: str
    expected_version: int = expected_version()
    idempotency_key: str = idempotency_key()


@strawberry.input(description="Gửi lại những gì không tới. / Send again what did not arrive.")
class ResendDeliveriesInput:
    deliveries: list[strawberry.ID] = strawberry.field(description="1–100.")
    idempotency_key: str = idempotency_key()


@strawberry.type(description="Đã thực hiện. / Done.")
class ChannelChanged:
    code: str
    version: int = strawberry.field(description=VERSION)
    channel: Channel | None


@strawberry.type(description="Đã thực hiện; khóa mới chỉ hiện ở đây. / Done; new keys are shown here alone.")
class ChannelKeysMade:
    code: str
    version: int = strawberry.field(description=VERSION)
    send_secret: str | None = strawberry.field(description=f"Kênh ký bằng khóa này. {ONCE}")
    receive_secret: str | None = strawberry.field(description=f"Kênh kiểm tra bằng khóa này. {ONCE}")
    channel: Channel | None


@strawberry.type(description="Sẽ gửi lại. / They are sent again.")
class DeliveriesResent:
    count: int = strawberry.field(description="Những cái đang chờ. / Those that were given up.")


CreateChannelPayload = Annotated[
    ChannelKeysMade | Forbidden | InvalidInput | CodeTaken | IdempotencyMismatch,
    strawberry.union("CreateChannelPayload"),
]
RotateChannelKeyPayload = Annotated[
    ChannelKeysMade | NotFound | Forbidden | InvalidInput | VersionConflict | IdempotencyMismatch,
    strawberry.union("RotateChannelKeyPayload"),
]
ChangeChannelPayload = Annotated[
    ChannelChanged | NotFound | Forbidden | InvalidInput | VersionConflict | IdempotencyMismatch,
    strawberry.union("ChangeChannelPayload"),
]
ChannelStatePayload = Annotated[
    ChannelChanged | NotFound | Forbidden | InvalidInput | VersionConflict | IdempotencyMismatch,
    strawberry.union("ChannelStatePayload"),
]
ResendDeliveriesPayload = Annotated[
    DeliveriesResent | Forbidden | InvalidInput | IdempotencyMismatch,
    strawberry.union("ResendDeliveriesPayload"),
]


def _channel_of(channel: domain.Channel) -> Channel:
    return Channel(
        code=channel.code,
        kind=channel.kind,
        name=channel.name,
        state=channel.state,
        callback_url=channel.callback_url,
        zalo_app_id=channel.zalo_app_id,
        rate_amount=channel.rate_amount,
        rate_seconds=channel.rate_seconds,
        version=channel.version,
        keys=[
            ChannelKey(purpose=ChannelKeyPurpose(key.purpose), from_at=key.from_at, until_at=key.until_at)
            for key in channel.keys
        ],
    )


async def _read(context: GraphQLContext, done: Done) -> Channel:
    for channel in await context.services.registers.channels.channels(context.official()):
        if channel.code == done.code:
            return _channel_of(channel)
    raise NotFoundRefusal


def _done(done: Done, channel: Channel | None) -> ChannelChanged:
    return ChannelChanged(code=done.code, version=done.version, channel=channel)


@strawberry.type
class ChannelQuery:
    @strawberry.field(
        description="Các kênh tiếp nhận. / All channels, for administrators.", metadata=rows(20)
    )
    async def channels(self, info: Info) -> list[Channel] | None:
        context = info.context
        async with context.parsing("channel.list"):
            official = context.official()
        return [_channel_of(one) for one in await context.services.registers.channels.channels(official)]

    @strawberry.field(
        description="Thay đổi trạng thái không gửi được, mới trước. / Status changes that were given up."
    )
    async def channel_deliveries(
        self,
        info: Info,
        first: Annotated[int, strawberry.argument(description=FIRST)] = DEFAULT_PAGE,
        after: Annotated[str | None, strawberry.argument(description=AFTER)] = None,
    ) -> Connection[ChannelDelivery] | None:
        context = info.context
        async with context.parsing("channel.deliveries"):
            official = context.official()
            page = context.page("channelDeliveries", first, after)
        found = await context.services.registers.channels.dead(official, page)

        def shown(one: domain.Delivery) -> ChannelDelivery:
            return ChannelDelivery(
                id=strawberry.ID(context.codecs.global_ids.of_uuid(DELIVERY, one.id)),
                channel_code=one.channel,
                report_code=one.report_code,
                version=one.version,
                state=one.report_state,
                attempts=one.attempts,
                fault=one.fault,
                changed_at=one.changed_at,
                ended_at=one.ended_at,
            )

        return connection_of(
            context, "channelDeliveries", found.items, found.positions, found.has_next, after, shown
        )


@strawberry.type
class ChannelMutation:
    @strawberry.mutation(description="Tạo kênh. / A new channel.", metadata=REACHING_FAR)
    async def create_channel(self, info: Info, input: CreateChannelInput) -> CreateChannelPayload:
        new = domain.NewChannel(
            code=input.code,
            kind=input.kind,
            name=input.name,
            callback_url=input.callback_url,
            zalo_app_id=input.zalo_app_id,
            secret=input.secret,
            rate_amount=input.rate_amount,
            rate_seconds=input.rate_seconds,
        )
        context = info.context
        try:
            async with context.parsing("channel.create"):
                official, key = context.official(), context.idempotency(input.idempotency_key)
            done, made = await context.services.registers.channel_changes.create(official, new, key)
        except Refusal as refusal:
            problem: CreateChannelPayload = problem_of(refusal, context.language, CreateChannelPayload)
            return problem
        return await _keys_made(context, done, made)

    @strawberry.mutation(description="Đổi khóa. / A new key.", metadata=REACHING_FAR)
    async def rotate_channel_key(self, info: Info, input: RotateChannelKeyInput) -> RotateChannelKeyPayload:
        context = info.context
        try:
            async with context.parsing("channel.rotate"):
                official, key = context.official(), context.idempotency(input.idempotency_key)
            done, made = await context.services.registers.channel_changes.rotate(
                official,
                input.code,
                input.expected_version,
                input.purpose.value,
                input.overlap_hours,
                input.secret,
                key,
            )
        except Refusal as refusal:
            problem: RotateChannelKeyPayload = problem_of(refusal, context.language, RotateChannelKeyPayload)
            return problem
        return await _keys_made(context, done, made)

    @strawberry.mutation(
        description="Đổi tên, địa chỉ, hạn mức. / Another name, address, rate.", metadata=REACHING_FAR
    )
    async def change_channel(self, info: Info, input: ChangeChannelInput) -> ChangeChannelPayload:
        context = info.context
        asked = Asked(action="channel.change", key=input.idempotency_key, payload=ChangeChannelPayload)
        payload: ChangeChannelPayload = await changed(
            context,
            asked,
            lambda who, key: context.services.registers.channel_changes.change(
                who,
                input.code,
                input.expected_version,
                input.name,
                input.callback_url,
                input.rate_amount,
                input.rate_seconds,
                key,
            ),
            lambda done: _read(context, done),
            _done,
        )
        return payload

    @strawberry.mutation(description="Tạm dừng kênh. / Nothing more is taken from it.", metadata=CHANGING)
    async def suspend_channel(self, info: Info, input: ChannelStateInput) -> ChannelStatePayload:
        context = info.context
        asked = Asked(action="channel.suspend", key=input.idempotency_key, payload=ChannelStatePayload)
        payload: ChannelStatePayload = await changed(
            context,
            asked,
            lambda who, key: context.services.registers.channel_changes.suspend(
                who, input.code, input.expected_version, key
            ),
            lambda done: _read(context, done),
            _done,
        )
        return payload

    @strawberry.mutation(description="Mở lại kênh. / It is heard again.", metadata=CHANGING)
    async def resume_channel(self, info: Info, input: ChannelStateInput) -> ChannelStatePayload:
        context = info.context
        asked = Asked(action="channel.resume", key=input.idempotency_key, payload=ChannelStatePayload)
        payload: ChannelStatePayload = await changed(
            context,
            asked,
            lambda who, key: context.services.registers.channel_changes.resume(
                who, input.code, input.expected_version, key
            ),
            lambda done: _read(context, done),
            _done,
        )
        return payload

    @strawberry.mutation(description="Gửi lại về kênh. / Send again what was given up.", metadata=CHANGING)
    async def resend_channel_deliveries(
        self, info: Info, input: ResendDeliveriesInput
    ) -> ResendDeliveriesPayload:
        context = info.context
        try:
            async with context.parsing("channel.resend"):
                official, key = context.official(), context.idempotency(input.idempotency_key)
                ids = context.codecs.global_ids
                deliveries = [ids.parse_uuid(DELIVERY, one) for one in input.deliveries[:101]]
            count = await context.services.registers.channels.resend(official, deliveries, key)
        except Refusal as refusal:
            problem: ResendDeliveriesPayload = problem_of(refusal, context.language, ResendDeliveriesPayload)
            return problem
        return DeliveriesResent(count=count)


async def _keys_made(context: GraphQLContext, done: Done, made: domain.Secrets) -> ChannelKeysMade:
    channel = await context.read_after_change(_read(context, done))
    return ChannelKeysMade(
        code=done.code,
        version=done.version,
        send_secret=made.send,
        receive_secret=made.receive,
        channel=channel,
    )
