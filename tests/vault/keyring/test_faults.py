"""OpenBao stopped, killed, sealed, unable to write its log, forgetful: typed refusals, nothing half-made."""

import os
import secrets
import signal
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from uuid import uuid4

import msgspec
import pytest

from foundation.health import Unready
from foundation.sealing.bao import FAILURES, OPEN_SECONDS
from services.vault import keys_open
from stack.openbao import vault_openbao
from tests.openbaos import RunningBao, running_bao
from tests.vault.fixtures import patient
from tests.vault.keyring.test_keyring import UNIT, rows
from tests.vault.rig import Rig
from vault.keyring.errors import KeyringUnavailable
from vault.keyring.service import Keyring
from vault.keyring.types import Class

PATIENCE = 60


@pytest.fixture(scope="module")
def spare_bao() -> Iterator[RunningBao]:
    """One that is disturbed; each test leaves it as it was."""
    with running_bao(vault_openbao) as running:
        yield running


class Moved:
    """A clock that is moved past the time in which nobody is kept waiting."""

    def __init__(self) -> None:
        self.at = 0.0

    def __call__(self) -> float:
        return self.at


@pytest.fixture
def moved() -> Moved:
    return Moved()


@pytest.fixture
async def disturbed(spare_bao: RunningBao, rig: Rig, moved: Moved) -> AsyncIterator[Keyring]:
    """Keys at it."""
    keyring = Keyring(patient(spare_bao.bao), rig.vault.settings("vault_app"), secrets.token_bytes, moved)
    yield keyring
    await keyring.close()


@contextmanager
def impatient(keyring: Keyring) -> Iterator[None]:
    """What does not answer is given half a second; outside, a slow machine is given all it needs."""
    both = (keyring.serve, keyring.restricted)
    before = [bao.settings for bao in both]
    for bao in both:
        bao.settings = msgspec.structs.replace(bao.settings, seconds=0.5)
    try:
        yield
    finally:
        for bao, settings in zip(both, before, strict=True):
            bao.settings = settings


async def refused(rig: Rig, keyring: Keyring) -> None:
    """Nothing is made, opened or sealed."""
    for class_ in Class:
        with pytest.raises(KeyringUnavailable):
            async with rig.database.unscoped() as connection:
                await keyring.new_data_key(connection, UNIT, class_, uuid4())
    with pytest.raises(KeyringUnavailable):
        await keyring.seal_secret(b"name", b"secret")
    with pytest.raises(Unready):
        await keys_open(keyring)()


async def recovered(rig: Rig, keyring: Keyring, moved: Moved) -> None:
    """It serves again by itself; waits as long as it takes, for that is not what is tested."""
    until = time.monotonic() + PATIENCE
    while True:
        moved.at += OPEN_SECONDS + 1
        try:
            await keyring.check()
            break
        except KeyringUnavailable:
            assert time.monotonic() < until, "it did not come back"
    async with rig.database.unscoped() as connection:
        for class_ in Class:
            await keyring.new_data_key(connection, UNIT, class_, uuid4())


@contextmanager
def stopped(spare_bao: RunningBao) -> Iterator[None]:
    """It holds still, connections open."""
    process = spare_bao.supervisor.process("openbao-vault")
    os.kill(process.pid, signal.SIGSTOP)
    try:
        yield
    finally:
        os.kill(process.pid, signal.SIGCONT)


@contextmanager
def killed(spare_bao: RunningBao) -> Iterator[None]:
    """It is gone; afterwards it is started again."""
    part = spare_bao.bao.part()
    spare_bao.supervisor.send(part.name, signal.SIGKILL)
    try:
        yield
    finally:
        spare_bao.supervisor.restart(part)
        spare_bao.bao.set_up()


@contextmanager
def sealed(spare_bao: RunningBao) -> Iterator[None]:
    """Somebody sealed it. None of its roles may: here one is given it, until the next start takes it back."""
    clients = spare_bao.bao.certificates.keyring_clients
    with spare_bao.client(clients["administrator"], "administrator") as administrator:
        policy = 'path "sys/seal" { capabilities = ["update", "sudo"] }'
        administrator.put("/v1/sys/policies/acl/destroy", json={"policy": policy}).raise_for_status()
    with spare_bao.client(clients["destroy"], "destroy") as client:
        client.put("/v1/sys/seal").raise_for_status()
    try:
        yield
    finally:
        spare_bao.supervisor.restart(spare_bao.bao.part())
        spare_bao.bao.set_up()


