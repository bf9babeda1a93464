"""The inbox: that something happened, never what was written."""

from __future__ import annotations

import re
from datetime import datetime, time
from typing import Annotated
from uuid import UUID

import strawberry

from backend.notifications import types as domain
from foundation.errors import InvalidInput as InvalidInputRefusal
from foundation.errors import Refusal
from foundation.ids import GlobalIds
from graphql_schema.context import DEFAULT_PAGE, GraphQLContext, Info
from graphql_schema.enums import Fallback, Platform
from graphql_schema.errors import Forbidden, IdempotencyMismatch, InvalidInput, NoAddress, problem_of
from graphql_schema.paging import AFTER, FIRST, Connection, connection_of
from graphql_schema.sizes import rows

KIND = "Notice"
IDEMPOTENCY_KEY = (
    "16–64 ký tự ASCII, mới cho mỗi thao tác. / 16–64 ASCII characters, fresh for each intention."
)
_CLOCK = re.compile(r"([01][0-9]|2[0-3]):[0-5][0-9]")


@strawberry.type(description="Một thông báo. / One notification.")
class InboxItem:
    id: strawberry.ID = strawberry.field(description="Mã mờ. / Opaque.")
    kind: str = strawberry.field(
        description="Loại thay đổi, ví dụ report.answered; có thể thêm loại mới. / New kinds may come."
    )
    subject_id: strawberry.ID | None = strawberry.field(
        description="Mã toàn cục của đối tượng, hỏi bằng node; không có nếu là tài khoản. / "
        "Global id of what changed: a report's for `node`, a privacy request's as in its list. None for what "
        "is no object, such as the own account."
    )
    version: int
    at: datetime
    urgent: bool
    read_at: datetime | None


@strawberry.type(description="Giờ yên lặng, theo giờ Hà Nội. / Quiet hours, by the clock of Ha Noi.")
class QuietHours:
    begin: str = strawberry.field(description="HH:MM")
    end: str = strawberry.field(
        description="HH:MM; nhỏ hơn begin là qua đêm. / Before `begin`: over midnight."
    )


@strawberry.type(description="Tôi muốn được báo thế nào. / How one wants to be told.")
class NotificationPreferences:
    push: bool
    sms: Fallback = strawberry.field(description="Khi không có push. / When no push arrives.")
    email: Fallback = strawberry.field(description="Khi không có push. / When no push arrives.")
    quiet_hours: QuietHours | None = strawberry.field(
        description="Tin khẩn vẫn được gửi. / What is urgent is sent all the same."
    )


@strawberry.input(description="Giờ yên lặng, theo giờ Hà Nội. / Quiet hours, by the clock of Ha Noi.")
class QuietHoursInput:
    begin: str = strawberry.field(description="HH:MM")
    end: str = strawberry.field(description="HH:MM")


@strawberry.input(description="Tôi muốn được báo thế nào. / How one wants to be told.")
class SetNotificationPreferencesInput:
    push: bool
    sms: Fallback
    email: Fallback
    quiet_hours: QuietHoursInput | None
    idempotency_key: str = strawberry.field(description=IDEMPOTENCY_KEY)


@strawberry.input(description="Đánh dấu đã đọc. / Mark notices as read.")
class MarkInboxReadInput:
    notices: list[strawberry.ID] | None = strawberry.field(
        description="Tối đa 100; null là tất cả. / At most 100; null is all that there are."
    )
    idempotency_key: str = strawberry.field(description=IDEMPOTENCY_KEY)


@strawberry.input(description="Nơi nhận push của thiết bị này. / Where this device is reached by push.")
class RegisterPushTokenInput:
    platform: Platform
    token: str = strawberry.field(description="Mã của FCM. / FCM's registration token.")
    idempotency_key: str = strawberry.field(description=IDEMPOTENCY_KEY)


@strawberry.input(description="Thiết bị này thôi nhận push. / This device is reached no more.")
class ForgetPushTokenInput:
    idempotency_key: str = strawberry.field(description=IDEMPOTENCY_KEY)


@strawberry.type(description="Đã đánh dấu. / Marked.")
class InboxMarked:
    unread: int | None = strawberry.field(description="Còn lại, tối đa 100. / What is left, at most 100.")


