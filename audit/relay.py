"""Ships the log to the SOC: one writer, one connection to the database, one to the receiver.

`relp_acked` moves when the receiver acknowledged, which says that it took the lines, not that the SOC holds
them. `soc_confirmed` is untouched here: it moves only with the witness's cosignature over a root rebuilt from
the lines received, which comes with the witness; until then nothing may be trimmed or called delivered.

Everything after `relp_acked` is shipped again after a start or a lost connection, so the SOC may see a line
twice and never misses one. While it is away leaves go on being made, the queue grows in the database, and an
alert is logged; nothing is dropped.
"""

import asyncio
import contextlib
import time
from collections.abc import Awaitable, Callable

import asyncpg
import structlog
from opentelemetry.trace import SpanKind

from audit.log import Leaf, LogWriter
from audit.relp import Receiver, RelpConnection, RelpError
from foundation.telemetry import metrics, traces

log = structlog.get_logger()

BATCH = 256
FIRST_BACKOFF, LAST_BACKOFF = 0.25, 15.0
ALERT_SECONDS = 60.0
STANDBY_SECONDS = 1.0
STATE_SECONDS = 5.0

Connect = Callable[[], Awaitable[asyncpg.Connection]]
MakeWriter = Callable[[asyncpg.Connection], LogWriter]


def syslog_message(leaf: Leaf) -> bytes:
    """RFC 5424: facility 13 (log audit), severity 5 (notice). The message is the leaf, byte for byte."""
    return b"<109>1 - ioc audit - LEAF - %s" % leaf.line


async def ship(receiver: RelpConnection, leaves: list[Leaf]) -> None:
    """Send `leaves` and wait until all are acknowledged. Raises RelpError."""
    for leaf in leaves:
        await receiver.send(syslog_message(leaf))
    await receiver.drain()


def _nothing() -> None:
    """For those who don't watch."""


class Backoff:
    """Doubling pauses after failures."""

    def __init__(self) -> None:
        self._pause = FIRST_BACKOFF
        self._until = 0.0

    @property
    def over(self) -> bool:
        """Whether it is time to try again."""
        return time.monotonic() >= self._until

    def failed(self) -> float:
        """Wait longer; how long."""
        pause = self._pause
        self._until = time.monotonic() + pause
        self._pause = min(pause * 2, LAST_BACKOFF)
        return pause

    def succeeded(self) -> None:
        """Start again from the shortest pause."""
        self._pause = FIRST_BACKOFF


