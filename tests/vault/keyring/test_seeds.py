"""Seeds of request keys: kept wrapped, so that a restart answers what was sealed before it."""

import asyncio
import base64
import secrets
from datetime import datetime, timedelta

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from foundation.sealing.transit import Transit
from foundation.settings import OpenBaoSettings
from tests.openbaos import RunningBao
from tests.vault.rig import Rig
from vault.call.errors import Unavailable
from vault.call.request_keys import RequestKeys
from vault.keyring.errors import KeyringUnavailable
from vault.keyring.seeds import TRANSIT_KEY, Seeds
from vault.keyring.service import Keyring

SIGNER = Ed25519PrivateKey.generate()


class Process:
    """A process of the vault as far as its request keys go."""

    def __init__(self, rig: Rig, keyring: Keyring) -> None:
        self.keys = RequestKeys("certificate", SIGNER)
        self.seeds = Seeds(self.keys, Transit(keyring.serve, TRANSIT_KEY), rig.database, secrets.token_bytes)


@pytest.fixture
def now(rig: Rig) -> datetime:
    """The database removes what is over by its own clock, so these tests are of today."""
    with rig.vault.cluster.connect(rig.vault.name) as superuser:
        row = superuser.execute("SELECT now()").fetchone()
    assert row is not None
    return row[0]


def stored(rig: Rig) -> list[tuple[bytes, str]]:
    with rig.vault.cluster.connect(rig.vault.name) as superuser:
        return superuser.execute("SELECT kid, wrapped FROM calls.request_key ORDER BY made").fetchall()


async def test_restart_holds_the_same_keys_and_says_the_same(
    rig: Rig, keyring: Keyring, now: datetime
) -> None:
    before = Process(rig, keyring)
    await before.seeds.refresh(now)
    await before.seeds.refresh(now + timedelta(hours=24))
    after = Process(rig, keyring)
    await after.seeds.refresh(now + timedelta(hours=25))
    later = now + timedelta(hours=25)
    assert len(before.keys.live(later)) == 2
    assert after.keys.live(later).keys() == before.keys.live(later).keys()
    assert after.keys.notes(later) == before.keys.notes(later)


async def test_key_is_made_a_day_and_no_oftener(rig: Rig, keyring: Keyring, now: datetime) -> None:
    process = Process(rig, keyring)
    for hours in (0, 1, 23, 24, 25, 47):
        await process.seeds.refresh(now + timedelta(hours=hours))
    assert len(stored(rig)) == 2


async def test_processes_that_start_at_once_make_one_key(rig: Rig, keyring: Keyring, now: datetime) -> None:
    processes = [Process(rig, keyring) for _ in range(3)]
    await asyncio.gather(*(process.seeds.refresh(now) for process in processes))
    assert len(stored(rig)) == 1
    assert len({process.keys.notes(now) for process in processes}) == 1


async def test_seed_is_gone_an_hour_after_its_end(rig: Rig, keyring: Keyring, now: datetime) -> None:
    process = Process(rig, keyring)
    await process.seeds.refresh(now - timedelta(hours=48, minutes=59))
    ((kid, _),) = stored(rig)
    assert kid in process.keys.live(now)
    with rig.vault.cluster.connect(rig.vault.name) as superuser:
        superuser.execute(
            "UPDATE calls.request_key"
            " SET made = made - interval '2 min', not_after = not_after - interval '2 min'"
        )
    fresh = Process(rig, keyring)
    await fresh.seeds.refresh(now)
    assert kid not in fresh.keys.live(now)
    assert [row[0] for row in stored(rig)] == list(fresh.keys.live(now))


async def test_seed_that_somebody_exchanged_is_not_taken(rig: Rig, keyring: Keyring, now: datetime) -> None:
    process = Process(rig, keyring)
    await process.seeds.refresh(now)
    await process.seeds.refresh(now + timedelta(hours=24))
    with rig.vault.cluster.connect(rig.vault.name) as superuser:
        (first, _), (second, wrapped) = stored(rig)
        superuser.execute("UPDATE calls.request_key SET wrapped = %s WHERE kid = %s", (wrapped, first))
    fresh = Process(rig, keyring)
    await fresh.seeds.refresh(now + timedelta(hours=24))
    assert list(fresh.keys.live(now + timedelta(hours=24))) == [second]


async def test_without_openbao_what_is_held_serves_on(rig: Rig, keyring: Keyring, now: datetime) -> None:
    process = Process(rig, keyring)
    await process.seeds.refresh(now)
    settings = keyring.serve.settings
    keyring.serve.session = None
    keyring.serve.settings = OpenBaoSettings(
        url="https://localhost:1",
        ca_file=settings.ca_file,
        certificate_file=settings.certificate_file,
        key_file=settings.key_file,
        role=settings.role,
    )
    with pytest.raises(KeyringUnavailable):
        await process.seeds.refresh(now + timedelta(hours=24))
    assert len(process.keys.live(now + timedelta(hours=24))) == 1
    fresh = Process(rig, keyring)
    with pytest.raises(KeyringUnavailable):
        await fresh.seeds.refresh(now)
    with pytest.raises(Unavailable):
        fresh.keys.live(now)
    with pytest.raises(Unavailable):
        fresh.keys.notes(now)
    assert len(stored(rig)) == 1


async def test_no_seed_stands_in_the_database(
    rig: Rig, keyring: Keyring, keyring_bao: RunningBao, now: datetime
) -> None:
    made = []

    def noted(size: int) -> bytes:
        made.append(secrets.token_bytes(size))
        return made[-1]

    process = Process(rig, keyring)
    process.seeds._random_bytes = noted
    await process.seeds.refresh(now)
    ((_, wrapped),) = stored(rig)
    assert wrapped.startswith("vault:v")
    assert [octets for octets in made if base64.b64encode(octets).decode() in wrapped] == []
    written = keyring_bao.bao.audit_file.read_text(encoding="utf-8")
    assert wrapped not in written


async def test_seed_that_is_given_a_new_moment_is_not_taken(
    rig: Rig, keyring: Keyring, now: datetime
) -> None:
    """Who once had a seed could keep the vault listing its key."""
    process = Process(rig, keyring)
    await process.seeds.refresh(now - timedelta(hours=30))
    ((known, _),) = stored(rig)
    with rig.vault.cluster.connect(rig.vault.name) as superuser:
        superuser.execute(
            "UPDATE calls.request_key"
            " SET made = made + interval '30 h', not_after = not_after + interval '30 h'"
        )
    fresh = Process(rig, keyring)
    await fresh.seeds.refresh(now)
    assert len(fresh.keys.live(now)) == 1
    assert known not in fresh.keys.live(now)
