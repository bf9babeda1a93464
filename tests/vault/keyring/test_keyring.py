"""Keys on the real OpenBao and the vault's database."""

import asyncio
import secrets
from uuid import UUID, uuid4

import msgspec
import pytest
from sqlalchemy import text

from foundation.database.database import Database as Pools
from foundation.sealing.transit import Transit
from tests.openbaos import RunningBao
from tests.parts import Database
from tests.vault.fixtures import patient
from tests.vault.rig import Rig
from vault.keyring.envelopes import Epoch
from vault.keyring.errors import EnvelopeRefused
from vault.keyring.service import Keyring
from vault.keyring.types import Class

UNIT = "00070"
NAME = b"result of 4711"


def rows(database: Database) -> list[tuple[str, int, int]]:
    """Epochs as a superuser sees them."""
    with database.cluster.connect(database.name) as superuser:
        return superuser.execute(
            "SELECT tenant, class, epoch FROM keyring.epoch_key ORDER BY 1, 2, 3"
        ).fetchall()


def fresh(keyring_bao: RunningBao, database: Database) -> Keyring:
    """Another process's keys, which holds none yet."""
    return Keyring(patient(keyring_bao.bao), database.settings("vault_app"), secrets.token_bytes)


@pytest.mark.parametrize("class_", Class)
async def test_data_key_opens_in_another_process(
    rig: Rig, keyring: Keyring, keyring_bao: RunningBao, class_: Class
) -> None:
    record = uuid4()
    other = fresh(keyring_bao, rig.vault)
    async with rig.database.unscoped() as connection:
        made = await keyring.new_data_key(connection, UNIT, class_, record)
        assert await keyring.data_key(connection, UNIT, class_, record, made.wrapped) == made.key
        assert await other.data_key(connection, UNIT, class_, record, made.wrapped) == made.key
    await other.close()
    assert rows(rig.vault) == [(UNIT, class_, 1)]


async def test_keys_of_records_differ_and_units_have_epochs_of_their_own(rig: Rig, keyring: Keyring) -> None:
    async with rig.database.unscoped() as connection:
        found = [
            await keyring.new_data_key(connection, unit, class_, uuid4())
            for unit in (UNIT, "P0001")
            for class_ in (Class.INTERNAL, Class.PARTY)
        ]
    assert len({bytes(one.key) for one in found}) == 4
    assert rows(rig.vault) == [(UNIT, 1, 1), (UNIT, 3, 1), ("P0001", 1, 1), ("P0001", 3, 1)]


@pytest.mark.parametrize(
    ("unit", "class_", "other"),
    [("00071", Class.PARTY, False), (UNIT, Class.PERSONAL, False), (UNIT, Class.PARTY, True)],
)
async def test_data_key_that_was_moved_does_not_open(
    rig: Rig, keyring: Keyring, unit: str, class_: Class, other: bool
) -> None:
    record = uuid4()
    async with rig.database.unscoped() as connection:
        made = await keyring.new_data_key(connection, UNIT, Class.PARTY, record)
        await keyring.new_data_key(connection, unit, class_, uuid4())
        with pytest.raises(EnvelopeRefused):
            await keyring.data_key(connection, unit, class_, uuid4() if other else record, made.wrapped)


async def test_every_changed_octet_of_a_data_key_is_refused(rig: Rig, keyring: Keyring) -> None:
    record, taken = uuid4(), []
    async with rig.database.unscoped() as connection:
        made = await keyring.new_data_key(connection, UNIT, Class.PARTY, record)
        for place in range(len(made.wrapped)):
            changed = bytearray(made.wrapped)
            changed[place] ^= 1
            try:
                await keyring.data_key(connection, UNIT, Class.PARTY, record, bytes(changed))
            except EnvelopeRefused:
                continue
            taken.append(place)
    assert taken == []