@strawberry.type(description="Đã lưu. / Kept.")
class NotificationPreferencesSet:
    preferences: NotificationPreferences


@strawberry.type(description="Đã ghi nhận. / Noted: whoever had this device before is reached there no more.")
class PushTokenRegistered:
    platform: Platform


@strawberry.type(description="Đã quên. / Forgotten.")
class PushTokenForgotten:
    forgotten: bool


MarkInboxReadPayload = Annotated[
    InboxMarked | Forbidden | InvalidInput | IdempotencyMismatch, strawberry.union("MarkInboxReadPayload")
]
SetNotificationPreferencesPayload = Annotated[
    NotificationPreferencesSet | Forbidden | InvalidInput | NoAddress | IdempotencyMismatch,
    strawberry.union("SetNotificationPreferencesPayload"),
]
RegisterPushTokenPayload = Annotated[
    PushTokenRegistered | Forbidden | InvalidInput | IdempotencyMismatch,
    strawberry.union("RegisterPushTokenPayload"),
]
ForgetPushTokenPayload = Annotated[
    PushTokenForgotten | Forbidden | InvalidInput | IdempotencyMismatch,
    strawberry.union("ForgetPushTokenPayload"),
]


def _subject_of(context: GraphQLContext, resource: str) -> strawberry.ID | None:
    kind, _, code = resource.partition(":")
    match kind:
        case "report":
            return strawberry.ID(GlobalIds.of_code("Report", code))
        case "privacy":
            return strawberry.ID(context.codecs.global_ids.of_uuid("PrivacyRequest", UUID(code)))
    return None


def _item_of(context: GraphQLContext, item: domain.InboxItem) -> InboxItem:
    return InboxItem(
        id=strawberry.ID(context.codecs.global_ids.of_uuid(KIND, item.id)),
        kind=item.kind,
        subject_id=_subject_of(context, item.resource),
        version=item.version,
        at=item.at,
        urgent=item.urgent,
        read_at=item.read_at,
    )


def _preferences_of(found: domain.Preferences) -> NotificationPreferences:
    quiet = found.quiet
    shown = None if quiet is None else QuietHours(begin=f"{quiet.begin:%H:%M}", end=f"{quiet.end:%H:%M}")
    return NotificationPreferences(push=found.push, sms=found.sms, email=found.email, quiet_hours=shown)


def _clock(text: str) -> time:
    if not _CLOCK.fullmatch(text):
        raise InvalidInputRefusal("quietHours")
    return time.fromisoformat(text)


async def _mark(context: GraphQLContext, given: MarkInboxReadInput) -> InboxMarked:
    async with context.parsing("inbox.mark"):
        owner, idempotency = context.owner(), context.idempotency(given.idempotency_key)
        if given.notices is not None and len(given.notices) > 100:
            raise InvalidInputRefusal("notices")
        parse = context.codecs.global_ids.parse_uuid
        notices = None if given.notices is None else [parse(KIND, notice) for notice in given.notices]
    await context.services.inbox_changes.mark_read(owner, notices, idempotency)
    return InboxMarked(unread=await context.read_after_change(context.services.inbox.unread(owner)))


async def _prefer(
    context: GraphQLContext, given: SetNotificationPreferencesInput
) -> NotificationPreferencesSet:
    async with context.parsing("inbox.prefer"):
        owner, idempotency = context.owner(), context.idempotency(given.idempotency_key)
        hours = given.quiet_hours
        quiet = None if hours is None else domain.QuietHours(_clock(hours.begin), _clock(hours.end))
        wanted = domain.Preferences(given.push, given.sms, given.email, quiet)
    kept = await context.services.inbox_changes.prefer(owner, wanted, idempotency)
    return NotificationPreferencesSet(preferences=_preferences_of(kept))


async def _register(context: GraphQLContext, given: RegisterPushTokenInput) -> PushTokenRegistered:
    async with context.parsing("push.register"):
        owner, idempotency = context.owner(), context.idempotency(given.idempotency_key)
    token = domain.PushToken(given.platform, given.token)
    await context.services.inbox_changes.register(owner, token, idempotency)
    return PushTokenRegistered(platform=given.platform)


