"""The vault's log on a real database: lines, the notary with a real witness."""

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator, Callable
from datetime import timedelta

import asyncpg

from audit.checkpoints import KeySigner
from audit.log import LogWriter
from audit.notary import Notary
from audit.witnesses import Witness
from foundation.clock import SystemClock
from services.notary import witness_http
from tests.audit.parts import connect, log_writer
from tests.parts import Database
from tests.verifier.parts import COSIGNER, LOG_KEY, WitnessProcess

DEADLINE = 60.0
RELAY = "vault_relay"


@contextlib.asynccontextmanager
async def connected(database: Database, role: str = RELAY) -> AsyncIterator[asyncpg.Connection]:
    """One connection."""
    connection = await connect(database.settings(role))
    try:
        yield connection
    finally:
        await connection.close()


async def write_lines(database: Database, count: int) -> None:
    """`count` more leaves; with the first there is the log's opening line."""
    async with connected(database, database.superuser) as superuser:
        await superuser.execute(
            """
            INSERT INTO audit.event (id, line)
            SELECT i, '{"n":' || n || ',"metadata":{"uid":"' || i
                || '","log_name":"ioc.hanoi.gov.vn/log/vault/1"}}'
            FROM (SELECT n, uuidv7() AS i FROM generate_series(1, $1::integer) n) made""",
            count,
        )
    async with connected(database) as connection:
        writer: LogWriter = log_writer(connection)
        while await writer.append(1000):
            pass


async def lines_of(database: Database) -> list[bytes]:
    """The leaves of the present epoch."""
    async with connected(database) as connection:
        rows = await connection.fetch(
            "SELECT line FROM audit.leaf WHERE epoch = (SELECT max(epoch) FROM audit.log) ORDER BY sequence"
        )
    return [row["line"] for row in rows]


async def as_superuser(database: Database, statement: str, *values: object) -> None:
    """What a database administrator does."""
    async with connected(database, database.superuser) as superuser:
        await superuser.execute(statement, *values)


async def cosigned_size(database: Database) -> int:
    """How much of the log has a stored cosignature."""
    async with connected(database) as connection:
        return int(await connection.fetchval("SELECT coalesce(max(size), 0) FROM audit.cosignature"))


async def wait_until(condition: Callable[[], object], message: str) -> None:
    """Poll; `condition` may be a coroutine function."""
    end = time.monotonic() + DEADLINE
    while True:
        found = condition()
        if asyncio.iscoroutine(found):
            found = await found
        if found:
            return
        assert time.monotonic() < end, message
        await asyncio.sleep(0.05)


@contextlib.asynccontextmanager
async def running_notary(
    database: Database, process: WitnessProcess, refresh: timedelta = timedelta(hours=1)
) -> AsyncIterator[tuple[Notary, "asyncio.Task[None]"]]:
    """The notary as a task."""
    clock = SystemClock()
    async with witness_http(process.settings()) as http:
        notary = Notary(
            lambda: connect(database.settings(RELAY)),
            KeySigner(LOG_KEY),
            Witness(COSIGNER, http, clock),
            clock,
            poll_seconds=0.02,
            interval_seconds=0.05,
            refresh=refresh,
        )
        task = asyncio.create_task(notary.run())
        try:
            yield notary, task
        finally:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)
