"""A role's password changes under load, and nobody who connects or works meets it."""

import asyncio
import secrets
from datetime import UTC, datetime, timedelta
from pathlib import Path

import asyncpg
import pytest
from sqlalchemy import text

from audit.recorder import AuditRecorder
from audit.refusals import RefusalCounter
from foundation.clock import SystemClock
from foundation.cursors import CursorExpired, Cursors
from foundation.database.connections import connect, for_asyncpg
from foundation.database.database import Database
from foundation.errors import InvalidInput
from foundation.ids import GlobalIds, new_uuid
from foundation.keyring import KeyRing
from foundation.paging import Position
from stack.rotation import change_password
from tests.conftest import Database as Fresh

ROLE = "backend_app"


@pytest.fixture
def pools(database: Fresh) -> Database:
    recorder = AuditRecorder(
        service="ioc-backend",
        clock=SystemClock(),
        new_id=new_uuid,
        random_bytes=secrets.token_bytes,
        refusals=RefusalCounter(),
    )
    return Database(database.settings(ROLE), recorder)


async def test_pools_and_new_connections_see_no_error_while_passwords_change(
    database: Fresh, pools: Database
) -> None:
    settings = database.settings(ROLE)
    done = {"new": 0, "pooled": 0}
    stop = asyncio.Event()

    async def new_connections() -> None:
        while not stop.is_set():
            connection = await connect(**for_asyncpg(settings))
            await connection.fetchval("SELECT 1")
            await connection.close()
            done["new"] += 1

    async def pooled() -> None:
        while not stop.is_set():
            async with pools.engine.connect() as connection:
                await connection.execute(text("SELECT 1"))
            await pools.engine.dispose()  # so that the next one connects
            assert await pools.pool.fetchval("SELECT 1") == 1
            await pools.pool.expire_connections()
            done["pooled"] += 1

    await pools.open()
    workers = [asyncio.create_task(work()) for work in (new_connections, new_connections, pooled)]
    for _ in range(10):
        await asyncio.to_thread(change_password, database.cluster, ROLE)
        await asyncio.sleep(0.1)
    stop.set()
    await asyncio.gather(*workers)
    await pools.close()
    assert min(done.values()) > 5


async def test_old_password_is_refused_afterwards(database: Fresh) -> None:
    old = database.settings(ROLE).password_file.read_text()
    change_password(database.cluster, ROLE)
    with pytest.raises(asyncpg.InvalidPasswordError):
        await asyncpg.connect(
            host=database.host, port=database.port, database=database.name, user=ROLE, password=old
        )


async def test_password_that_stays_wrong_is_refused_in_the_end(database: Fresh) -> None:
    with pytest.raises(asyncpg.InvalidPasswordError):
        await connect(
            host=database.host, port=database.port, database=database.name, user=ROLE, password="wrong"
        )


def _rings(folder: Path) -> tuple[KeyRing, KeyRing, KeyRing]:
    """Before, while the new key is only accepted, and when it is used."""
    file = folder / "key"
    first, second = secrets.token_bytes(64), secrets.token_bytes(64)
    file.write_bytes(first)
    before = KeyRing.read(file)
    (folder / "key.next").write_bytes(second)
    between = KeyRing.read(file)
    (folder / "key.old-20261127T101500Z").write_bytes(first)
    (folder / "key.next").replace(file)
    return before, between, KeyRing.read(file)


def test_cursors_pass_between_processes_that_are_one_step_apart(tmp_path: Path) -> None:
    before, between, after = _rings(tmp_path)
    position = Position(datetime(2026, 11, 27, tzinfo=UTC), new_uuid())
    for writer, reader in ((before, between), (between, before), (between, after), (after, between)):
        sealed = Cursors(writer.newest, 1, SystemClock(), writer.accepted).of_moment(
            "f", ("i", "s"), position
        )
        opened = Cursors(reader.newest, 1, SystemClock(), reader.accepted)
        assert opened.moment("f", ("i", "s"), sealed) == position


def test_ids_of_before_are_opened_until_their_key_is_forgotten(tmp_path: Path) -> None:
    before, _, after = _rings(tmp_path)
    uuid = new_uuid()
    sealed = GlobalIds(before.newest).of_uuid("Media", uuid)
    assert GlobalIds(after.newest, after.accepted).parse_uuid("Media", sealed) == uuid
    with pytest.raises(InvalidInput):
        GlobalIds(after.newest).parse_uuid("Media", sealed)


def test_accepted_key_does_not_revive_a_cursor_of_another_epoch(tmp_path: Path) -> None:
    before, _, after = _rings(tmp_path)
    position = Position(datetime.now(UTC) - timedelta(days=1), new_uuid())
    sealed = Cursors(before.newest, 1, SystemClock()).of_moment("f", ("i", "s"), position)
    with pytest.raises(CursorExpired):
        Cursors(after.newest, 2, SystemClock(), after.accepted).moment("f", ("i", "s"), sealed)
