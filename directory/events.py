"""Following Keycloak's events, so that the end of a session anywhere ends it here.

Events become visible up to some 50 ms late and share milliseconds, so each reading starts 60 s before the
newest seen and drops the ids that are known. Keycloak or the database away: try again, never give up.
"""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from typing import Any, Protocol

import asyncpg
import httpx
import structlog

from directory.endings import end_of_admin_event, end_of_user_event, moment_of
from foundation.clock import Clock
from foundation.identity.keycloak_events import Event, EventSource, TooManyEvents
from foundation.identity.revocation import SessionEnd, note_end
from foundation.telemetry import metrics

OVERLAP = timedelta(seconds=60)
AHEAD = timedelta(minutes=5)
"""Keycloak's clock may be ahead of ours."""
LONGEST_SESSION = timedelta(hours=10)
"""How far the very first reading goes back: no older session is alive."""
LONGEST_PAUSE_SECONDS = 10.0

_READ_CURSOR = "SELECT newest FROM identity.event_cursor WHERE iss = $1 AND kind = $2"
_WRITE_CURSOR = (
    "INSERT INTO identity.event_cursor (iss, kind, newest) VALUES ($1, $2, $3)"
    " ON CONFLICT (iss, kind) DO UPDATE SET newest = excluded.newest"
)
_EXPECTED = (
    httpx.HTTPError,
    asyncpg.PostgresError,
    asyncpg.InterfaceError,
    OSError,
    ValueError,
    KeyError,
    TypeError,
    TooManyEvents,
)

log = structlog.get_logger()


class Executor(Protocol):
    """An asyncpg pool or connection."""

    async def fetchval(self, query: str, *args: Any) -> Any:
        """The first value of the first row."""
        ...

    async def execute(self, query: str, *args: Any) -> str:
        """The command's tag."""
        ...


class Follower:
    """Follows one kind of event ("user" or "admin") of one realm."""

    def __init__(self, kind: str, source: EventSource, pool: Executor, clock: Clock) -> None:
        self._kind = kind
        self._iss = source.issuer
        self._pool = pool
        self._clock = clock
        self._read: Callable[[int, int], Awaitable[list[Event]]]
        self._end_of: Callable[[str, Event], SessionEnd | None]
        if kind == "user":
            self._read, self._end_of = source.user_events, end_of_user_event
        else:
            self._read, self._end_of = source.admin_events, end_of_admin_event
        self._known: dict[str, datetime] = {}

    async def step(self) -> int:
        """Read once; the number of ends noted. The cursor moves only after they are."""
        kept: datetime | None = await self._pool.fetchval(_READ_CURSOR, self._iss, self._kind)
        newest = kept or self._clock.now() - LONGEST_SESSION + OVERLAP
        since = newest - OVERLAP
        noted = 0
        for event in await self._read(_milliseconds(since), _milliseconds(self._clock.now() + AHEAD)):
            if event["id"] in self._known:
                continue
            noted += await self._note(event)
            self._known[event["id"]] = moment_of(event)
            newest = max(newest, moment_of(event))
        if newest != kept:
            await self._pool.execute(_WRITE_CURSOR, self._iss, self._kind, newest)
        horizon = newest - OVERLAP
        self._known = {name: moment for name, moment in self._known.items() if moment >= horizon}
        return noted

    async def follow(self, poll_seconds: float) -> None:
        """`step` until cancelled, with longer pauses while it fails."""
        pause = poll_seconds
        while True:
            try:
                await self.step()
                realm = metrics.REALMS.of(self._iss.rpartition("/")[2].replace("-", "_"))
                metrics.EVENTS_READ.labels(realm, self._kind).set_to_current_time()
                if pause > poll_seconds:
                    log.info("events_readable_again", realm=self._iss, kind=self._kind)
                pause = poll_seconds
            except _EXPECTED as error:
                pause = min(pause * 2, max(LONGEST_PAUSE_SECONDS, poll_seconds))
                log.warning(
                    "events_unreadable",
                    realm=self._iss,
                    kind=self._kind,
                    fault=type(error).__name__,
                    next_try_seconds=pause,
                )
            await asyncio.sleep(pause)

    async def _note(self, event: Event) -> int:
        end = self._end_of(self._iss, event)
        if end is None:
            return 0
        await note_end(self._pool, end)
        log.info("session_ended", realm=self._iss, kind=self._kind, cause=end.cause)
        return 1


def _milliseconds(moment: datetime) -> int:
    return (moment - datetime(1970, 1, 1, tzinfo=UTC)) // timedelta(milliseconds=1)
