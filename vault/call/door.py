"""One call from end to end: token, proof, session, seal; its event; then the operation; the sealed answer."""

import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from typing import Any, Protocol
from uuid import UUID

import asyncpg
import structlog
from sqlalchemy import text
from sqlalchemy.exc import IntegrityError, SQLAlchemyError
from sqlalchemy.ext.asyncio import AsyncConnection

from foundation.clock import Clock
from foundation.database.database import Database
from foundation.database.unit_of_work import UnitOfWork
from foundation.errors import Refusal
from foundation.identity.authenticator import credentials_of
from foundation.identity.challenges import IdentityRefusal, IdentityUnavailable
from foundation.identity.principal import OfficialPrincipal, Origin, VerifiedSession
from foundation.identity.proofs import Proof
from foundation.ids import b64u
from foundation.recording import Activity, AuditEvent
from vault.call import answer, octets, request
from vault.call.errors import TooLarge, Unauthenticated, Unavailable, VaultRefusal
from vault.call.nonces import Nonces
from vault.call.octets import LARGEST_REQUEST, Malformed
from vault.call.operations import Answer, Asked, InvalidRequest, Operation, Operations, Plain
from vault.call.proofs import verify_call
from vault.call.request import Binding, Opened
from vault.call.request_keys import RequestKeys

PATH = "/v1/call"
OPENING = AuditEvent("vault.call", activity=Activity.READ)
"""What a refusal is recorded as when nothing was opened."""

_DEVICE = text("SELECT set_config('ioc.device', :jkt, true)")
_USE = text("INSERT INTO calls.proof (jkt, jti) VALUES (:jkt, :jti)")
_AWAY = (OSError, TimeoutError, SQLAlchemyError, asyncpg.PostgresError, asyncpg.InterfaceError)

log = structlog.get_logger()


async def _no_guard(connection: AsyncConnection) -> None:
    """Of a door that has no register: in tests of the call alone."""


async def _everybody(connection: AsyncConnection, sub: str, at: datetime) -> None:
    """Where nobody was reset."""


class _UsedProof(Exception):
    """No Refusal: the unit of work would record it."""


class Tokens(Protocol):
    """foundation.identity.tokens.TokenVerifier."""

    async def verify(self, token: str, now: datetime) -> VerifiedSession: ...


