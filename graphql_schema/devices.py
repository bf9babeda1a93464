"""A person's own sessions and devices: seen, named, ended, given up. Versions of the apps that are served."""

from collections.abc import Awaitable
from datetime import datetime
from typing import Annotated, Any

import strawberry

from backend.devices import types as domain
from foundation.errors import Forbidden as ForbiddenRefusal
from foundation.errors import Refusal
from foundation.identity.principal import CitizenPrincipal, OfficialPrincipal
from graphql_schema.access import public
from graphql_schema.context import DEFAULT_PAGE, GraphQLContext, Info
from graphql_schema.enums import DeviceState, NetworkKind
from graphql_schema.errors import Forbidden, IdempotencyMismatch, InvalidInput, NotFound, problem_of
from graphql_schema.paging import AFTER, FIRST, Connection, connection_of
from graphql_schema.sizes import rows

KIND = "Session"
IDEMPOTENCY_KEY = (
    "16–64 ký tự ASCII, mới cho mỗi thao tác. / 16–64 ASCII characters, fresh for each intention."
)
DEVICE_ID = "Dấu vân tay khóa của thiết bị. / The thumbprint of the device's key (RFC 7638)."
LAST_USE = "Lần dùng gần nhất, chậm tối đa 15 phút. / The last use, up to 15 minutes old."


@strawberry.type(description="Thiết bị của tôi. / A device of one's own.")
class Device:
    id: strawberry.ID = strawberry.field(description=DEVICE_ID)
    name: str
    app: str = strawberry.field(description="ihanoi-app, ioc-ipad, …")
    app_version: str | None
    platform: str | None
    first_used_at: datetime
    last_used_at: datetime = strawberry.field(description=LAST_USE)
    network: NetworkKind = strawberry.field(description="Mạng lần dùng gần nhất. / Of the last use.")
    state: DeviceState
    current: bool = strawberry.field(description="Thiết bị đang hỏi. / The device that asks.")


@strawberry.type(description="Một phiên đăng nhập của tôi. / A session of one's own.")
class Session:
    id: strawberry.ID = strawberry.field(description="Mã mờ. / Opaque.")
    level: str = strawberry.field(description="aal1, aal2 hoặc aal3. / The level that was reached.")
    started_at: datetime
    last_used_at: datetime = strawberry.field(description=LAST_USE)
    network: NetworkKind = strawberry.field(description="Mạng lần dùng gần nhất. / Of the last use.")
    current: bool = strawberry.field(description="Phiên đang hỏi. / The session that asks.")
    device: Device


@strawberry.type(description="Các phiên bản ứng dụng được phục vụ. / Which versions of an app are served.")
class AppRelease:
    name: str
    minimum: str = strawberry.field(description="Cũ hơn thì bị từ chối. / Below, it is refused.")
    recommended: str = strawberry.field(description="Cũ hơn thì nên cập nhật. / Below, advise an update.")
    store: str = strawberry.field(description="Nơi cập nhật. / Where the update is.")


@strawberry.input(description="Đặt tên thiết bị. / A name for a device.")
class RenameDeviceInput:
    device: strawberry.ID = strawberry.field(description=DEVICE_ID)
    name: str = strawberry.field(description="1–60 ký tự. / 1–60 characters.")
    idempotency_key: str = strawberry.field(description=IDEMPOTENCY_KEY)


@strawberry.input(description="Kết thúc một phiên. / End one session.")
class EndSessionInput:
    session: strawberry.ID = strawberry.field(description="Mã mờ của phiên. / The session's opaque id.")
    idempotency_key: str = strawberry.field(description=IDEMPOTENCY_KEY)


@strawberry.input(description="Kết thúc mọi phiên. / End every session.")
class EndAllSessionsInput:
    except_this: bool = strawberry.field(description="Giữ phiên đang hỏi. / Keep the session that asks.")
    idempotency_key: str = strawberry.field(description=IDEMPOTENCY_KEY)


@strawberry.input(description="Báo mất thiết bị: chặn vĩnh viễn. / A lost device: blocked for ever.")
class ReportLostDeviceInput:
    device: strawberry.ID = strawberry.field(description=DEVICE_ID)
    idempotency_key: str = strawberry.field(description=IDEMPOTENCY_KEY)


@strawberry.type(description="Đã thực hiện. / Done.")
class DeviceChanged:
    device: Device


@strawberry.type(description="Đã kết thúc. / Ended, from the next request on.")
class SessionEnded:
    session: strawberry.ID


@strawberry.type(description="Đã kết thúc. / Ended, from the next request on.")
class SessionsEnded:
    except_this: bool


RenameDevicePayload = Annotated[
    DeviceChanged | NotFound | Forbidden | InvalidInput | IdempotencyMismatch,
    strawberry.union("RenameDevicePayload"),
]
EndSessionPayload = Annotated[
    SessionEnded | NotFound | Forbidden | InvalidInput | IdempotencyMismatch,
    strawberry.union("EndSessionPayload"),
]
EndAllSessionsPayload = Annotated[
    SessionsEnded | Forbidden | InvalidInput | IdempotencyMismatch, strawberry.union("EndAllSessionsPayload")
]
ReportLostDevicePayload = Annotated[
    DeviceChanged | NotFound | Forbidden | InvalidInput | IdempotencyMismatch,
    strawberry.union("ReportLostDevicePayload"),
]


def device_of(device: domain.Device) -> Device:
    """A device as the schema shows it."""
    return Device(
        id=strawberry.ID(device.thumbprint),
        name=device.name,
        app=device.app,
        app_version=device.version,
        platform=device.platform,
        first_used_at=device.first_used_at,
        last_used_at=device.last_used_at,
        network=device.network,
        state=device.state,
        current=device.current,
    )