async def _forget(context: GraphQLContext, given: ForgetPushTokenInput) -> PushTokenForgotten:
    async with context.parsing("push.forget"):
        owner, idempotency = context.owner(), context.idempotency(given.idempotency_key)
    await context.services.inbox_changes.forget(owner, idempotency)
    return PushTokenForgotten(forgotten=True)


@strawberry.type
class NotificationQuery:
    @strawberry.field(description="Hộp thông báo của tôi, mới trước. / One's own inbox, newest first.")
    async def inbox(
        self,
        info: Info,
        first: Annotated[int, strawberry.argument(description=FIRST)] = DEFAULT_PAGE,
        after: Annotated[str | None, strawberry.argument(description=AFTER)] = None,
    ) -> Connection[InboxItem] | None:
        context = info.context
        async with context.parsing("inbox.read"):
            owner, page = context.owner(), context.page("inbox", first, after)
        found = await context.services.inbox.inbox(owner, page)
        return connection_of(
            context,
            "inbox",
            found.items,
            found.positions,
            found.has_next,
            after,
            lambda item: _item_of(context, item),
        )

    @strawberry.field(
        description="Số thông báo chưa đọc, tối đa 100. / How many notices are unread, at most 100."
    )
    async def unread_notices(self, info: Info) -> int | None:
        async with info.context.parsing("inbox.read"):
            owner = info.context.owner()
        return await info.context.services.inbox.unread(owner)

    @strawberry.field(
        description="Một push báo về điều gì, theo mã trong đó. / What a push told of, by the id in it.",
        metadata=rows(5),
    )
    async def pushed_notices(self, info: Info, push: strawberry.ID) -> list[InboxItem] | None:
        context = info.context
        async with context.parsing("inbox.read"):
            owner = context.owner()
            try:
                token = UUID(push)
            except ValueError:
                raise InvalidInputRefusal("push") from None
        found = await context.services.inbox.pushed(owner, token)
        return [_item_of(context, item) for item in found]

    @strawberry.field(description="Tôi muốn được báo thế nào. / How one wants to be told.")
    async def notification_preferences(self, info: Info) -> NotificationPreferences | None:
        async with info.context.parsing("inbox.read"):
            owner = info.context.owner()
        return _preferences_of(await info.context.services.inbox.preferences(owner))


@strawberry.type
class NotificationMutation:
    @strawberry.mutation(description="Đánh dấu thông báo đã đọc. / Mark notices as read.")
    async def mark_inbox_read(self, info: Info, input: MarkInboxReadInput) -> MarkInboxReadPayload:
        try:
            return await _mark(info.context, input)
        except Refusal as refusal:
            problem: MarkInboxReadPayload = problem_of(refusal, info.context.language, MarkInboxReadPayload)
            return problem

    @strawberry.mutation(description="Tôi muốn được báo thế nào. / Say how one wants to be told.")
    async def set_notification_preferences(
        self, info: Info, input: SetNotificationPreferencesInput
    ) -> SetNotificationPreferencesPayload:
        try:
            return await _prefer(info.context, input)
        except Refusal as refusal:
            problem: SetNotificationPreferencesPayload = problem_of(
                refusal, info.context.language, SetNotificationPreferencesPayload
            )
            return problem

    @strawberry.mutation(
        description="Thiết bị đang hỏi nhận push. / The device that asks is reached by push."
    )
    async def register_push_token(
        self, info: Info, input: RegisterPushTokenInput
    ) -> RegisterPushTokenPayload:
        try:
            return await _register(info.context, input)
        except Refusal as refusal:
            problem: RegisterPushTokenPayload = problem_of(
                refusal, info.context.language, RegisterPushTokenPayload
            )
            return problem

    @strawberry.mutation(
        description="Thiết bị đang hỏi thôi nhận push. / The device that asks is reached no more."
    )
    async def forget_push_token(self, info: Info, input: ForgetPushTokenInput) -> ForgetPushTokenPayload:
        try:
            return await _forget(info.context, input)
        except Refusal as refusal:
            problem: ForgetPushTokenPayload = problem_of(
                refusal, info.context.language, ForgetPushTokenPayload
            )
            return problem