@pytest.mark.parametrize("moved", ["tenant = '00071'", "class = 2", "epoch = 2"])
async def test_epoch_key_that_a_superuser_moved_does_not_open(
    rig: Rig, keyring: Keyring, keyring_bao: RunningBao, moved: str
) -> None:
    async with rig.database.unscoped() as connection:
        await keyring.new_data_key(connection, UNIT, Class.PARTY, uuid4())
    with rig.vault.cluster.connect(rig.vault.name) as superuser:
        superuser.execute(f"UPDATE keyring.epoch_key SET {moved}".encode())
    ((unit, class_, _),) = rows(rig.vault)
    other = fresh(keyring_bao, rig.vault)
    async with rig.database.unscoped() as connection:
        with pytest.raises(EnvelopeRefused):
            await other.new_data_key(connection, unit, Class(class_), uuid4())
    await other.close()


async def test_epoch_key_that_a_superuser_changed_does_not_open(
    rig: Rig, keyring: Keyring, keyring_bao: RunningBao
) -> None:
    async with rig.database.unscoped() as connection:
        await keyring.new_data_key(connection, UNIT, Class.PARTY, uuid4())
    with rig.vault.cluster.connect(rig.vault.name) as superuser:
        superuser.execute("UPDATE keyring.epoch_key SET wrapped = overlay(wrapped placing 'AAAA' from 30)")
    other = fresh(keyring_bao, rig.vault)
    async with rig.database.unscoped() as connection:
        with pytest.raises(EnvelopeRefused):
            await other.new_data_key(connection, UNIT, Class.PARTY, uuid4())
    await other.close()


async def test_first_epoch_stays_when_the_callers_transaction_is_undone(
    rig: Rig, keyring: Keyring, keyring_bao: RunningBao
) -> None:
    record = uuid4()
    with pytest.raises(RuntimeError):
        async with rig.database.unscoped() as connection:
            await keyring.new_data_key(connection, UNIT, Class.PARTY, record)
            raise RuntimeError
    # What the first process now makes must open by what the database says.
    other = fresh(keyring_bao, rig.vault)
    async with rig.database.unscoped() as connection:
        made = await keyring.new_data_key(connection, UNIT, Class.PARTY, record)
        assert await other.data_key(connection, UNIT, Class.PARTY, record, made.wrapped) == made.key
    await other.close()


async def test_many_who_come_first_at_once_agree_on_one_epoch(
    rig: Rig, keyring: Keyring, keyring_bao: RunningBao
) -> None:
    processes = [fresh(keyring_bao, rig.vault) for _ in range(4)]

    async def first(process: Keyring) -> tuple[UUID, bytes, bytes]:
        record = uuid4()
        async with rig.database.unscoped() as connection:
            made = await process.new_data_key(connection, UNIT, Class.PARTY, record)
        return record, bytes(made.key), made.wrapped

    found = await asyncio.gather(*(first(process) for process in processes))
    async with rig.database.unscoped() as connection:
        opened = [await keyring.data_key(connection, UNIT, Class.PARTY, one[0], one[2]) for one in found]
    for process in processes:
        await process.close()
    assert [bytes(key) for key in opened] == [one[1] for one in found]
    assert rows(rig.vault) == [(UNIT, 3, 1)]


async def test_newest_epoch_seals_and_older_ones_still_open(rig: Rig, keyring: Keyring) -> None:
    record = uuid4()
    second = Epoch(UNIT, Class.PARTY, 2)
    async with rig.database.unscoped() as connection:
        old = await keyring.new_data_key(connection, UNIT, Class.PARTY, record)
    (wrapped,) = await Transit(keyring.serve, "party").encrypt([(b"e" * 32, second.context)])
    with rig.vault.cluster.connect(rig.vault.name) as superuser:
        superuser.execute(
            "INSERT INTO keyring.epoch_key (tenant, class, epoch, wrapped) VALUES (%s, 3, 2, %s)",
            (UNIT, wrapped),
        )
    async with rig.database.unscoped() as connection:
        new = await keyring.new_data_key(connection, UNIT, Class.PARTY, uuid4())
        again = await keyring.rewrapped(connection, UNIT, Class.PARTY, record, old.wrapped)
        assert await keyring.data_key(connection, UNIT, Class.PARTY, record, old.wrapped) == old.key
        assert await keyring.data_key(connection, UNIT, Class.PARTY, record, again) == old.key
    assert [envelope[1:5] for envelope in (old.wrapped, new.wrapped, again)] == [
        b"\0\0\0\1",
        b"\0\0\0\2",
        b"\0\0\0\2",
    ]


