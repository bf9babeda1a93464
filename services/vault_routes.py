"""The vault's routes: `POST /v1/call`, octets in and out; `GET /v1/keyset`, signed by itself."""

import asyncio
from collections.abc import Sequence

import orjson
import structlog
from litestar import asgi
from litestar.datastructures import Headers
from litestar.enums import ScopeType
from litestar.handlers import ASGIRouteHandler
from litestar.types import HTTPScope, Receive, Scope, Send

from foundation.clock import Clock
from foundation.clock_watch import ClockOff, ClockWatch
from foundation.identity.principal import Origin
from foundation.ids import new_uuid
from services.networks import Networks
from vault.call.door import PATH, CallDoor
from vault.call.errors import TooLarge, Unavailable, UseNonce, VaultRefusal
from vault.call.octets import LARGEST_REQUEST

AUTHORIZATION = "vault-authorization"
PROOF = "vault-dpop"
BODY_SECONDS = 5.0
RETRY_SECONDS = 2

log = structlog.get_logger()


def vault_routes(door: CallDoor, clock: Clock, watch: ClockWatch) -> Sequence[ASGIRouteHandler]:
    """Both. Under a clock that is not the database's nothing is opened."""

    @asgi(PATH, copy_scope=False)
    async def call(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != ScopeType.HTTP:
            return
        if scope["method"] != "POST" or scope["query_string"]:
            await _send(send, 405, b"")
            return
        request_id = str(new_uuid())
        refusal: VaultRefusal
        with structlog.contextvars.bound_contextvars(request_id=request_id):
            try:
                watch.check()
                octets = await _answer(door, scope, receive, request_id)
                await _send(send, 200, octets, "application/octet-stream")
                return
            except VaultRefusal as known:
                refusal = known
            except ClockOff:
                refusal = Unavailable()
            except Exception:
                # The same few words as for what is away: nothing of the inside is told.
                log.exception("call_failed")
                refusal = Unavailable()
        await _send(send, refusal.status, orjson.dumps(shown(refusal, door, clock)))

    @asgi("/v1/keyset", copy_scope=False)
    async def keyset(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != ScopeType.HTTP:
            return
        if scope["method"] != "GET":
            await _send(send, 405, b"")
            return
        try:
            certificate, notes = door.keys.notes(clock.now())
        except Unavailable as refusal:
            await _send(send, refusal.status, orjson.dumps(shown(refusal, door, clock)))
            return
        await _send(send, 200, orjson.dumps({"certificate": certificate, "keyset": notes}))

    return [call, keyset]


def shown(refusal: VaultRefusal, door: CallDoor, clock: Clock) -> dict[str, str | int]:
    """What is said of a refusal: its code, and what helps."""
    value: dict[str, str | int] = {"code": refusal.code}
    if isinstance(refusal, UseNonce):
        value["nonce"] = door.nonces.at(clock.now())
    if isinstance(refusal, Unavailable):
        value["retryAfterSeconds"] = RETRY_SECONDS
    return value


async def _answer(door: CallDoor, scope: HTTPScope, receive: Receive, request_id: str) -> bytes:
    headers = Headers.from_scope(scope)
    peer = scope["client"][0] if scope["client"] else None
    # The backend's network: what it would say of the caller's own is nothing that it could prove.
    origin = Origin(request_id, Networks(()).of(peer, ()))
    try:
        async with asyncio.timeout(BODY_SECONDS):
            frame = await _body(receive)
    except TimeoutError as error:
        raise Unavailable from error
    except TooLarge as refusal:
        door.count_refusal(origin, refusal.code)
        raise
    return await door.call(frame, headers.getall(AUTHORIZATION, []), headers.getall(PROOF, []), origin)


async def _body(receive: Receive) -> bytes:
    octets = bytearray()
    more = True
    while more:
        message = await receive()
        if message["type"] != "http.request":
            raise Unavailable
        octets += message["body"]
        if len(octets) > LARGEST_REQUEST:
            raise TooLarge
        more = message["more_body"]
    return bytes(octets)


async def _send(send: Send, status: int, body: bytes, content_type: str = "application/json") -> None:
    headers = [
        (b"content-type", content_type.encode()),
        (b"content-length", str(len(body)).encode()),
        (b"cache-control", b"no-store"),
    ]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body, "more_body": False})
