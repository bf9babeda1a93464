"""Following Keycloak's events for resets of credentials, and refusing while they can't be followed.

Events become visible a little late and share milliseconds, so each reading starts 60 s before the newest
seen; what was noted before is known by Keycloak's id. The cursor lies in the vault's database: a restart has
no gap.
"""

import asyncio
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Protocol

import asyncpg
import httpx
import structlog
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.ext.asyncio import AsyncConnection

from foundation.clock import Clock
from foundation.database.database import Database
from foundation.identity.keycloak_events import Event, TooManyEvents
from foundation.identity.principal import Origin, SystemPrincipal
from foundation.ids import NewId
from foundation.recording import AuditEvent
from vault.credentials import queries
from vault.credentials.errors import AccessSuspended, VaultBlind
from vault.credentials.resets import Reset, moment_of, reset_of_admin_event, reset_of_user_event
from vault.keyring.types import Class

OVERLAP = timedelta(seconds=60)
AHEAD = timedelta(minutes=5)
"""Keycloak's clock may be ahead of ours."""
KEPT = timedelta(days=89)
"""Keycloak keeps events for 90 days: what happened before is not told any more."""
BLIND_FOR_SECRET = timedelta(seconds=10)
BLIND_FOR_ALL = timedelta(seconds=60)
SUSPEND = AuditEvent("vault.credentials.suspend")
_NOWHERE = "0.0.0.0"  # noqa: S104 - a process has no network; nothing is bound to this
_SECRET = frozenset({Class.PARTY, Class.RESTRICTED})
_EXPECTED = (
    httpx.HTTPError,
    asyncpg.PostgresError,
    asyncpg.InterfaceError,
    SQLAlchemyError,
    OSError,
    TimeoutError,
    ValueError,
    KeyError,
    TypeError,
    TooManyEvents,
)

log = structlog.get_logger()


class EventsLost(ValueError):
    """The last reading is longer ago than Keycloak keeps events: nobody can tell who was reset meanwhile."""


class Events(Protocol):
    """foundation.identity.keycloak_events.EventSource."""

    async def user_events(self, since: int, until: int) -> list[Event]:
        """From `since` to `until` (epoch milliseconds, both inclusive)."""
        ...

    async def admin_events(self, since: int, until: int) -> list[Event]:
        """As user_events."""
        ...


class CredentialWatch:
    """What is known of resets, and how fresh it is."""

    def __init__(
        self,
        events: Events,
        database: Database,
        clock: Clock,
        new_id: NewId,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._events = events
        self._database = database
        self._clock = clock
        self._new_id = new_id
        self._monotonic = monotonic
        self._read: tuple[datetime, float] | None = None
        self._failed = False

    def check(self, class_: int, at: datetime) -> None:
        """Raise VaultBlind when nothing was read for 10 s (`party`, `restricted`) or 60 s (all)."""
        self._fresh(BLIND_FOR_SECRET if class_ in _SECRET else BLIND_FOR_ALL, at)

    async def suspended(self, connection: AsyncConnection, sub: str) -> bool:
        """Whether this person's credentials were reset since the last enrolment."""
        return await queries.suspended(connection, sub)

    async def admit(self, connection: AsyncConnection, sub: str, at: datetime) -> None:
        """What holds for every class. Raises VaultBlind, AccessSuspended."""
        self._fresh(BLIND_FOR_ALL, at)
        if await queries.suspended(connection, sub):
            raise AccessSuspended

    async def step(self) -> int:
        """Read once; how many resets were news. Raises what makes reading impossible."""
        asked_at, asked = self._clock.now(), self._monotonic()
        news = 0
        for kind in ("user", "admin"):
            news += await self._follow(kind, asked_at)
        # The moment of asking: what happened since is not known.
        self._read = asked_at, asked
        return news

    async def follow(self, poll_seconds: float) -> None:
        """`attempt` until cancelled. There is no longer pause after a fault: each second counts."""
        while True:
            await asyncio.sleep(poll_seconds)
            await self.attempt()

    async def attempt(self) -> None:
        """`step`; what makes it impossible is told once, and makes this blind after its time."""
        try:
            await self.step()
            if self._failed:
                log.info("credential_events_readable_again")
            self._failed = False
        except _EXPECTED as error:
            if not self._failed or isinstance(error, EventsLost):
                log.warning("credential_events_unreadable", fault=type(error).__name__)
            self._failed = True

    def _fresh(self, most: timedelta, at: datetime) -> None:
        if self._read is None:
            raise VaultBlind
        read_at, read = self._read
        # By both clocks: one that is set back makes nothing fresh.
        if at - read_at > most or self._monotonic() - read > most.total_seconds():
            raise VaultBlind

    async def _follow(self, kind: str, now: datetime) -> int:
        async with self._database.unscoped() as connection:
            kept = await queries.cursor(connection, kind)
        # Nobody was enrolled before the first reading there ever was.
        newest = kept or now
        if now - newest > KEPT:
            raise EventsLost("the events since the last reading are gone")
        read = self._events.user_events if kind == "user" else self._events.admin_events
        found = await read(_milliseconds(newest - OVERLAP), _milliseconds(now + AHEAD))
        reset_of = reset_of_user_event if kind == "user" else reset_of_admin_event
        resets = [reset for reset in map(reset_of, found) if reset is not None]
        newest = max([newest, *map(moment_of, found)])
        # Also without an event: the cursor tells when there was a reading.
        newest = max(newest, now - OVERLAP)
        return await self._note(kind, resets, newest)

    async def _note(self, kind: str, resets: list[Reset], newest: datetime) -> int:
        """Suspensions, their events and the cursor, together."""
        principal = SystemPrincipal(Origin(str(self._new_id()), _NOWHERE), "vault")
        news = 0
        async with self._database.unit_of_work(principal, SUSPEND) as work:
            for reset in resets:
                if await queries.suspend(work.connection, reset):
                    news += 1
                    await work.record(AuditEvent(SUSPEND.action, resource=f"event:{reset.event_id}"))
            if news:
                await queries.move(work.connection, kind, newest)
                await work.commit()
        if not news:
            async with self._database.unscoped() as connection:
                await queries.move(connection, kind, newest)
        else:
            log.info("credentials_reset", kind=kind, people=news)
        return news


def _milliseconds(moment: datetime) -> int:
    return (moment - datetime(1970, 1, 1, tzinfo=UTC)) // timedelta(milliseconds=1)
