"""What channels call: Standard Webhooks under `/channels/{code}/reports`, Zalo's events under `…/zalo`.

Plain ASGI beside the other routes (services/channel_routes.py mounts it): these lines run for every message.
"""

import asyncio
import hashlib
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from typing import Any, Protocol

import msgspec
import orjson
import structlog

from backend.channels.doors import Doors
from backend.channels.errors import (
    BadSignature,
    Busy,
    ChannelRefusal,
    ClockOff,
    Malformed,
    MethodRefused,
    Suspended,
    TooLarge,
    TooSlow,
)
from backend.channels.limits import LONGEST_BODY
from backend.channels.service import SUBMIT, IntakeService
from backend.channels.signing import verify, verify_zalo
from backend.channels.types import Caller, ChannelKind, ChannelState, Door, Key, Message, Outcome, TakenIn
from foundation.clock import Clock
from foundation.errors import Forbidden, IdempotencyMismatch, InvalidInput, NotFound, Refusal
from foundation.identity.principal import ChannelPrincipal, Origin, Principal
from foundation.ids import show_report_code
from foundation.limits.limiter import Limit, Limiter
from foundation.limits.refusals import LimitRefusal
from foundation.phones import Phone
from foundation.recording import AuditEvent
from foundation.settings import Rate

AT_ONCE = 8
"""Messages of one channel under way in a process: what it floods is its own share of the pool."""
BODY_SECONDS = 5.0
WORK_SECONDS = 4.0
ZALO_SECONDS = 1.7
"""Zalo wants its answer within two."""
STRANGERS = Limit("channel_stranger", Rate(amount=60, seconds=60))
"""Messages that no key has signed, per network; then nothing of it is verified until they are paid back."""
TELL_SECONDS = 60.0
_STATUS: dict[type[Refusal], int] = {
    NotFound: 404,
    Forbidden: 403,
    InvalidInput: 400,
    IdempotencyMismatch: 409,
}
_ZALO_TEXT = "user_send_text"

log = structlog.get_logger()


class Recorded(Protocol):
    """What is told of refusals: an event each, or a count."""

    async def record_refusal(self, principal: Principal, intent: AuditEvent, refusal: Refusal) -> None: ...

    def count(self, network: str, reason: str) -> None: ...


@dataclass(frozen=True, slots=True)
class Call:
    """One HTTP request of a channel."""

    method: str
    path: tuple[str, ...]
    """Segments behind the mount."""
    query: bytes
    headers: Mapping[str, str]
    receive: Callable[[], Awaitable[Any]]
    origin: Origin


@dataclass(frozen=True, slots=True)
class Reply:
    """What is answered."""

    status: int
    body: bytes = b""
    headers: Mapping[str, str] = field(default_factory=lambda: {"content-type": "application/json"})


class _Data(msgspec.Struct):
    body: str
    place: str | None = None
    category: str | None = None
    ward: str | None = None
    latitude: float | None = None
    longitude: float | None = None
    phone: str | None = None


class _Webhook(msgspec.Struct):
    """Standard Webhooks, "Payload structure": type, timestamp, data."""

    type: str
    data: _Data


class _ZaloPerson(msgspec.Struct):
    id: str


class _ZaloMessage(msgspec.Struct):
    msg_id: str
    text: str | None = None


class _ZaloEvent(msgspec.Struct):
    app_id: str
    event_name: str
    timestamp: str
    sender: _ZaloPerson | None = None
    message: _ZaloMessage | None = None


_WEBHOOK = msgspec.json.Decoder(_Webhook)
_ZALO = msgspec.json.Decoder(_ZaloEvent)