@contextmanager
def without_log(spare_bao: RunningBao) -> Iterator[None]:
    """Its audit file can't be written: a folder has its name."""
    file, aside = spare_bao.bao.audit_file, spare_bao.bao.audit_file.with_suffix(".aside")
    file.rename(aside)
    file.mkdir()
    spare_bao.supervisor.send("openbao-vault", signal.SIGHUP)
    pair = spare_bao.bao.certificates.keyring_clients["administrator"]
    until = time.monotonic() + PATIENCE
    while True:  # the signal is heard some time after it was sent
        try:
            with spare_bao.client(pair, "administrator"):
                assert time.monotonic() < until, "it still answers"
        except AssertionError as error:
            if "it still answers" in str(error):
                raise
            break
    try:
        yield
    finally:
        file.rmdir()
        aside.rename(file)
        spare_bao.supervisor.send("openbao-vault", signal.SIGHUP)


@pytest.mark.parametrize("fault", [stopped, killed, sealed, without_log], ids=lambda fault: fault.__name__)
async def test_fault_refuses_everything_is_not_ready_and_leaves_nothing_behind(
    spare_bao: RunningBao, rig: Rig, disturbed: Keyring, moved: Moved, fault
) -> None:
    await disturbed.check()
    with fault(spare_bao), impatient(disturbed):
        with pytest.raises(Unready):  # before any failure has closed the way
            await keys_open(disturbed)()
        await refused(rig, disturbed)
        assert rows(rig.vault) == []
    await recovered(rig, disturbed, moved)
    assert rows(rig.vault) == [(UNIT, class_, 1) for class_ in Class]


async def test_what_is_held_opens_while_openbao_is_away_but_restricted_does_not(
    spare_bao: RunningBao, rig: Rig, disturbed: Keyring
) -> None:
    record = uuid4()
    async with rig.database.unscoped() as connection:
        party = await disturbed.new_data_key(connection, UNIT, Class.PARTY, record)
        named = await disturbed.new_data_key(connection, UNIT, Class.RESTRICTED, record)
    with stopped(spare_bao), impatient(disturbed):
        async with rig.database.unscoped() as connection:
            assert await disturbed.data_key(connection, UNIT, Class.PARTY, record, party.wrapped) == party.key
            with pytest.raises(KeyringUnavailable):
                await disturbed.data_key(connection, UNIT, Class.RESTRICTED, record, named.wrapped)


async def test_after_three_faults_nobody_is_kept_waiting(
    spare_bao: RunningBao, rig: Rig, disturbed: Keyring
) -> None:
    asked = []
    once = disturbed.serve._call

    async def counted(method: str, path: str, body: object) -> object:
        asked.append(path)
        return await once(method, path, body)  # type: ignore[arg-type]  # passed on

    disturbed.serve._call = counted  # type: ignore[method-assign,assignment]  # counts what goes out
    with stopped(spare_bao), impatient(disturbed):
        for _ in range(3 * FAILURES):
            with pytest.raises(KeyringUnavailable):
                await disturbed.seal_secret(b"name", b"secret")
    assert len(asked) == FAILURES


async def test_token_that_was_revoked_is_replaced_without_anybody_noticing(disturbed: Keyring) -> None:
    kept = await disturbed.seal_secret(b"name", b"secret")
    session = disturbed.serve.session
    assert session is not None
    session.token = "s.no-token-of-anybody"
    assert await disturbed.unseal_secret(b"name", kept) == b"secret"


async def test_certificate_that_is_not_let_in_is_unavailable(
    spare_bao: RunningBao, rig: Rig, moved: Moved
) -> None:
    settings = patient(spare_bao.bao)
    wrong = msgspec.structs.replace(settings.serve, role="serve-restricted")
    keyring = Keyring(
        msgspec.structs.replace(settings, serve=wrong),
        rig.vault.settings("vault_app"),
        secrets.token_bytes,
        moved,
    )
    with pytest.raises(KeyringUnavailable):
        await keyring.check()
    await keyring.close()


async def test_role_that_may_not_is_unavailable(spare_bao: RunningBao, rig: Rig, moved: Moved) -> None:
    clients = spare_bao.bao.certificates.keyring_clients
    settings = patient(spare_bao.bao)
    rotator = spare_bao.bao.called_by(clients["rotate"], "rotate")
    keyring = Keyring(
        msgspec.structs.replace(settings, serve=rotator),
        rig.vault.settings("vault_app"),
        secrets.token_bytes,
        moved,
    )
    with pytest.raises(KeyringUnavailable):
        async with rig.database.unscoped() as connection:
            await keyring.new_data_key(connection, UNIT, Class.PARTY, uuid4())
    await keyring.close()
    assert rows(rig.vault) == []
