"""The routes of channels, put together and mounted: limits and a pool of their own, so that others go on."""

import secrets
import ssl
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import msgspec
import structlog
from litestar import asgi
from litestar.handlers import ASGIRouteHandler
from litestar.types import HTTPScope, Receive, Scope, Send

from audit.recorder import AuditRecorder
from audit.refusals import RefusalCounter
from backend.channels.addresses import resolve
from backend.channels.deliveries import DeliveryService
from backend.channels.doors import Doors
from backend.channels.open311 import Open311Endpoint
from backend.channels.routes import Call, ChannelEntry, Reply, WebhookEndpoint
from backend.channels.service import IntakeService
from foundation.clock import Clock
from foundation.database.database import Database
from foundation.errors import Refusal
from foundation.identity.principal import Origin, Principal
from foundation.ids import NewId, RandomBytes, new_uuid
from foundation.limits.limiter import Limiter
from foundation.phones import KEY_BYTES, PhoneDigests, PhoneSeal
from foundation.policy.engine import PolicyEngine
from foundation.recording import AuditEvent, Recorder
from foundation.settings import ApiSettings, ChannelsSettings
from graphql_schema import transport
from graphql_schema.errors import INTERNAL, INTERNAL_MESSAGES
from services.limits import DatabasePool
from services.networks import Networks

PATH = "/channels"
OPEN311 = "/open311"

log = structlog.get_logger()


class Endpoint(Protocol):
    """Answers one call."""

    async def reply(self, call: Call) -> Reply: ...


@dataclass(frozen=True, slots=True)
class _Recorded:
    database: Database
    refusals: RefusalCounter

    async def record_refusal(self, principal: Principal, intent: AuditEvent, refusal: Refusal) -> None:
        await self.database.record_refusal(principal, intent, refusal)

    def count(self, network: str, reason: str) -> None:
        self.refusals.add(network, reason)


def entry_of(
    settings: ChannelsSettings,
    database: Database,
    policy: PolicyEngine,
    recorder: AuditRecorder,
    refusals: RefusalCounter,
    phones: PhoneDigests,
    clock: Clock,
    new_id: NewId,
    random_bytes: RandomBytes,
) -> ChannelEntry:
    """What every door of channels shares. A flood of theirs takes nobody else's connections."""
    intake = IntakeService(
        database=database,
        policy=policy,
        lines=recorder,
        phones=phones,
        clock=clock,
        new_id=new_id,
        random_bytes=random_bytes,
    )
    return ChannelEntry(
        doors=Doors(database, PhoneSeal.from_file(settings.seal_key_file), clock),
        intake=intake,
        limiter=Limiter(DatabasePool(database)),
        recorded=_Recorded(database, refusals),
        clock=clock,
    )


def channels_of(
    settings: ApiSettings,
    policy: PolicyEngine,
    recorder: AuditRecorder,
    watched: Recorder,
    refusals: RefusalCounter,
    clock: Clock,
) -> tuple[Database, Sequence[ASGIRouteHandler]] | None:
    """The routes of a process and their own database, to be opened; None when it takes nothing."""
    if settings.channels is None:
        return None
    own = msgspec.structs.replace(settings.database, pool_size=settings.channels.pool_size)
    database = Database(own, watched)
    digests = PhoneDigests(secrets.token_bytes(KEY_BYTES))
    if settings.phones is not None:
        digests = PhoneDigests.from_file(settings.phones.digest_key_file)
    entry = entry_of(
        settings.channels,
        database,
        policy,
        recorder,
        refusals,
        digests,
        clock,
        new_uuid,
        secrets.token_bytes,
    )
    networks = Networks(settings.trusted_proxies, settings.city_networks)
    return database, channel_routes(entry, database, networks, new_uuid)


def deliveries_of(
    settings: ChannelsSettings, database: Database, policy: PolicyEngine, clock: Clock
) -> DeliveryService:
    """What the worker sends back to channels."""
    tls = None if settings.ca_file is None else ssl.create_default_context(cafile=settings.ca_file)
    return DeliveryService(
        database=database,
        policy=policy,
        seal=PhoneSeal.from_file(settings.seal_key_file),
        resolve=resolve,
        private_addresses=settings.private_addresses,
        tls=tls,
        clock=clock,
        new_id=new_uuid,
    )


def channel_routes(
    entry: ChannelEntry, database: Database, networks: Networks, new_id: NewId
) -> Sequence[ASGIRouteHandler]:
    """The mounts."""
    return [
        _mounted(PATH, WebhookEndpoint(entry), networks, new_id),
        _mounted(OPEN311, Open311Endpoint(entry, database), networks, new_id),
    ]


def _mounted(path: str, endpoint: Endpoint, networks: Networks, new_id: NewId) -> ASGIRouteHandler:
    @asgi(path, is_mount=True, copy_scope=False)
    async def handler(scope: Scope, receive: Receive, send: Send) -> None:
        await _serve(scope, receive, send, endpoint, networks, str(new_id()))  # type: ignore[arg-type]  # HTTP alone

    return handler


async def _serve(
    scope: HTTPScope, receive: Receive, send: Send, endpoint: Endpoint, networks: Networks, request_id: str
) -> None:
    headers = {name.decode("latin-1").lower(): value.decode("latin-1") for name, value in scope["headers"]}
    forwarded = [value.decode("latin-1") for name, value in scope["headers"] if name == b"x-forwarded-for"]
    peer = scope["client"][0] if scope["client"] else None
    language = transport.language_of(headers.get("accept-language"))
    origin = Origin(request_id, networks.of(peer, forwarded), language, networks.kind_of(peer, forwarded))
    # The mount leaves `/<rest>` of `/channels/<rest>`, and `x/<rest>` of `/channelsx/<rest>`.
    rest = scope["path"] if scope["path"].startswith("/") else "//"
    path = tuple(rest.removesuffix("/").split("/")[1:])
    call = Call(scope["method"], path, scope["query_string"], headers, receive, origin)
    with structlog.contextvars.bound_contextvars(request_id=request_id):
        try:
            reply = await endpoint.reply(call)
        except Exception:
            log.exception("request_failed")
            reply = _failed(origin)
    pairs = {"cache-control": "no-store", **reply.headers, "x-request-id": request_id}
    pairs["content-length"] = str(len(reply.body))
    octets = [(name.encode("ascii"), value.encode("ascii")) for name, value in pairs.items()]
    await send({"type": "http.response.start", "status": reply.status, "headers": octets})
    body = b"" if scope["method"] == "HEAD" else reply.body
    await send({"type": "http.response.body", "body": body, "more_body": False})


def _failed(origin: Origin) -> Reply:
    extensions: dict[str, Any] = {"code": INTERNAL, "requestId": origin.request_id}
    error = {"message": INTERNAL_MESSAGES[origin.language], "extensions": extensions}
    return Reply(500, msgspec.json.encode({"errors": [error]}))
