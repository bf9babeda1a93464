"""A flood of refused strangers becomes few lines with the right counts."""

import asyncio
from collections import Counter
from datetime import UTC, datetime, timedelta

import asyncpg
import orjson
import pytest
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncEngine
from structlog.testing import capture_logs

from audit.codes import NotLoggable
from audit.refusals import (
    MAX_EVENTS_A_MINUTE,
    MAX_NETWORKS,
    OTHERS,
    CountedRefusal,
    RefusalCounter,
    flush,
    fold,
)
from foundation.clock import FrozenClock
from tests.audit.parts import connect, engine, recorder, wait_until
from tests.conftest import Database

TOKEN = "identity.invalid_token"
LATER = timedelta(minutes=2)


def later() -> FrozenClock:
    """A clock for which the present minute has ended."""
    return FrozenClock(datetime.now(UTC) + LATER)


async def events(database: Database) -> list[dict]:
    connection = await connect(database.settings(database.superuser))
    rows = await connection.fetch("SELECT line FROM audit.event ORDER BY xid, id")
    await connection.close()
    return [orjson.loads(row["line"]) for row in rows]


async def flushed(worker: AsyncEngine, clock: FrozenClock | None = None) -> int:
    async with worker.begin() as connection:
        return await flush(connection, recorder(), clock or later())


async def store(app: AsyncEngine, counts: dict[tuple[str, str], int]) -> None:
    counter = RefusalCounter()
    for (network, reason), count in counts.items():
        for _ in range(count):
            counter.add(network, reason)
    async with app.connect() as connection:
        await counter.write(connection)


async def test_flood_from_one_network_becomes_one_event_with_its_count(
    database: Database, app: AsyncEngine, worker: AsyncEngine
) -> None:
    connection = await connect(database.settings("backend_app"))
    for _ in range(5):  # five processes, or five seconds, within one minute
        await connection.execute("SELECT audit.count_refusals('{203.0.113.0}', $1, '{1000}')", [TOKEN])
    await connection.close()
    made = await flushed(worker)
    found = await events(database)
    assert sum(line["count"] for line in found) == 5000
    assert made == len(found) == len({line["start_time"] for line in found})


async def test_event_names_network_reason_and_minute(
    database: Database, app: AsyncEngine, worker: AsyncEngine
) -> None:
    await store(app, {("203.0.113.0", TOKEN): 3})
    await flushed(worker)
    (line,) = await events(database)
    assert (line["class_uid"], line["src_endpoint"]["ip"], line["status_code"], line["count"]) == (
        3002,
        "203.0.113.0",
        TOKEN,
        3,
    )
    assert line["end_time"] - line["start_time"] == 60_000


async def test_refusal_that_is_no_sign_in_is_api_activity(
    database: Database, app: AsyncEngine, worker: AsyncEngine
) -> None:
    await store(app, {("2001:db8:7::", "common.not_found"): 2})
    await flushed(worker)
    (line,) = await events(database)
    assert (line["class_uid"], line["unmapped"]["action"], line["unmapped"]["prefix"]) == (
        6003,
        "request.refuse",
        48,
    )


async def test_minute_that_has_not_ended_waits(
    database: Database, app: AsyncEngine, worker: AsyncEngine
) -> None:
    await store(app, {("203.0.113.0", TOKEN): 1})
    made = await flushed(worker, FrozenClock(datetime.now(UTC) - LATER))
    assert (made, await flushed(worker)) == (0, 1)


async def test_counts_are_taken_once(app: AsyncEngine, worker: AsyncEngine) -> None:
    await store(app, {("203.0.113.0", TOKEN): 1})
    assert [await flushed(worker), await flushed(worker)] == [1, 0]


async def test_two_workers_at_once_take_the_counts_once(
    database: Database, app: AsyncEngine, worker: AsyncEngine
) -> None:
    await store(app, {(f"203.0.{third}.0", TOKEN): 1 for third in range(20)})
    made = await asyncio.gather(flushed(worker), flushed(worker))
    assert (sum(made), len(await events(database))) == (20, 20)


