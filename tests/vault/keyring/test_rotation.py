"""Rotation while records are read and made; what was cut off is finished."""

import asyncio
from collections.abc import Iterator
from contextlib import closing
from typing import Any
from uuid import UUID, uuid4

import psycopg
import pytest

from tests.openbaos import RunningBao
from tests.parts import Database
from tests.vault.keyring.test_keyring import UNIT, fresh, rows
from tests.vault.rig import Rig
from vault.keyring.administration import HvacKeys, Rotated, Rotation, connected
from vault.keyring.service import Keyring
from vault.keyring.types import Class, NewDataKey

UNITS = (UNIT, "00071", "P0001")


@pytest.fixture
def keys(keyring_bao: RunningBao) -> Iterator[HvacKeys]:
    """OpenBao as whoever rotates has it."""
    pair = keyring_bao.bao.certificates.keyring_clients["rotate"]
    with closing(HvacKeys(keyring_bao.bao.called_by(pair, "rotate"))) as keys:
        yield keys


@pytest.fixture
def connection(vault_database: Database) -> Iterator[psycopg.Connection[Any]]:
    with connected(vault_database.settings("vault_keyring")) as connection:
        yield connection


async def filled(rig: Rig, keyring: Keyring, class_: Class) -> list[tuple[str, UUID, NewDataKey]]:
    """A record of each unit."""
    found = []
    async with rig.database.unscoped() as session:
        for unit in UNITS:
            record = uuid4()
            found.append((unit, record, await keyring.new_data_key(session, unit, class_, record)))
    return found


def versions(database: Database) -> set[int]:
    with database.cluster.connect(database.name) as superuser:
        held = superuser.execute("SELECT wrapped FROM keyring.epoch_key").fetchall()
    return {int(wrapped.split(":")[1][1:]) for (wrapped,) in held}


@pytest.mark.parametrize("class_", Class)
async def test_everything_opens_after_a_rotation_and_new_records_are_of_the_new_epoch(
    rig: Rig,
    keyring: Keyring,
    keyring_bao: RunningBao,
    keys: HvacKeys,
    connection: psycopg.Connection[Any],
    class_: Class,
) -> None:
    old = await filled(rig, keyring, class_)
    before = keys.newest(class_.transit_key)
    done = await asyncio.to_thread(Rotation(keys, connection).rotate, class_)
    assert done == Rotated(version=before + 1, resumed=False, epochs=3, rewrapped=3)
    assert rows(rig.vault) == [(unit, class_, number) for unit in sorted(UNITS) for number in (1, 2)]
    assert versions(rig.vault) == {before + 1}
    other = fresh(keyring_bao, rig.vault)
    async with rig.database.unscoped() as session:
        for unit, record, made in old:
            assert await other.data_key(session, unit, class_, record, made.wrapped) == made.key
        new = await keyring.new_data_key(session, UNIT, class_, uuid4())
    await other.close()
    assert new.wrapped[1:5] == b"\0\0\0\2"


async def test_readers_and_writers_go_on_while_keys_rotate(
    rig: Rig, keyring: Keyring, keys: HvacKeys, connection: psycopg.Connection[Any]
) -> None:
    kept = await filled(rig, keyring, Class.PARTY)
    over = asyncio.Event()
    counted = {"read": 0, "made": 0}

    async def read() -> None:
        while not over.is_set():
            keyring.forget()  # each reading asks OpenBao, as at the worst moment
            async with rig.database.unscoped() as session:
                for unit, record, made in kept:
                    key = await keyring.data_key(session, unit, Class.PARTY, record, made.wrapped)
                    assert key == made.key
                    counted["read"] += 1

    async def make() -> None:
        while not over.is_set():
            async with rig.database.unscoped() as session:
                record = uuid4()
                made = await keyring.new_data_key(session, UNIT, Class.PARTY, record)
                assert await keyring.data_key(session, UNIT, Class.PARTY, record, made.wrapped) == made.key
                counted["made"] += 1

    async def rotate() -> list[Rotated]:
        try:
            rotation = Rotation(keys, connection)
            return [await asyncio.to_thread(rotation.rotate, Class.PARTY) for _ in range(5)]
        finally:
            over.set()

    done, *_ = await asyncio.gather(rotate(), read(), make())
    assert [one.epochs for one in done] == [3] * 5
    assert len(rows(rig.vault)) == 18
    assert len(versions(rig.vault)) == 1
    assert min(counted.values()) > 0


class CutOff:
    """Fails at the n-th call that changes something."""

    def __init__(self, keys: HvacKeys, at: int) -> None:
        self._keys = keys
        self._left = at

    def _count(self) -> None:
        self._left -= 1
        if self._left < 0:
            raise ConnectionError

    def newest(self, key: str) -> int:
        return self._keys.newest(key)

    def rotate(self, key: str) -> None:
        self._count()
        self._keys.rotate(key)

    def wrapped_key(self, key: str, context: bytes) -> str:
        self._count()
        return self._keys.wrapped_key(key, context)

    def rewrap(self, key: str, wrapped: str, context: bytes) -> str | None:
        self._count()
        return self._keys.rewrap(key, wrapped, context)


@pytest.mark.parametrize("at", range(1, 7))
async def test_rotation_that_was_cut_off_is_finished_and_not_begun_again(
    rig: Rig, keyring: Keyring, keys: HvacKeys, connection: psycopg.Connection[Any], at: int
) -> None:
    old = await filled(rig, keyring, Class.PARTY)
    before = keys.newest("party")
    with pytest.raises(ConnectionError):
        await asyncio.to_thread(Rotation(CutOff(keys, at), connection).rotate, Class.PARTY)
    done = await asyncio.to_thread(Rotation(keys, connection).rotate, Class.PARTY)
    assert (done.version, done.resumed) == (before + 1, True)
    assert rows(rig.vault) == [(unit, 3, number) for unit in sorted(UNITS) for number in (1, 2)]
    assert versions(rig.vault) == {before + 1}
    keyring.forget()
    async with rig.database.unscoped() as session:
        for unit, record, made in old:
            assert await keyring.data_key(session, unit, Class.PARTY, record, made.wrapped) == made.key


async def test_row_that_somebody_moved_is_told_and_stops_nobody(
    rig: Rig, keyring: Keyring, keys: HvacKeys, connection: psycopg.Connection[Any]
) -> None:
    await filled(rig, keyring, Class.PARTY)
    with rig.vault.cluster.connect(rig.vault.name) as superuser:
        superuser.execute("UPDATE keyring.epoch_key SET tenant = '00072' WHERE tenant = '00071'")
    done = await asyncio.to_thread(Rotation(keys, connection).rotate, Class.PARTY)
    assert (done.epochs, done.rewrapped, done.refused) == (3, 2, 1)


async def test_other_classes_are_left_alone(
    rig: Rig, keyring: Keyring, keys: HvacKeys, connection: psycopg.Connection[Any]
) -> None:
    await filled(rig, keyring, Class.PERSONAL)
    before = keys.newest("personal")
    await asyncio.to_thread(Rotation(keys, connection).rotate, Class.PARTY)
    assert keys.newest("personal") == before
    assert rows(rig.vault) == [(unit, 2, 1) for unit in sorted(UNITS)]
