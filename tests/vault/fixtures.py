"""The cluster "vault" with a migrated database of each test's own, and a door on it without Keycloak."""

import itertools
import secrets
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator

import msgspec
import pytest

from foundation.settings import KeyringSettings
from stack.embedded import cluster_part
from stack.home import ROOT, Home
from stack.openbao import OpenBao, keyring_settings, vault_openbao
from stack.postgres import PostgresCluster
from stack.settings_files import write_settings
from stack.supervisor import Supervisor
from tests.openbaos import RunningBao, running_bao
from tests.parts import Database
from tests.vault.rig import Rig
from vault.keyring.service import Keyring

_numbers = itertools.count(1)


@pytest.fixture(scope="session")
def vault_cluster(test_home: Home) -> Iterator[PostgresCluster]:
    """The cluster with the migrated database `vault`, to be copied."""
    cluster = PostgresCluster(test_home, "vault", durable=False)
    supervisor = Supervisor(test_home, die_with_us=True)
    cluster.initialise()
    supervisor.start(cluster_part(cluster))
    try:
        cluster.bootstrap("vault_migrator", "vault")
        settings = cluster.home.folder / "settings" / "migrations-vault.toml"
        write_settings(settings, cluster.settings("vault_migrator"))
        command = [sys.executable, "-m", "migrations", "--database", "vault", "--settings", str(settings)]
        done = subprocess.run(command, cwd=ROOT, check=False, capture_output=True, text=True)
        if done.returncode:
            pytest.fail(f"the migrations failed:\n{done.stderr}", pytrace=False)
        cluster.set_passwords()
        yield cluster
    finally:
        supervisor.stop()
        cluster.remove()


@pytest.fixture
def vault_database(vault_cluster: PostgresCluster) -> Iterator[Database]:
    """A fresh copy of the migrated database."""
    name = f"vault_{next(_numbers)}"
    vault_cluster.clone("vault", name)
    yield Database(vault_cluster, name)
    vault_cluster.drop(name)


@pytest.fixture
async def rig(vault_database: Database) -> AsyncIterator[Rig]:
    """A door whose clock and sessions the test moves."""
    rig = Rig.of(vault_database)
    await rig.database.open()
    yield rig
    await rig.database.close()


@pytest.fixture(scope="session")
def keyring_bao() -> Iterator[RunningBao]:
    """The vault's own OpenBao, one for all tests of a run: nobody disturbs it."""
    with running_bao(vault_openbao) as running:
        yield running


def patient(bao: OpenBao, seconds: float = 30.0) -> KeyringSettings:
    """How the vault calls its OpenBao, with time for a machine that does much else."""
    settings = keyring_settings(bao)
    return msgspec.structs.replace(
        settings,
        serve=msgspec.structs.replace(settings.serve, seconds=seconds),
        restricted=msgspec.structs.replace(settings.restricted, seconds=seconds),
    )


@pytest.fixture
async def keyring(keyring_bao: RunningBao, vault_database: Database) -> AsyncIterator[Keyring]:
    """The vault's keys, on the real OpenBao and a database of the test's own."""
    keyring = Keyring(patient(keyring_bao.bao), vault_database.settings("vault_app"), secrets.token_bytes)
    yield keyring
    await keyring.close()