async def test_rolled_back_flush_keeps_the_counts(
    database: Database, app: AsyncEngine, worker: AsyncEngine
) -> None:
    await store(app, {("203.0.113.0", TOKEN): 4})
    async with worker.connect() as connection:
        await flush(connection, recorder(), later())
        await connection.rollback()
    await flushed(worker)
    assert [line["count"] for line in await events(database)] == [4]


async def test_flood_from_many_networks_makes_a_bounded_number_of_events(
    database: Database, app: AsyncEngine, worker: AsyncEngine
) -> None:
    await store(app, {(f"10.{n // 256}.{n % 256}.0", TOKEN): 1 + (n < 10) for n in range(600)})
    await flushed(worker)
    found = await events(database)
    assert len(found) == MAX_EVENTS_A_MINUTE + 1
    assert sum(line["count"] for line in found) == 610
    assert found[-1]["src_endpoint"]["ip"] == OTHERS


def test_fold_keeps_the_largest_and_loses_none() -> None:
    minute = datetime(2026, 11, 24, tzinfo=UTC)
    rows = [CountedRefusal(f"10.{n // 256}.{n % 256}.0", f"a.r{n % 3}", minute, n + 1) for n in range(1000)]
    folded = fold(rows)
    totals = Counter[str]()
    for row in folded:
        totals[row.reason] += row.times
    assert totals == {
        f"a.r{reason}": sum(n + 1 for n in range(1000) if n % 3 == reason) for reason in range(3)
    }
    assert min(row.times for row in folded if row.network != OTHERS) == 1000 - MAX_EVENTS_A_MINUTE + 1


def test_counter_in_memory_is_bounded() -> None:
    counter = RefusalCounter()
    for n in range(MAX_NETWORKS * 3):
        counter.add(f"10.{n // 256}.{n % 256}.0", TOKEN)
    assert len(counter.pending) == MAX_NETWORKS + 1
    assert sum(counter.pending.values()) == MAX_NETWORKS * 3


@pytest.mark.parametrize(
    ("network", "reason"), [("203.0.113.9", TOKEN), ("x", TOKEN), ("203.0.113.0", "bad token for Lan")]
)
def test_what_is_no_network_or_code_is_not_counted(network: str, reason: str) -> None:
    with pytest.raises(NotLoggable):
        RefusalCounter().add(network, reason)


async def test_failed_write_keeps_the_counts(database: Database) -> None:
    counter = RefusalCounter()
    counter.add("203.0.113.0", TOKEN)
    refused = engine(database.settings("backend_directory"))  # may not count
    async with refused.connect() as connection:
        with pytest.raises(DBAPIError):
            await counter.write(connection)
    await refused.dispose()
    assert counter.pending == {("203.0.113.0", TOKEN): 1}


async def test_task_writes_what_is_left_when_it_is_ended(
    database: Database, app: AsyncEngine, worker: AsyncEngine
) -> None:
    counter = RefusalCounter()
    task = asyncio.create_task(counter.run(app, every=3600))
    await asyncio.sleep(0)
    counter.add("203.0.113.0", TOKEN)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    await flushed(worker)
    assert [line["count"] for line in await events(database)] == [1]


async def test_task_outlives_a_database_that_refuses(database: Database) -> None:
    counter = RefusalCounter()
    counter.add("203.0.113.0", TOKEN)
    refused = engine(database.settings("backend_directory"))
    with capture_logs() as logs:
        task = asyncio.create_task(counter.run(refused, every=0.01))
        await wait_until(lambda: len(logs) >= 2, "it does not try again")
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
    await refused.dispose()
    assert counter.pending == {("203.0.113.0", TOKEN): 1}


async def test_app_can_not_take_counts(database: Database) -> None:
    connection = await connect(database.settings("backend_app"))
    with pytest.raises(asyncpg.InsufficientPrivilegeError):
        await connection.execute("SELECT audit.take_refusals(now())")
    await connection.close()
