"""What an audit event costs: a small write with its event, against the same write without one.

CPU of the process and of PostgreSQL, paired. Both are one unit of work: BEGIN, settings, the write, COMMIT.
"""

import asyncio
import secrets
import statistics
import time
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass
from typing import Any

from sqlalchemy import text

from audit.recorder import AuditRecorder
from audit.refusals import RefusalCounter
from benchmarks._parts import cpu_of_processes, seeded_cluster, superuser
from foundation.clock import SystemClock
from foundation.database.database import Database
from foundation.identity.principal import Origin, SystemPrincipal
from foundation.ids import new_uuid
from foundation.recording import AuditEvent
from stack.postgres import PostgresCluster

CALLS, ROUNDS = 200, 11
EVENT = AuditEvent("report.accept", resource="report:0000000000000000", unit="00070", policies=("p",))
PRINCIPAL = SystemPrincipal(Origin("00000000-0000-7000-8000-000000000000", "127.0.0.0"), "bench")
_WRITE = text("INSERT INTO identity.session_seen (iss, sid, sub, started_at) VALUES ('b', :sid, 'b', now())")


@dataclass(frozen=True, slots=True)
class Cost:
    """CPU µs a call."""

    process: float
    postgres: float


def run() -> Iterable[dict[str, Any]]:
    """One row: with the event (ours) and without (peer)."""
    with seeded_cluster(durable=True) as cluster:
        with_event, without, ratio = asyncio.run(_measure(cluster))
    yield {
        "name": "event_record",
        "work": f"one small write committed, {ROUNDS} rounds of {CALLS}, one at a time",
        "ours": f"{with_event.process:.0f} µs CPU + {with_event.postgres:.0f} µs PostgreSQL",
        "peer": f"{without.process:.0f} µs CPU + {without.postgres:.0f} µs PostgreSQL",
        "peer_name": "the same unit of work without an event",
        "ratio": round(ratio, 2),
        "target": None,
    }


async def _measure(cluster: PostgresCluster) -> tuple[Cost, Cost, float]:
    recorder = AuditRecorder(
        service="ioc-backend",
        clock=SystemClock(),
        new_id=new_uuid,
        random_bytes=secrets.token_bytes,
        refusals=RefusalCounter(),
    )
    database = Database(cluster.settings("backend_app"), recorder)
    await database.open()

    async def recorded() -> None:
        async with database.unit_of_work(PRINCIPAL, EVENT) as work:
            await work.connection.execute(_WRITE, {"sid": str(new_uuid())})
            await work.record(EVENT)
            await work.commit()

    async def bare() -> None:
        async with database.unit_of_work(PRINCIPAL, EVENT) as work:
            await work.connection.execute(_WRITE, {"sid": str(new_uuid())})
            await work.connection.commit()

    try:
        rounds: list[tuple[Cost, Cost]] = []
        for number in range(ROUNDS + 1):
            pair = (await _timed(recorded, cluster), await _timed(bare, cluster))
            if number:
                rounds.append(pair)
    finally:
        await database.close()
    median = statistics.median
    ratio = median((a.process + a.postgres) / (b.process + b.postgres) for a, b in rounds)
    return (
        Cost(median(a.process for a, _ in rounds), median(a.postgres for a, _ in rounds)),
        Cost(median(b.process for _, b in rounds), median(b.postgres for _, b in rounds)),
        ratio,
    )


async def _timed(work: Callable[[], Awaitable[None]], cluster: PostgresCluster) -> Cost:
    pids = _backends(cluster)
    cpu, postgres = time.process_time(), cpu_of_processes(pids)
    for _ in range(CALLS):
        await work()
    return Cost((time.process_time() - cpu) / CALLS * 1e6, (cpu_of_processes(pids) - postgres) / CALLS * 1e6)


def _backends(cluster: PostgresCluster) -> list[int]:
    with superuser(cluster) as connection:
        query = "SELECT pid FROM pg_stat_activity WHERE usename = 'backend_app'"
        return [row[0] for row in connection.execute(query)]
