"""Writes audit events into the transaction of their effect: no event, no effect."""

from typing import Any, Protocol
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from audit.codes import NotLoggable
from audit.ocsf import SALT_BYTES, Counted, LineContext, build_line
from audit.pseudonyms import Pseudonyms
from audit.refusals import RefusalCounter
from foundation.clock import Clock
from foundation.errors import Refusal
from foundation.identity.principal import (
    AnonymousPrincipal,
    CitizenPrincipal,
    OfficialPrincipal,
    Origin,
    Principal,
)
from foundation.ids import NewId, RandomBytes
from foundation.recording import LOGON, Activity, AuditEvent, EventClass

PRODUCT_VERSION = "0.1.0"

_ORIGIN = text("SELECT origin FROM audit.log ORDER BY epoch DESC LIMIT 1")
_INSERT = text("INSERT INTO audit.event (id, line) VALUES (:id, :line)")


class Executor(Protocol):
    """An asyncpg pool or connection."""

    async def fetchval(self, query: str, *args: Any) -> Any:
        """The first value of the first row."""
        ...


class AuditRecorder:
    """Implements `foundation.recording.Recorder`.

    `service` is "ioc-backend" or "ioc-vault". Refusals of an AnonymousPrincipal go to `refusals`, which is
    written by a task of the process; all others become an event each.
    """

    def __init__(
        self,
        *,
        service: str,
        clock: Clock,
        new_id: NewId,
        random_bytes: RandomBytes,
        refusals: RefusalCounter,
        product_version: str = PRODUCT_VERSION,
    ) -> None:
        self._service = service
        self._clock = clock
        self._new_id = new_id
        self._random_bytes = random_bytes
        self._refusals = refusals
        self._product_version = product_version
        self._pseudonyms = Pseudonyms(clock, random_bytes)
        self._origin: str | None = None

    async def record(self, connection: AsyncConnection, principal: Principal, event: AuditEvent) -> None:
        """Record `event` as allowed, in the transaction of its effect. Call it last before the commit.

        Raises NotLoggable or the database's error; either way the transaction must not commit.
        """
        await self._write(connection, principal, event)

    async def record_refusal(
        self, connection: AsyncConnection, principal: Principal, event: AuditEvent, refusal: Refusal
    ) -> None:
        """Record that `event` was refused, in a transaction of its own; an anonymous caller's is counted."""
        if isinstance(principal, AnonymousPrincipal):
            self.count_refusal(principal.origin, refusal.code)
            return
        await self._write(connection, principal, event, refusal=refusal.code)

    async def line_of(self, asked: "Executor", principal: Principal, event: AuditEvent) -> tuple[UUID, str]:
        """The id and line of an allowed event, for a statement that writes it together with its effect.

        Only for who has no pseudonym: machines. Raises NotLoggable.
        """
        if isinstance(principal, CitizenPrincipal | OfficialPrincipal):
            raise NotLoggable("a person without a pseudonym")
        if self._origin is None:
            self._origin = str(await asked.fetchval(_ORIGIN.text))
        event_id = self._new_id()
        context = LineContext(
            service=self._service,
            product_version=self._product_version,
            origin=self._origin,
            event_id=event_id,
            at=self._clock.now(),
            salt=self._random_bytes(SALT_BYTES),
            pseudonym=None,
        )
        return event_id, build_line(context, principal, event).decode()

    def count_refusal(self, origin: Origin, reason: str) -> None:
        """Count the refusal of a caller who proved nothing: no or a bad token, proof or document."""
        self._refusals.add(origin.network, reason)

    async def record_counted(
        self, connection: AsyncConnection, network: str, reason: str, counted: Counted
    ) -> None:
        """Record one event for several refusals of unauthenticated callers. Sign-ins are `identity.*`."""
        event_id = self._new_id()
        event = AuditEvent("request.refuse", activity=Activity.READ)
        if reason.startswith("identity."):
            event = AuditEvent("session.refuse", EventClass.AUTHENTICATION, LOGON)
        principal = AnonymousPrincipal(Origin(str(event_id), network))
        await self._write(connection, principal, event, refusal=reason, counted=counted, event_id=event_id)

    async def _write(
        self,
        connection: AsyncConnection,
        principal: Principal,
        event: AuditEvent,
        *,
        refusal: str | None = None,
        counted: Counted | None = None,
        event_id: UUID | None = None,
    ) -> None:
        event_id = event_id or self._new_id()
        context = LineContext(
            service=self._service,
            product_version=self._product_version,
            origin=await self._log_origin(connection),
            event_id=event_id,
            at=self._clock.now(),
            salt=self._random_bytes(SALT_BYTES),
            pseudonym=await self._pseudonyms.of(connection, principal),
        )
        line = build_line(context, principal, event, refusal, counted)
        await connection.execute(_INSERT, {"id": event_id, "line": line.decode()})

    async def _log_origin(self, connection: AsyncConnection) -> str:
        # Kept for the process's life: after a restore the relay names the new epoch in lines of the old one.
        if self._origin is None:
            self._origin = (await connection.execute(_ORIGIN)).scalar_one()
        return self._origin