class ChannelEntry:
    """What every door shares: sizes, limits, who calls, and what is told of a refusal."""

    def __init__(
        self, *, doors: Doors, intake: IntakeService, limiter: Limiter, recorded: Recorded, clock: Clock
    ) -> None:
        self.doors = doors
        self.intake = intake
        self.clock = clock
        self._limiter = limiter
        self._recorded = recorded
        self._under_way: Counter[str] = Counter()
        self._told: dict[tuple[str, str], float] = {}

    async def body(self, call: Call) -> bytes:
        """The body. Raises TooLarge as soon as it is, TooSlow, Malformed when it was broken off."""
        announced = call.headers.get("content-length", "")
        if announced.isdecimal() and int(announced[:12]) > LONGEST_BODY:
            raise TooLarge
        octets = bytearray()
        try:
            async with asyncio.timeout(BODY_SECONDS):
                more = True
                while more:
                    message = await call.receive()
                    if message["type"] != "http.request":
                        raise Malformed
                    octets += message["body"]
                    more = message["more_body"]
                    if len(octets) > LONGEST_BODY:
                        raise TooLarge
        except TimeoutError as error:
            raise TooSlow from error
        return bytes(octets)

    async def signed(self, call: Call, door: Door | None, prove: Callable[[Door], Key]) -> Caller:
        """The channel behind a signature. Raises BadSignature, counted and charged to the network; ClockOff,
        Suspended, which are the channel's own and so recorded; a LimitRefusal."""
        network = call.origin.network
        self._limiter.check(STRANGERS, network)
        try:
            if door is None:
                raise BadSignature
            key = prove(door)
        except BadSignature:
            await self._limiter.charge(STRANGERS, network)
            raise
        except ClockOff as refusal:
            if door is None:
                raise
            await self.refused(ChannelPrincipal(call.origin, door.code, door.state), refusal)
            raise
        return await self.admitted(call, door, key)

    async def admitted(self, call: Call, door: Door, key: Key) -> Caller:
        """A proven channel, within its own rate. Raises Suspended, a LimitRefusal; recorded."""
        principal = ChannelPrincipal(call.origin, door.code, door.state)
        try:
            if door.state is not ChannelState.ACTIVE:
                raise Suspended
            rate = Rate(amount=door.rate_amount, seconds=door.rate_seconds)
            await self._limiter.take(Limit("channel", rate), door.code)
        except (Suspended, LimitRefusal) as refusal:
            await self.refused(principal, refusal)
            raise
        return Caller(principal, key.id)

    @asynccontextmanager
    async def turn(self, caller: Caller, seconds: float = WORK_SECONDS) -> AsyncIterator[None]:
        """One of the few messages of this channel under way. Raises Busy, also when it took too long."""
        code = caller.principal.name
        if self._under_way[code] >= AT_ONCE:
            raise Busy
        self._under_way[code] += 1
        try:
            async with asyncio.timeout(seconds):
                yield
        except TimeoutError as error:
            raise Busy from error
        except (Forbidden, InvalidInput, IdempotencyMismatch, Malformed, Suspended) as refusal:
            await self.refused(caller.principal, refusal)
            raise
        finally:
            self._under_way[code] -= 1
            if not self._under_way[code]:
                del self._under_way[code]

    async def refused(self, principal: ChannelPrincipal, refusal: Refusal) -> None:
        """One event a minute for each channel and reason; what else it sends is counted."""
        now = self.clock.now().timestamp()
        told = (principal.name, refusal.code)
        if now - self._told.get(told, 0.0) < TELL_SECONDS:
            self._recorded.count(principal.origin.network, refusal.code)
            return
        self._told[told] = now
        if isinstance(refusal, ClockOff):
            log.error("channel_clock_off", channel=principal.name)
        intent = replace(SUBMIT, resource=f"channel:{principal.name}")
        await self._recorded.record_refusal(principal, intent, refusal)

    def count(self, origin: Origin, refusal: Refusal) -> None:
        """Count the refusal of who proved nothing."""
        self._recorded.count(origin.network, refusal.code)


