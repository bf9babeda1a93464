"""Old epochs: what lies under them is moved, then they and the versions that wrapped them are destroyed."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import closing
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import psycopg
import pytest

from foundation.database.database import Database as Pools
from tests.openbaos import RunningBao
from tests.parts import Database
from tests.vault.keyring.test_keyring import UNIT, fresh, rows
from tests.vault.rig import Rig
from vault.keyring.administration import HvacKeys, Rotation, connected
from vault.keyring.destruction import Destroyed, HvacVersions, StillInUse, destroy
from vault.keyring.errors import EnvelopeRefused
from vault.keyring.moving import BATCH, Moved, move
from vault.keyring.service import Keyring
from vault.keyring.types import Class, NewDataKey

CLASS = Class.PERSONAL
NOW = datetime.now(UTC)


@pytest.fixture
def keys(keyring_bao: RunningBao) -> Iterator[HvacKeys]:
    pair = keyring_bao.bao.certificates.keyring_clients["rotate"]
    with closing(HvacKeys(keyring_bao.bao.called_by(pair, "rotate"))) as keys:
        yield keys


@pytest.fixture
def versions(keyring_bao: RunningBao) -> Iterator[HvacVersions]:
    pair = keyring_bao.bao.certificates.keyring_clients["destroy"]
    with closing(HvacVersions(keyring_bao.bao.called_by(pair, "destroy"))) as versions:
        yield versions


@pytest.fixture
def connection(vault_database: Database) -> Iterator[psycopg.Connection[Any]]:
    with connected(vault_database.settings("vault_keyring")) as connection:
        yield connection


@pytest.fixture
async def keeper(rig: Rig) -> AsyncIterator[Pools]:
    """Connections of whoever keeps the keys."""
    pools = Pools(rig.vault.settings("vault_keyring"), rig.database._recorder)
    yield pools
    await pools.close()


async def kept(rig: Rig, keyring: Keyring, count: int = 1) -> list[tuple[UUID, NewDataKey]]:
    """Records with nothing but their keys."""
    found = []
    for _ in range(count):
        record = uuid4()
        async with rig.database.unscoped() as session:
            found.append((record, await keyring.new_data_key(session, UNIT, CLASS, record)))
    with rig.vault.cluster.connect(rig.vault.name) as superuser:
        for record, made in found:
            superuser.execute(
                "INSERT INTO records.record (id, tenant, class, kind, version, wrapped, made_at, keep_until)"
                " VALUES (%s, %s, %s, 'petition', 1, %s, now(), now() + interval '1 year')",
                (record, UNIT, int(CLASS), made.wrapped),
            )
    return found


def wrapped_of(rig: Rig, record: UUID) -> bytes:
    with rig.vault.cluster.connect(rig.vault.name) as superuser:
        row = superuser.execute("SELECT wrapped FROM records.record WHERE id = %s", (record,)).fetchone()
    assert row is not None
    return bytes(row[0])


def aged(rig: Rig, hours: int) -> None:
    """All epochs were made so long ago."""
    with rig.vault.cluster.connect(rig.vault.name) as superuser:
        superuser.execute(
            "UPDATE keyring.epoch_key SET made_at = made_at - make_interval(hours => %s)", (hours,)
        )


async def rotated(keys: HvacKeys, connection: psycopg.Connection[Any]) -> int:
    return (await asyncio.to_thread(Rotation(keys, connection).rotate, CLASS)).version


async def shredded(
    versions: HvacVersions, connection: psycopg.Connection[Any], before: datetime = NOW + timedelta(days=1)
) -> Destroyed:
    return await asyncio.to_thread(destroy, versions, connection, CLASS, before)


async def test_moved_records_open_and_the_old_epoch_is_destroyed(
    rig: Rig, keeper: Pools, keyring: Keyring, keyring_bao: RunningBao, keys, versions, connection
) -> None:
    ((record, made),) = await kept(rig, keyring)
    with rig.vault.cluster.connect(rig.vault.name) as superuser:
        dump = superuser.execute("SELECT wrapped FROM keyring.epoch_key").fetchall()
    version = await rotated(keys, connection)
    assert await move(keeper, keyring, CLASS) == Moved(moved=1)
    aged(rig, 26)
    assert await shredded(versions, connection) == Destroyed(epochs=1, oldest_version=version)
    assert rows(rig.vault) == [(UNIT, CLASS, 2)]
    other = fresh(keyring_bao, rig.vault)
    async with rig.database.unscoped() as session:
        assert await other.data_key(session, UNIT, CLASS, record, wrapped_of(rig, record)) == made.key
        with pytest.raises(EnvelopeRefused):
            await other.data_key(session, UNIT, CLASS, record, made.wrapped)
    # A copy of the database of before brings the row back, and OpenBao has no version for it.
    with rig.vault.cluster.connect(rig.vault.name) as superuser:
        superuser.execute(
            "INSERT INTO keyring.epoch_key (tenant, class, epoch, wrapped) VALUES (%s, %s, 1, %s)",
            (UNIT, int(CLASS), dump[0][0]),
        )
    async with rig.database.unscoped() as session:
        with pytest.raises(EnvelopeRefused):
            await other.data_key(session, UNIT, CLASS, record, made.wrapped)
    await other.close()


async def test_epoch_that_records_lie_under_is_not_destroyed(
    rig: Rig, keyring: Keyring, keys, versions, connection
) -> None:
    ((record, made),) = await kept(rig, keyring)
    await rotated(keys, connection)
    aged(rig, 26)
    with pytest.raises(StillInUse):
        await shredded(versions, connection)
    assert rows(rig.vault) == [(UNIT, CLASS, 1), (UNIT, CLASS, 2)]
    keyring.forget()
    async with rig.database.unscoped() as session:
        assert await keyring.data_key(session, UNIT, CLASS, record, made.wrapped) == made.key


@pytest.mark.parametrize(("hours", "before"), [(24, NOW + timedelta(days=1)), (26, NOW - timedelta(days=2))])
async def test_epoch_of_late_or_whose_results_may_live_stays(
    rig: Rig, keeper: Pools, keyring: Keyring, keys, versions, connection, hours: int, before: datetime
) -> None:
    await kept(rig, keyring)
    await rotated(keys, connection)
    await move(keeper, keyring, CLASS)
    aged(rig, hours)
    assert (await shredded(versions, connection, before)).epochs == 0
    assert rows(rig.vault) == [(UNIT, CLASS, 1), (UNIT, CLASS, 2)]


async def test_newest_epoch_is_never_destroyed(rig: Rig, keyring: Keyring, versions, connection) -> None:
    async with rig.database.unscoped() as session:
        await keyring.new_data_key(session, UNIT, CLASS, uuid4())
    aged(rig, 1_000)
    assert (await shredded(versions, connection)).epochs == 0


async def test_moving_passes_over_what_was_exchanged_and_what_was_deleted(
    rig: Rig, keeper: Pools, keyring: Keyring, keys, connection
) -> None:
    (changed, _), (deleted, _), (whole, made) = await kept(rig, keyring, 3)
    await rotated(keys, connection)
    with rig.vault.cluster.connect(rig.vault.name) as superuser:
        other = "UPDATE records.record SET wrapped = overlay(wrapped placing '\\x00' from 60) WHERE id = %s"
        superuser.execute(other.encode(), (changed,))
        gone = "UPDATE records.record SET wrapped = NULL, deleted_at = now() WHERE id = %s"
        superuser.execute(gone.encode(), (deleted,))
    assert await move(keeper, keyring, CLASS) == Moved(moved=1, refused=1)
    assert await move(keeper, keyring, CLASS) == Moved(moved=0, refused=1)
    async with rig.database.unscoped() as session:
        assert await keyring.data_key(session, UNIT, CLASS, whole, wrapped_of(rig, whole)) == made.key


async def test_more_than_a_transaction_of_records_is_moved(
    rig: Rig, keeper: Pools, keyring: Keyring, keys, connection
) -> None:
    await kept(rig, keyring, BATCH + 1)
    await rotated(keys, connection)
    assert (await move(keeper, keyring, CLASS)).moved == BATCH + 1


@pytest.mark.parametrize(
    "statement",
    [
        "SELECT sealed FROM records.version",
        "SELECT * FROM records.record",
        "SELECT * FROM records.result",
        "DELETE FROM records.record",
        "UPDATE records.record SET tenant = '00071'",
        "UPDATE records.record SET wrapped = NULL",
    ],
)
async def test_who_keeps_the_keys_sees_no_content_and_takes_no_key_away(
    rig: Rig, keyring: Keyring, connection, statement: str
) -> None:
    await kept(rig, keyring)
    with pytest.raises(psycopg.errors.InsufficientPrivilege):
        connection.execute(statement.encode())