def _session_of(context: GraphQLContext, session: domain.Session) -> Session:
    return Session(
        id=strawberry.ID(context.codecs.global_ids.of_uuid(KIND, session.id)),
        level=session.level,
        started_at=session.started_at,
        last_used_at=session.last_used_at,
        network=session.network,
        current=session.current,
        device=device_of(session.device),
    )


def _owner(context: GraphQLContext) -> domain.Owner:
    if not isinstance(context.principal, CitizenPrincipal | OfficialPrincipal):
        raise ForbiddenRefusal
    return context.principal


async def _done(context: GraphQLContext, payload: object, work: Awaitable[Any]) -> Any:
    try:
        return await work
    except Refusal as refusal:
        return problem_of(refusal, context.language, payload)


async def _rename(context: GraphQLContext, given: RenameDeviceInput) -> DeviceChanged:
    async with context.parsing("device.rename"):
        owner, idempotency = _owner(context), context.idempotency(given.idempotency_key)
    device = await context.services.device_changes.rename(owner, given.device, given.name, idempotency)
    return DeviceChanged(device=device_of(device))


async def _end(context: GraphQLContext, given: EndSessionInput) -> SessionEnded:
    async with context.parsing("session.end"):
        owner, idempotency = _owner(context), context.idempotency(given.idempotency_key)
        session_id = context.codecs.global_ids.parse_uuid(KIND, given.session)
    await context.services.device_changes.end_session(owner, session_id, idempotency)
    return SessionEnded(session=given.session)


async def _end_all(context: GraphQLContext, given: EndAllSessionsInput) -> SessionsEnded:
    async with context.parsing("session.end_all"):
        owner, idempotency = _owner(context), context.idempotency(given.idempotency_key)
    await context.services.device_changes.end_all(
        owner, except_this=given.except_this, idempotency=idempotency
    )
    return SessionsEnded(except_this=given.except_this)


async def _lost(context: GraphQLContext, given: ReportLostDeviceInput) -> DeviceChanged:
    async with context.parsing("device.lost"):
        owner, idempotency = _owner(context), context.idempotency(given.idempotency_key)
    device = await context.services.device_changes.report_lost(owner, given.device, idempotency)
    return DeviceChanged(device=device_of(device))


@strawberry.type
class DeviceQuery:
    @strawberry.field(
        description="Các phiên chưa kết thúc của tôi, mới trước. / One's own sessions, newest first."
    )
    async def sessions(
        self,
        info: Info,
        first: Annotated[int, strawberry.argument(description=FIRST)] = DEFAULT_PAGE,
        after: Annotated[str | None, strawberry.argument(description=AFTER)] = None,
    ) -> Connection[Session] | None:
        context = info.context
        async with context.parsing("session.read"):
            owner, page = _owner(context), context.page("sessions", first, after)
        found = await context.services.devices.sessions(owner, page)
        return connection_of(
            context,
            "sessions",
            found.items,
            found.positions,
            found.has_next,
            after,
            lambda session: _session_of(context, session),
        )

    @strawberry.field(
        description="Các thiết bị của tôi, kể cả đã báo mất, mới trước. / One's own devices, newest first."
    )
    async def devices(
        self,
        info: Info,
        first: Annotated[int, strawberry.argument(description=FIRST)] = DEFAULT_PAGE,
        after: Annotated[str | None, strawberry.argument(description=AFTER)] = None,
    ) -> Connection[Device] | None:
        context = info.context
        async with context.parsing("device.read"):
            owner, page = _owner(context), context.page("devices", first, after)
        found = await context.services.devices.devices(owner, page)
        return connection_of(
            context, "devices", found.items, found.positions, found.has_next, after, device_of
        )

    @strawberry.field(
        description="Các phiên bản ứng dụng được phục vụ. / Versions of the apps that are served.",
        metadata={**public(), **rows(5)},
    )
    async def app_releases(self, info: Info) -> list[AppRelease]:
        return [
            AppRelease(name=app.name, minimum=app.minimum, recommended=app.recommended, store=app.store)
            for app in info.context.services.apps.releases()
        ]


@strawberry.type
class DeviceMutation:
    @strawberry.mutation(description="Đặt tên thiết bị của tôi. / Give a device of one's own a name.")
    async def rename_device(self, info: Info, input: RenameDeviceInput) -> RenameDevicePayload:
        payload: RenameDevicePayload = await _done(
            info.context, RenameDevicePayload, _rename(info.context, input)
        )
        return payload

    @strawberry.mutation(description="Kết thúc một phiên của tôi. / End a session of one's own.")
    async def end_session(self, info: Info, input: EndSessionInput) -> EndSessionPayload:
        payload: EndSessionPayload = await _done(info.context, EndSessionPayload, _end(info.context, input))
        return payload

    @strawberry.mutation(
        description="Kết thúc mọi phiên của tôi, kể cả trên thiết bị khác. / End all of one's own sessions."
    )
    async def end_all_sessions(self, info: Info, input: EndAllSessionsInput) -> EndAllSessionsPayload:
        payload: EndAllSessionsPayload = await _done(
            info.context, EndAllSessionsPayload, _end_all(info.context, input)
        )
        return payload

    @strawberry.mutation(
        description="Báo mất thiết bị: khóa của nó bị chặn vĩnh viễn, các phiên kết thúc ngay. / "
        "Report a device lost: its key is blocked for ever, its sessions end at once."
    )
    async def report_lost_device(self, info: Info, input: ReportLostDeviceInput) -> ReportLostDevicePayload:
        payload: ReportLostDevicePayload = await _done(
            info.context, ReportLostDevicePayload, _lost(info.context, input)
        )
        return payload