class Sessions(Protocol):
    """foundation.identity.introspection.Introspector."""

    async def confirm(self, token: str, session: VerifiedSession) -> None: ...

    async def confirm_now(self, token: str, session: VerifiedSession) -> None: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class CallDoor:
    """Answers calls. Whatever goes wrong before a request opens is one of five refusals, unsealed."""

    url: str
    """The vault's, as proofs name it: origin and PATH."""
    tokens: Tokens
    sessions: Sessions
    nonces: Nonces
    keys: RequestKeys
    operations: Operations
    database: Database
    clock: Clock
    random_bytes: Callable[[int], bytes]
    count_refusal: Callable[[Origin, str], None]
    """For those who proved nothing: a count, not a line each."""
    guard: Callable[[AsyncConnection], Awaitable[None]] = _no_guard
    """Raises the Refusal that every operation gets instead, as while the register of authority is broken."""
    admit: Callable[[AsyncConnection, str, datetime], Awaitable[None]] = _everybody
    """Raises the Refusal that this person (sub) gets instead: vault.credentials.watch."""

    async def call(
        self, frame: bytes, authorization: Sequence[str], proof: Sequence[str], origin: Origin
    ) -> bytes:
        """The sealed answer to `frame`. Raises a VaultRefusal, which is recorded or counted."""
        try:
            token, good, principal = await self._let_in(frame, authorization, proof, origin)
        except VaultRefusal as refusal:
            self.count_refusal(origin, refusal.code)
            raise
        try:
            await self._alive(token, principal.session)
            opened = request.unseal(frame, _binding(principal.session, good), self.keys.live(self._now()))
        except VaultRefusal as refusal:
            await self._keep(principal, good, OPENING, refusal)
            raise
        said = await self._answer(token, principal, good, opened)
        try:
            return answer.seal(opened.answer_key, opened.digest, self.random_bytes(answer.R), *said.parts)
        finally:
            said.wipe()

    async def _let_in(
        self, frame: bytes, authorization: Sequence[str], proofs: Sequence[str], origin: Origin
    ) -> tuple[str, Proof, OfficialPrincipal]:
        if len(frame) > LARGEST_REQUEST:
            raise TooLarge
        now = self._now()
        try:
            token, proof = credentials_of(authorization, proofs)
            session = await self.tokens.verify(token, now)
        except IdentityUnavailable as error:
            raise Unavailable from error
        except IdentityRefusal as error:
            raise Unauthenticated from error
        good = verify_call(
            proof, url=self.url, token=token, jkt=session.jkt, frame=frame, nonces=self.nonces, now=now
        )
        return token, good, principal_of(session, origin)

    async def _alive(self, token: str, session: VerifiedSession, *, anew: bool = False) -> None:
        confirm = self.sessions.confirm_now if anew else self.sessions.confirm
        try:
            await confirm(token, session)
        except IdentityUnavailable as error:
            raise Unavailable from error
        except IdentityRefusal as error:
            raise Unauthenticated from error

    async def _answer(self, token: str, principal: OfficialPrincipal, proof: Proof, opened: Opened) -> Plain:
        intent = OPENING
        try:
            operation, parameters = self.operations.find(_value(opened))
            intent = operation.intent
            operation.check(parameters)
        except Refusal as refusal:
            await self._keep(principal, proof, intent, refusal)
            return _problem(refusal)
        lives = partial(self._alive, token, principal.session, anew=True)
        asked = Asked(principal, parameters, opened.operation_id, self._now(), lives)
        said = await self._run(proof, operation, asked)
        if isinstance(said, Refusal):
            return _problem(said)
        try:
            return _result(await said())
        except Refusal as refusal:
            await self._keep(principal, None, intent, refusal)
            return _problem(refusal)

    async def _run(self, proof: Proof, operation: Operation, asked: Asked) -> Answer | Refusal:
        """The operation in the transaction that uses the proof up; of a refusal its record alone stays."""
        async with (
            self._kept_apart(asked.principal),
            self.database.unit_of_work(asked.principal, operation.intent) as work,
        ):
            await _use_up(work, asked.principal.session.jkt, proof)
            # One transaction for both: the proof would else be free between a refusal and its record.
            await work.connection.exec_driver_sql("SAVEPOINT operation")
            said: Answer | Refusal
            try:
                await self.guard(work.connection)
                if not operation.for_suspended:
                    await self.admit(work.connection, asked.principal.session.sub, asked.at)
                said = await operation.run(asked, work)
            except Refusal as refusal:
                work.session.expunge_all()
                await work.connection.exec_driver_sql("ROLLBACK TO SAVEPOINT operation")
                await work.record_refused(operation.intent, refusal)
                said = refusal
            await work.commit()
        return said

    async def _keep(
        self, principal: OfficialPrincipal, proof: Proof | None, intent: AuditEvent, refusal: Refusal
    ) -> None:
        """Record the refusal, and use the proof up with it unless it is. Raises Unauthenticated."""
        async with (
            self._kept_apart(principal),
            self.database.unit_of_work(principal, intent) as work,
        ):
            if proof is not None:
                await _use_up(work, principal.session.jkt, proof)
            await work.record_refused(intent, refusal)
            await work.commit()

    @contextlib.asynccontextmanager
    async def _kept_apart(self, principal: OfficialPrincipal) -> AsyncIterator[None]:
        """What a transaction may end with, as the refusal that it is. Raises Unauthenticated, Unavailable."""
        try:
            yield
        except _UsedProof as error:
            # Counted: who has one proof of a device could else fill the log with it for a minute.
            self.count_refusal(principal.origin, Unauthenticated.code)
            raise Unauthenticated from error
        except _AWAY as error:
            log.warning("vault_log_away", fault=type(error).__name__)
            raise Unavailable from error

    def _now(self) -> datetime:
        return self.clock.now()


def principal_of(session: VerifiedSession, origin: Origin) -> OfficialPrincipal:
    """Who calls: (iss, sub) on a device, and nothing more. The vault gives nothing by Keycloak's claims."""
    nobody = UUID(int=0)
    return OfficialPrincipal(origin, session, nobody, 0, session.organisation or "", (), frozenset(), False)


async def _use_up(work: UnitOfWork, jkt: str, proof: Proof) -> None:
    await work.connection.execute(_DEVICE, {"jkt": jkt})
    try:
        await work.connection.execute(_USE, {"jkt": jkt, "jti": proof.jti})
    except IntegrityError as error:
        raise _UsedProof from error


def _problem(refusal: Refusal) -> Plain:
    """The code, and what the refusal's text names: the app writes the text itself, in its language."""
    told = {name: value for name, value in refusal.details.items() if value is not None}
    return Plain((octets.content({"problem": {"code": refusal.code} | told}),))


def _result(value: dict[str, Any] | Plain) -> Plain:
    parts = value.parts if isinstance(value, Plain) else (octets.content(value),)
    return Plain((b'{"result":', *parts, b"}"))


def _value(opened: Opened) -> dict[str, Any]:
    try:
        return opened.value()
    except Malformed as error:
        raise InvalidRequest from error


def _binding(session: VerifiedSession, proof: Proof) -> Binding:
    return Binding(
        iss=session.iss,
        sub=session.sub,
        sid=session.sid,
        jkt=session.jkt,
        ath=b64u(session.token_digest),
        jti=proof.jti,
    )
