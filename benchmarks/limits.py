"""What a limit costs when eight processes hit one key at once, against a counter that each request raises.

The peer is the usual fixed window: one upsert a request into an ordinary table, committed. Ours with leases
as the limit of a person has them (at most 15 of 300), and without. Decisions a second; rounds take turns.
"""

import asyncio
import statistics
import time
from collections.abc import Awaitable, Callable, Iterable
from typing import Any

import asyncpg

from benchmarks._parts import seeded_cluster, superuser
from foundation.database.connections import for_asyncpg
from foundation.limits import limiter
from foundation.limits.limiter import Limit, Limiter
from foundation.settings import Rate
from stack.postgres import PostgresCluster

WRITERS, CALLS, ROUNDS = 8, 250, 9
LEASE = 15
NEVER_SPENT = 1_000_000_000
LIMIT = Limit("bench", Rate(amount=NEVER_SPENT, seconds=60))
_PEER = (
    "INSERT INTO bench.{table} AS c (key, minute, count) VALUES ($1, date_trunc('minute', now()), 1)"
    " ON CONFLICT (key, minute) DO UPDATE SET count = c.count + 1 RETURNING count"
)
_PEER_TABLE = (
    "CREATE SCHEMA bench; GRANT USAGE ON SCHEMA bench TO backend_app;"
    " CREATE TABLE bench.counter (key text, minute timestamptz, count bigint, PRIMARY KEY (key, minute));"
    " CREATE UNLOGGED TABLE bench.unlogged (LIKE bench.counter INCLUDING ALL);"
    " GRANT SELECT, INSERT, UPDATE ON bench.counter, bench.unlogged TO backend_app"
)

Decide = Callable[[int], Awaitable[object]]


def run() -> Iterable[dict[str, Any]]:
    """Three rows: one hot key with leases, without, and eight keys without: what waiting for a row costs."""
    with seeded_cluster(durable=True) as cluster:
        with superuser(cluster) as connection:
            connection.execute(_PEER_TABLE)
        yield from asyncio.run(_measure(cluster))


async def _measure(cluster: PostgresCluster) -> list[dict[str, Any]]:
    pool = await _pool(cluster)
    try:
        peer = await _rates(pool, _hot_counter(pool, "counter"), _with_lease(pool, LEASE))
        bare = await _rates(pool, _hot_counter(pool, "unlogged"), _with_lease(pool, 1))
        spread = await _rates(pool, _with_lease(pool, 1), _own_keys(pool))
    finally:
        await pool.close()
    counter = "counter upserted by each request (fixed window, ordinary table)"
    unlogged = "the same counter in an unlogged table"
    return [
        _row("limits_hot_key", f"leases of at most {LEASE}", peer, counter),
        _row("limits_hot_key_no_leases", "a statement each", bare, unlogged),
        _row("limits_eight_keys_no_leases", "a statement each", spread, "ours on one hot key"),
    ]


def _row(name: str, how: str, rates: tuple[list[float], list[float]], peer_name: str) -> dict[str, Any]:
    peer, ours = rates
    return {
        "name": name,
        "work": f"{WRITERS} writers, {ROUNDS} rounds of {WRITERS * CALLS} decisions, {how}",
        "ours": f"{statistics.median(ours):,.0f} decisions/s",
        "peer": f"{statistics.median(peer):,.0f} decisions/s",
        "peer_name": peer_name,
        "ratio": round(statistics.median(mine / theirs for theirs, mine in zip(peer, ours, strict=True)), 2),
        "target": None,
    }


async def _rates(pool: asyncpg.Pool, peer: Decide, ours: Decide) -> tuple[list[float], list[float]]:
    """Decisions a second of both, round by round."""
    found: tuple[list[float], list[float]] = ([], [])
    for decide in (peer, ours):
        await _round(decide)  # plans and pages
    for _ in range(ROUNDS):
        for decide, rates in zip((peer, ours), found, strict=True):
            started = time.perf_counter()
            await _round(decide)
            rates.append(WRITERS * CALLS / (time.perf_counter() - started))
    return found


async def _round(decide: Decide) -> None:
    async def writer(number: int) -> None:
        for _ in range(CALLS):
            await decide(number)

    await asyncio.gather(*(writer(number) for number in range(WRITERS)))


def _hot_counter(pool: asyncpg.Pool, table: str) -> Decide:
    statement = _PEER.format(table=table)
    return lambda _: pool.fetchval(statement, "hot")


def _with_lease(pool: asyncpg.Pool, lease: int) -> Decide:
    """Each writer is a process of its own: it has its own leases."""
    limiters = [Limiter(pool) for _ in range(WRITERS)]

    async def decide(number: int) -> None:
        limiter.LEASE_SHARE = NEVER_SPENT // lease
        await limiters[number].take(LIMIT, "hot")

    return decide


def _own_keys(pool: asyncpg.Pool) -> Decide:
    limiters = [Limiter(pool) for _ in range(WRITERS)]

    async def decide(number: int) -> None:
        limiter.LEASE_SHARE = NEVER_SPENT
        await limiters[number].take(LIMIT, f"own {number}")

    return decide


async def _pool(cluster: PostgresCluster) -> asyncpg.Pool:
    settings = cluster.settings("backend_app", pool_size=WRITERS)
    return await asyncpg.create_pool(
        **for_asyncpg(settings),
        min_size=WRITERS,
        max_size=WRITERS,
    )


if __name__ == "__main__":
    for row in run():
        print(row)