class Relay:
    """`run` until cancelled. Cancelling loses nothing: what was not noted is shipped again."""

    def __init__(
        self,
        connect: Connect,
        make_writer: MakeWriter,
        receiver: Receiver,
        poll_seconds: float,
        stalled_seconds: float = ALERT_SECONDS,
    ) -> None:
        self._connect = connect
        self._make_writer = make_writer
        self._receiver = receiver
        self._poll_seconds = poll_seconds
        self._stalled_seconds = stalled_seconds
        self._moved_at = 0.0
        self._relp: RelpConnection | None = None
        self._backoff = Backoff()
        self._away_since: float | None = None
        self._alerted_at = 0.0
        self._told_at = -STATE_SECONDS
        self.on_turn: Callable[[], None] = _nothing
        """Called whenever the relay has done a round of its work, or waited for one."""
        self.database_away = True

    @property
    def soc_away(self) -> bool:
        """Whether the receiver took nothing when it was last asked. Lines queue in the database meanwhile."""
        return self._away_since is not None

    async def run(self) -> None:
        """Serve for ever, waiting for a database that is away. Raises LogError if the log is not as left."""
        backoff = Backoff()
        while True:
            try:
                connection = await self._connect()
                try:
                    backoff.succeeded()
                    self.database_away = False
                    await self._serve(self._make_writer(connection))
                finally:
                    await self._drop_relp()
                    with contextlib.suppress(asyncpg.PostgresError, asyncpg.InterfaceError, OSError):
                        await connection.close(timeout=2)
            except (asyncpg.PostgresError, asyncpg.InterfaceError, OSError) as error:
                self.database_away = True
                self.on_turn()
                pause = backoff.failed()
                log.error("database_unreachable", error=type(error).__name__, retry_in=pause)
                await asyncio.sleep(pause)

    async def _serve(self, writer: LogWriter) -> None:
        if not await writer.try_to_lock():
            log.info("relay_standing_by")
            # Polled: waiting inside a statement would meet the role's transaction_timeout.
            while not await writer.try_to_lock():
                self.on_turn()
                await asyncio.sleep(STANDBY_SECONDS)
        log.info("relay_writing")
        self._moved_at = time.monotonic()
        while True:
            self.on_turn()
            await self._tell_state(writer)
            made = await writer.append(BATCH)
            await self._watch_the_watermark(writer, made)
            shipped = await self._ship(writer)
            if made < BATCH and shipped < BATCH:
                await asyncio.sleep(self._poll_seconds)

    async def _tell_state(self, writer: LogWriter) -> None:
        """Every few seconds, by the one who writes: who stands by knows nothing of the queue."""
        if time.monotonic() - self._told_at < STATE_SECONDS:
            return
        self._told_at = time.monotonic()
        state = await writer.state()
        metrics.AUDIT_LEAVES.set(state.leaves)
        metrics.AUDIT_ACKED.set(state.acked)
        metrics.AUDIT_CONFIRMED.set(state.confirmed)
        metrics.AUDIT_UNSHIPPED.set(state.unshipped)
        metrics.AUDIT_WAITING.set(state.events)
        metrics.AUDIT_OLDEST.set(max(0.0, state.oldest))
        metrics.AUDIT_READ.set_to_current_time()

    async def _watch_the_watermark(self, writer: LogWriter, made: int) -> None:
        """Alert when events wait and none becomes a leaf: a long writing transaction holds the watermark."""
        if made:
            self._moved_at = time.monotonic()
        elif time.monotonic() - self._moved_at >= self._stalled_seconds:
            self._moved_at = time.monotonic()
            _, events = await writer.waiting()
            if events:
                log.error("watermark_stalled", events=events, seconds=self._stalled_seconds)

    async def _ship(self, writer: LogWriter) -> int:
        """Ship the oldest batch; how many leaves the receiver acknowledged."""
        if not self._backoff.over:
            return 0
        leaves = await writer.unacknowledged(BATCH)
        if not leaves:
            return 0
        before = 0
        try:
            if self._relp is None:
                self._relp = await RelpConnection.open(self._receiver)
                metrics.RELAY_CONNECTIONS.inc()
                metrics.RELAY_CONNECTED.set(1)
            before = self._relp.acknowledged
            with traces.root("ship", kind=SpanKind.PRODUCER, ioc_lines=len(leaves)):
                await ship(self._relp, leaves)
        except RelpError as error:
            await self._away(writer, error)
        finally:
            acknowledged = await self._note(writer, leaves, before)
        return acknowledged

    async def _note(self, writer: LogWriter, leaves: list[Leaf], before: int) -> int:
        """Store how far the receiver came, also when the connection broke on the way."""
        acknowledged = 0 if self._relp is None else self._relp.acknowledged - before
        if acknowledged:
            metrics.RELAY_SHIPPED.inc(acknowledged)
            await writer.acknowledged(leaves[0].epoch, leaves[0].sequence + acknowledged)
        if acknowledged == len(leaves):
            self._backoff.succeeded()
            if self._away_since is not None:
                log.info("soc_reached", away_seconds=round(time.monotonic() - self._away_since, 1))
                self._away_since = None
        elif self._relp is not None:
            await self._drop_relp()
        return acknowledged

    async def _away(self, writer: LogWriter, error: RelpError) -> None:
        metrics.RELAY_FAULTS.inc()
        pause = self._backoff.failed()
        now = time.monotonic()
        if self._away_since is None:
            self._away_since, self._alerted_at = now, 0.0
        if now - self._alerted_at >= ALERT_SECONDS or self._alerted_at == 0.0:
            self._alerted_at = now
            leaves, events = await writer.waiting()
            log.error("soc_unreachable", error=str(error), leaves=leaves, events=events, retry_in=pause)

    async def _drop_relp(self) -> None:
        if self._relp is not None:
            relp, self._relp = self._relp, None
            metrics.RELAY_CONNECTED.set(0)
            await relp.close()