class WebhookEndpoint:
    """`POST /channels/{code}/reports` and `POST /channels/{code}/zalo`."""

    def __init__(self, entry: ChannelEntry) -> None:
        self._entry = entry

    async def reply(self, call: Call) -> Reply:
        """The answer to one call; refusals too."""
        try:
            match call.path:
                case (code, "reports"):
                    return await self._webhook(_posted(call), code)
                case (code, "zalo"):
                    return await self._zalo(_posted(call), code)
            raise NotFound
        except Refusal as refusal:
            if isinstance(refusal, NotFound | BadSignature | MethodRefused | TooLarge | TooSlow):
                self._entry.count(call.origin, refusal)
            return refused(refusal, call.origin)

    async def _webhook(self, call: Call, code: str) -> Reply:
        body = await self._entry.body(call)
        door = await self._door(code, ChannelKind.WEBHOOK)
        now = self._entry.clock.now()
        caller = await self._entry.signed(call, door, lambda d: verify(call.headers, body, d.keys, now))
        async with self._entry.turn(caller):
            message = _message_of(call.headers["webhook-id"], body)
            taken = await self._entry.intake.take_in(caller, message)
        return told(taken)

    async def _zalo(self, call: Call, code: str) -> Reply:
        body = await self._entry.body(call)
        door = await self._door(code, ChannelKind.ZALO)
        now = self._entry.clock.now()
        try:
            event = _ZALO.decode(body)
        except (msgspec.MsgspecError, RecursionError, UnicodeDecodeError) as error:
            raise BadSignature from error
        signature = call.headers.get("x-zevent-signature", "")

        def prove(door: Door) -> Key:
            if event.app_id != door.zalo_app_id:
                raise BadSignature
            return verify_zalo(signature, body, event.app_id, event.timestamp, door.keys, now)

        caller = await self._entry.signed(call, door, prove)
        said = event.message
        if event.event_name != _ZALO_TEXT or said is None or not said.text or event.sender is None:
            return Reply(200, b'{"outcome":"ignored"}')
        message = Message(
            own_id=said.msg_id,
            body_digest=_digest(said.text.encode()),
            body=said.text,
            sender=event.sender.id,
        )
        try:
            async with self._entry.turn(caller, ZALO_SECONDS):
                return replace(told(await self._entry.intake.take_in(caller, message)), status=200)
        except (InvalidInput, IdempotencyMismatch) as refusal:
            # Said again it would be no better: Zalo would send it for 12 hours, then close the address.
            return Reply(200, orjson.dumps({"outcome": "refused", "code": refusal.code}))

    async def _door(self, code: str, kind: ChannelKind) -> Door | None:
        if len(code) > 32 or not code.isascii() or "\0" in code:
            return None
        door = await self._entry.doors.of_channel(code)
        return door if door is not None and door.kind is kind else None


def told(taken: TakenIn) -> Reply:
    """201 for a new report, 200 for one that was there."""
    report = {
        "code": taken.code,
        "shownCode": show_report_code(taken.code),
        "state": taken.state,
        "version": taken.version,
        "unit": taken.unit,
    }
    status = 201 if taken.outcome is Outcome.TAKEN else 200
    return Reply(status, orjson.dumps({"outcome": taken.outcome.value, "report": report}))


def refused(refusal: Refusal, origin: Origin) -> Reply:
    """The same shape as on the other routes."""
    extensions: dict[str, Any] = {"code": refusal.code, "requestId": origin.request_id}
    headers = {"content-type": "application/json"}
    status = next((code for kind, code in _STATUS.items() if isinstance(refusal, kind)), 400)
    match refusal:
        case InvalidInput():
            extensions["field"] = refusal.field
        case LimitRefusal():
            status, headers["retry-after"] = refusal.status, str(refusal.retry_after)
        case ChannelRefusal():
            status = refusal.status
    if isinstance(refusal, Busy):
        headers["retry-after"] = "1"
    if isinstance(refusal, MethodRefused):
        headers["allow"] = "POST"
    error = {"message": refusal.message(origin.language), "extensions": extensions}
    return Reply(status, orjson.dumps({"errors": [error]}), headers)


def phone_of(text: str | None) -> Phone | None:
    """The number behind a text; none for an empty one. Raises InvalidInput."""
    return None if text is None or not text.strip() else Phone.parse(text.strip())


def _posted(call: Call) -> Call:
    if call.method != "POST":
        raise MethodRefused
    return call


def _message_of(own_id: str, body: bytes) -> Message:
    try:
        data = _WEBHOOK.decode(body).data
    except (msgspec.MsgspecError, RecursionError, UnicodeDecodeError) as error:
        raise Malformed from error
    return Message(
        own_id=own_id,
        body_digest=_digest(body),
        body=data.body,
        place=data.place,
        category=data.category,
        ward=data.ward,
        latitude=data.latitude,
        longitude=data.longitude,
        phone=phone_of(data.phone),
    )


def _digest(octets: bytes) -> bytes:
    return hashlib.sha256(octets).digest()
