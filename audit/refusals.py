"""Refusals of callers who proved nothing: counted, so that nobody can fill the log or the database.

Three bounds. In a process, `RefusalCounter` adds in memory and writes every second in one statement, whatever
the flood. Of the networks that a process sees in one second, 1,000 keep their name and the rest share one. Of
the pairs (network, reason) of a minute, the 200 largest become an event each and the rest one event a reason.

A process that is killed loses the counts of its last second at most; there is no effect that they belong to.
"""

import asyncio
from collections import Counter
from collections.abc import Iterable
from datetime import datetime, timedelta
from itertools import groupby
from typing import NamedTuple, Protocol

import structlog
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from audit import codes
from audit.ocsf import Counted
from foundation.clock import Clock
from foundation.telemetry import metrics

OTHERS = "0.0.0.0"  # noqa: S104 - the unspecified address: many networks in one line, nothing is bound to it
MAX_NETWORKS = 1_000
MAX_EVENTS_A_MINUTE = 200
WRITE_SECONDS = 1.0
_MINUTE = timedelta(minutes=1)
# Counts carry the minute in which their transaction began, and a runtime role's transactions live 5 s.
_SETTLE = timedelta(seconds=10)

_COUNT = text("SELECT audit.count_refusals(CAST(:networks AS inet[]), :reasons, :counts)")
_TAKE = text("SELECT host(network) AS network, reason, minute, count FROM audit.take_refusals(:before)")

log = structlog.get_logger()


class CountedRefusal(NamedTuple):
    """How often callers of one network were refused for one reason within one minute."""

    network: str
    reason: str
    minute: datetime
    times: int


class CountRecorder(Protocol):
    """The part of the recorder that `flush` needs."""

    async def record_counted(
        self, connection: AsyncConnection, network: str, reason: str, counted: Counted
    ) -> None:
        """Record one event for several refusals."""
        ...


class RefusalCounter:
    """Counts in memory; `run` writes them. One a process."""

    def __init__(self) -> None:
        self._counts: Counter[tuple[str, str]] = Counter()

    @property
    def pending(self) -> dict[tuple[str, str], int]:
        """What waits to be written, by (network, reason)."""
        return dict(self._counts)

    def add(self, network: str, reason: str) -> None:
        """Count one refusal. `network` as in Origin, `reason` an error code. Raises NotLoggable."""
        codes.check_reason(reason)
        codes.prefix_of(network)
        metrics.refused(reason)
        if (network, reason) not in self._counts and len(self._counts) >= MAX_NETWORKS:
            network = OTHERS
        self._counts[network, reason] += 1

    async def write(self, connection: AsyncConnection) -> None:
        """Add what was counted to the database's present minute and commit. On failure they are kept."""
        counts = sorted(self._counts.items())
        if not counts:
            return
        self._counts = Counter()
        try:
            await connection.execute(
                _COUNT,
                {
                    "networks": [network for (network, _), _ in counts],
                    "reasons": [reason for (_, reason), _ in counts],
                    "counts": [count for _, count in counts],
                },
            )
            await connection.commit()
        except BaseException:
            self._counts.update(dict(counts))
            raise

    async def run(self, engine: AsyncEngine, every: float = WRITE_SECONDS) -> None:
        """Write until cancelled, and once more then. A database that is away is waited for."""
        try:
            while True:
                await asyncio.sleep(every)
                await self._try_to_write(engine)
        finally:
            await self._try_to_write(engine)

    async def _try_to_write(self, engine: AsyncEngine) -> None:
        if not self._counts:
            return
        try:
            async with engine.connect() as connection:
                await self.write(connection)
        except Exception:
            # Kept and tried again: the callers were refused all the same.
            log.exception("refusal_counts_not_written", pairs=len(self._counts))


async def flush(connection: AsyncConnection, recorder: CountRecorder, clock: Clock) -> int:
    """Turn the counts of ended minutes into events, in the caller's transaction; how many events were made.

    Called every minute by the worker, who commits. Counts vanish and events appear together or not at all.
    """
    before = (clock.now() - _SETTLE).replace(second=0, microsecond=0)
    rows = (await connection.execute(_TAKE, {"before": before})).all()
    events = 0
    taken = sorted((CountedRefusal(*row) for row in rows), key=lambda row: row.minute)
    for minute, refusals in groupby(taken, key=lambda row: row.minute):
        for refusal in fold(refusals):
            counted = Counted(refusal.times, minute, minute + _MINUTE)
            await recorder.record_counted(connection, refusal.network, refusal.reason, counted)
            events += 1
    return events


def fold(refusals: Iterable[CountedRefusal]) -> list[CountedRefusal]:
    """The largest pairs of one minute as they are, the others added up by reason under OTHERS."""
    ordered = sorted(refusals, key=lambda row: (-row.times, row.network, row.reason))
    named = [row for row in ordered if row.network != OTHERS][:MAX_EVENTS_A_MINUTE]
    kept = set(named)
    rest: Counter[str] = Counter()
    for row in ordered:
        if row not in kept:
            rest[row.reason] += row.times
    minute = ordered[0].minute
    return named + [CountedRefusal(OTHERS, reason, minute, count) for reason, count in sorted(rest.items())]