async def test_small_thing_opens_under_its_name_class_and_unit_alone(rig: Rig, keyring: Keyring) -> None:
    async with rig.database.unscoped() as connection:
        sealed = await keyring.seal(connection, UNIT, Class.PERSONAL, NAME, b"v7")
        await keyring.seal(connection, "00071", Class.PERSONAL, NAME, b"")
        await keyring.seal(connection, UNIT, Class.PARTY, NAME, b"")
        assert await keyring.unseal(connection, UNIT, Class.PERSONAL, NAME, sealed) == b"v7"
        for unit, class_, name, envelope in (
            ("00071", Class.PERSONAL, NAME, sealed),
            (UNIT, Class.PARTY, NAME, sealed),
            (UNIT, Class.PERSONAL, NAME + b"2", sealed),
            (UNIT, Class.PERSONAL, NAME, sealed[:-1]),
            (UNIT, Class.PERSONAL, NAME, b"\x02" + sealed[1:]),
        ):
            with pytest.raises(EnvelopeRefused):
                await keyring.unseal(connection, unit, class_, name, envelope)


async def test_secret_opens_under_its_name_alone(keyring: Keyring) -> None:
    sealed = await keyring.seal_secret(b"totp of minh", b"JBSWY3DP")
    assert sealed[:1] == b"\x01"
    assert await keyring.unseal_secret(b"totp of minh", sealed) == b"JBSWY3DP"
    with pytest.raises(EnvelopeRefused):
        await keyring.unseal_secret(b"totp of lan", sealed)
    for changed in (b"\x02" + sealed[1:], sealed[:-3] + b"AA=", sealed[:-1], b"", b"\x01", b"\x01\xff"):
        with pytest.raises(EnvelopeRefused):
            await keyring.unseal_secret(b"totp of minh", changed)


async def test_restricted_asks_openbao_each_time_and_party_does_not(
    rig: Rig, keyring: Keyring, keyring_bao: RunningBao
) -> None:
    def asked(key: str) -> int:
        return keyring_bao.bao.audit_file.read_text(encoding="utf-8").count(f'"transit/decrypt/{key}"')

    found = {}
    for class_ in (Class.PARTY, Class.RESTRICTED):
        record = uuid4()
        async with rig.database.unscoped() as connection:
            made = await keyring.new_data_key(connection, UNIT, class_, record)
            before = asked(class_.transit_key)
            for _ in range(3):
                await keyring.data_key(connection, UNIT, class_, record, made.wrapped)
        found[class_] = asked(class_.transit_key) - before
    # A request and its answer are a line each.
    assert found == {Class.PARTY: 0, Class.RESTRICTED: 6}


async def test_what_was_forgotten_is_read_anew(rig: Rig, keyring: Keyring) -> None:
    record = uuid4()
    async with rig.database.unscoped() as connection:
        made = await keyring.new_data_key(connection, UNIT, Class.PARTY, record)
    with rig.vault.cluster.connect(rig.vault.name) as superuser:
        superuser.execute("DELETE FROM keyring.epoch_key")
    keyring.forget()
    async with rig.database.unscoped() as connection:
        with pytest.raises(EnvelopeRefused):
            await keyring.data_key(connection, UNIT, Class.PARTY, record, made.wrapped)


async def test_no_key_stands_in_the_database_or_the_audit_file(
    rig: Rig, keyring: Keyring, keyring_bao: RunningBao
) -> None:
    async with rig.database.unscoped() as connection:
        made = await keyring.new_data_key(connection, UNIT, Class.RESTRICTED, uuid4())
        held = (
            await connection.execute(text("SELECT wrapped FROM keyring.find('00070', 4, 1)"))
        ).scalar_one()
    assert bytes(made.key) not in made.wrapped
    written = keyring_bao.bao.audit_file.read_text(encoding="utf-8")
    assert held not in written


async def test_pool_that_is_all_in_use_does_not_stop_the_first_epoch(rig: Rig, keyring: Keyring) -> None:
    settings = rig.vault.settings("vault_app")
    pools = Pools(msgspec.structs.replace(settings, pool_size=1), rig.database._recorder)
    async with pools.unscoped() as connection:
        made = await keyring.new_data_key(connection, UNIT, Class.PARTY, uuid4())
    await pools.close()
    assert len(made.key) == 32
