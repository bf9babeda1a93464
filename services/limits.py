"""Which limits apply to a request of the api, and what a refusal costs."""

import base64
import hashlib
import re
from collections import OrderedDict
from collections.abc import AsyncIterator, Collection, Sequence
from contextlib import asynccontextmanager
from typing import Any

import msgspec
from sqlalchemy.ext.asyncio import AsyncConnection

from foundation.database.database import Database
from foundation.errors import Refusal
from foundation.identity.challenges import IdentityUnavailable
from foundation.identity.principal import (
    AnonymousPrincipal,
    ChannelPrincipal,
    CitizenPrincipal,
    OfficialPrincipal,
    Origin,
    Principal,
    SystemPrincipal,
    VerifiedSession,
)
from foundation.identity.proofs import LONGEST_PROOF
from foundation.limits.limiter import Limit, Limiter
from foundation.limits.refusals import LimitRefusal, TooManyRequests
from foundation.recording import AuditEvent, Recorder
from foundation.settings import LimitsSettings, OperationRate
from foundation.telemetry import metrics

MOST_DEVICES = 20_000
_OPERATION = "operation:"
_WHO: dict[str, type[Principal] | tuple[type[Principal], ...]] = {
    "anonymous": AnonymousPrincipal,
    "citizen": CitizenPrincipal,
    "official": OfficialPrincipal,
    "anyone": (AnonymousPrincipal, CitizenPrincipal, OfficialPrincipal),
}


class RefusalsOfRequests:
    """A recorder that also tells how many refusals a request under watch has brought."""

    def __init__(self, recorder: Recorder) -> None:
        self._recorder = recorder
        self._watched: dict[str, int] = {}

    async def record(self, connection: AsyncConnection, principal: Principal, event: AuditEvent) -> None:
        await self._recorder.record(connection, principal, event)

    async def record_refusal(
        self, connection: AsyncConnection, principal: Principal, event: AuditEvent, refusal: Refusal
    ) -> None:
        metrics.refused(refusal.code)
        request = principal.origin.request_id
        if request in self._watched:
            self._watched[request] += 1
        await self._recorder.record_refusal(connection, principal, event, refusal)

    def watch(self, request_id: str) -> None:
        """Begin to count."""
        self._watched[request_id] = 0

    def seen(self, request_id: str) -> int:
        """How many there were. Ends the watch."""
        return self._watched.pop(request_id)


class DatabasePool:
    """The reading pool of a database that is opened later."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def fetchval(self, query: str, *args: Any) -> Any:
        """The first value of the first row."""
        return await self._database.pool.fetchval(query, *args)


class ApiLimits:
    """The limits of the settings. `operations` are the names that may be limited: a misspelt one raises."""

    def __init__(
        self,
        settings: LimitsSettings,
        limiter: Limiter,
        refusals: RefusalsOfRequests,
        operations: Collection[str],
    ) -> None:
        self._limiter = limiter
        self._refusals = refusals
        self._anonymous = Limit("anonymous", settings.anonymous)
        self._sign_in = Limit("sign_in", settings.sign_in)
        self._person = Limit("person", settings.person)
        self._operations = settings.of_operations()
        metrics.LIMITS.tell(
            {"anonymous", "sign_in", "person", *(f"{_OPERATION}{name}" for name in self._operations)}
        )
        unknown = self._operations.keys() - set(operations)
        if unknown:
            raise ValueError(f"limits of operations that are not there: {', '.join(sorted(unknown))}")
        self._devices: OrderedDict[str, None] = OrderedDict()

    async def before_reading(self, origin: Origin, authorization: Sequence[str], dpop: Sequence[str]) -> None:
        """Before a body is read or a signature checked. Raises a LimitRefusal."""
        if not authorization:
            await self._limiter.take(self._anonymous, origin.network)
        elif _thumbprint_of(dpop) not in self._devices:
            self._limiter.check(self._sign_in, origin.network)

    async def of_person(self, session: VerifiedSession) -> None:
        """Token and proof fit; nothing is remembered of them yet. Raises a LimitRefusal."""
        await self._limiter.take(self._person, _person(session))

    def let_in(self, session: VerifiedSession) -> None:
        """From this device the next request is heard even when its network sends bad credentials."""
        self._devices[session.jkt] = None
        self._devices.move_to_end(session.jkt)
        if len(self._devices) > MOST_DEVICES:
            self._devices.popitem(last=False)

    async def not_let_in(self, origin: Origin, dpop: Sequence[str], refusal: Refusal) -> None:
        """Credentials were refused. That Keycloak is away is not their fault, nor that a limit is reached."""
        if isinstance(refusal, LimitRefusal | IdentityUnavailable):
            return
        self._devices.pop(_thumbprint_of(dpop) or "", None)
        await self._limiter.charge(self._sign_in, origin.network)

    @asynccontextmanager
    async def of_operations(self, principal: Principal, names: Sequence[str]) -> AsyncIterator[None]:
        """Around the execution of these root fields and this document. Raises a LimitRefusal before it."""
        taken = await self._take(principal, names)
        request = principal.origin.request_id
        if not any(rule.refused_only for _, rule, _ in taken):
            yield
            return
        self._refusals.watch(request)
        try:
            yield
        finally:
            refused = self._refusals.seen(request)
            for limit, rule, count in taken:
                if rule.refused_only and count > refused:
                    await self._limiter.give_back(limit, _subject(principal), count - refused)

    async def _take(
        self, principal: Principal, names: Sequence[str]
    ) -> list[tuple[Limit, OperationRate, int]]:
        taken = []
        for name in sorted(set(names) & self._operations.keys()):
            rule = self._operations[name]
            if isinstance(principal, _WHO[rule.who]):
                limit = Limit(f"{_OPERATION}{name}", rule.rate)
                await self._limiter.take(limit, _subject(principal), names.count(name))
                taken.append((limit, rule, names.count(name)))
        return taken


def resource_of(refusal: TooManyRequests) -> str:
    """How the log names the limit: a trusted document by its digest, the others by a word."""
    name = refusal.limit.removeprefix(_OPERATION)
    if name.startswith("sha256:"):
        return f"document:{name.removeprefix('sha256:')}"
    return "rule:" + re.sub("[A-Z]", lambda capital: f"_{capital[0].lower()}", name)


def _subject(principal: Principal) -> str:
    if isinstance(principal, AnonymousPrincipal | SystemPrincipal | ChannelPrincipal):
        return principal.origin.network
    return _person(principal.session)


def _person(session: VerifiedSession) -> str:
    return f"{session.iss}\n{session.sub}"


def _thumbprint_of(dpop: Sequence[str]) -> str | None:
    """The thumbprint (RFC 7638) of the key that a proof names, unverified; None for what is no proof.

    Whoever sends another's key gains that the proof is looked at, and refused.
    """
    if len(dpop) != 1 or len(dpop[0]) > LONGEST_PROOF:
        return None
    try:
        part = dpop[0].partition(".")[0]
        jwk = msgspec.json.decode(base64.urlsafe_b64decode(part + "=" * (-len(part) % 4)), type=_Header).jwk
    except (ValueError, msgspec.DecodeError):
        return None
    canonical = msgspec.json.encode({"crv": jwk.crv, "kty": jwk.kty, "x": jwk.x, "y": jwk.y})
    return base64.urlsafe_b64encode(hashlib.sha256(canonical).digest()).rstrip(b"=").decode()


class _Jwk(msgspec.Struct):
    crv: str
    kty: str
    x: str
    y: str


class _Header(msgspec.Struct):
    jwk: _Jwk
