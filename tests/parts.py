"""The real parts, started once and only when a test asks for them; nothing is left running.

A plugin of the whole run (`conftest.py` in the root), so that tests/ and security_tests/ share one cluster
and one running stack: a conftest that imports a session's fixture makes another fixture of it.
"""

import itertools
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec
import pytest

from cli.client import Endpoints, IocClient, Person
from foundation.settings import OPERATIONS, DatabaseSettings, LimitsSettings, Rate, SmsLimits
from stack.edge import EdgeLimits
from stack.embedded import EmbeddedStack, Step, cluster_part
from stack.home import ROOT, Home
from stack.keycloak import cache_folder
from stack.ports import Ports
from stack.postgres import PostgresCluster
from stack.realm_snapshot import RealmSnapshot
from stack.settings_files import write_settings
from stack.supervisor import Supervisor
from tests.backend.world import seed

ROOM_IN_MEMORY = 4 * 2**30
_numbers = itertools.count(1)

_OFTEN = Rate(amount=1_000_000, seconds=60)
WIDE = LimitsSettings(
    anonymous=_OFTEN,
    sign_in=_OFTEN,
    person=_OFTEN,
    operations={
        name: msgspec.structs.replace(rule, amount=1_000_000, seconds=60) for name, rule in OPERATIONS.items()
    },
)
"""All tests call from one network; those of the limits start an api of their own."""


WIDE_SMS = SmsLimits(spacing_seconds=1, number=_OFTEN, person=_OFTEN, network=_OFTEN, everybody=_OFTEN)


WIDE_EDGE = EdgeLimits(
    graphql_rate=100_000,
    graphql_burst=100_000,
    upload_rate=100_000,
    upload_burst=100_000,
    media_rate=100_000,
    media_burst=100_000,
    channel_rate=100_000,
    channel_burst=100_000,
    identity_rate=100_000,
    identity_burst=100_000,
    other_rate=100_000,
    other_burst=100_000,
    connections=10_000,
)


@dataclass(frozen=True)
class Database:
    """A migrated, empty backend database of one test's own."""

    cluster: PostgresCluster
    name: str

    @property
    def host(self) -> str:
        """The socket directory."""
        return str(self.cluster.sockets)

    @property
    def port(self) -> int:
        """The number in the socket's name."""
        return self.cluster.port

    @property
    def superuser(self) -> str:
        """The role that may look everywhere: for a test's own checks."""
        return self.cluster.superuser

    def settings(self, role: str, pool_size: int = 4) -> DatabaseSettings:
        """How a role connects to this database: backend_app, backend_worker, … or `superuser`."""
        return self.cluster.settings(role, self.name, pool_size)


@dataclass(frozen=True)
class RunningStack:
    """The whole system, started once. What a test changes in it, others see: make your own reports."""

    stack: EmbeddedStack

    @property
    def home(self) -> Path:
        """Its folder, with secrets/people.json and settings/."""
        return self.stack.home.folder

    @property
    def endpoints(self) -> Endpoints:
        """Where it listens."""
        services = self.stack.services
        return Endpoints(services.keycloak_url, services.api_url, self.stack.certificates.authority)

    @property
    def soc_file(self) -> Path:
        """What the SOC has received, one event a line."""
        return self.stack.soc.file

    def client(self, name: str, **options: Any) -> IocClient:
        """A demo person who signs in for real: `async with running_stack.client("minh") as minh:`."""
        return IocClient(self.home, Person.from_home(self.home, name), self.endpoints, **options)

    def database(self, role: str) -> DatabaseSettings:
        """How a role connects to the backend's database; `backend_superuser` looks everywhere."""
        return self.stack.backend.settings(role)


def _memory() -> str | None:
    """A folder in memory if there is room: copying the database is 700 files, a tenth of a second there."""
    memory = Path("/dev/shm")
    if memory.is_dir() and shutil.disk_usage(memory).free > ROOM_IN_MEMORY:
        return str(memory)
    return None


@contextmanager
def _home(prefix: str) -> Iterator[Home]:
    with tempfile.TemporaryDirectory(prefix=prefix, dir=_memory()) as folder:
        home = Home(Path(folder))
        home.folder.chmod(0o711)  # PostgreSQL's account walks through it to its data
        home.prepare()
        yield home
        home.remove_sockets()


@pytest.fixture(scope="session")
def running_stack(pytestconfig: pytest.Config) -> Iterator[RunningStack]:
    """All parts with the demo people, from the first test that asks until the last test is done."""
    with _home("ioc-stack-") as home:
        stack = EmbeddedStack(
            home,
            Ports.unused(),
            _shown(pytestconfig),
            durable=False,
            die_with_us=True,
            snapshot=RealmSnapshot(cache_folder()),
            limits=WIDE,
            sms_limits=WIDE_SMS,
            edge_limits=WIDE_EDGE,
            archive_seconds=30,  # two cores: what is restored has tests of its own
        )
        stack.start()
        try:
            yield RunningStack(stack)
        finally:
            stack.stop()


def _shown(config: pytest.Config) -> Step:
    """Each step with its time, in pytest's own output."""
    capture = config.pluginmanager.getplugin("capturemanager")
    terminal = config.pluginmanager.getplugin("terminalreporter")

    @contextmanager
    def step(name: str) -> Iterator[None]:
        started = time.monotonic()
        yield
        with capture.global_and_fixture_disabled():
            terminal.write_line(f"  {name}: {time.monotonic() - started:.1f} s")

    return step


@pytest.fixture(scope="session")
def test_home() -> Iterator[Home]:
    """A folder for parts that tests start one by one."""
    with _home("ioc-test-") as home:
        yield home


@pytest.fixture(scope="session")
def backend_cluster(test_home: Home) -> Iterator[PostgresCluster]:
    """The cluster "backend" with an empty database `backend`, not durable: a test's data is for the test."""
    cluster = PostgresCluster(test_home, "backend", durable=False)
    supervisor = Supervisor(test_home, die_with_us=True)
    cluster.initialise()
    supervisor.start(cluster_part(cluster))
    try:
        cluster.bootstrap("backend_migrator", "backend")
        yield cluster
    finally:
        supervisor.stop()
        cluster.remove()


@pytest.fixture(scope="session")
def migrated_template(backend_cluster: PostgresCluster) -> str:
    """The name of a database with all migrations, to be copied."""
    settings = backend_cluster.home.folder / "settings" / "migrations.toml"
    write_settings(settings, backend_cluster.settings("backend_migrator"))
    command = [sys.executable, "-m", "migrations", "--database", "backend", "--settings", str(settings)]
    done = subprocess.run(command, cwd=ROOT, check=False, capture_output=True, text=True)
    if done.returncode:
        pytest.fail(f"the migrations failed:\n{done.stderr}", pytrace=False)
    backend_cluster.set_passwords()
    return "backend"


@pytest.fixture(scope="session")
def seeded_template(backend_cluster: PostgresCluster, migrated_template: str) -> str:
    """The name of a migrated database with reference data and six officials, to be copied."""
    backend_cluster.clone(migrated_template, "seeded")
    seed(backend_cluster.settings("backend_migrator", "seeded", 1))
    return "seeded"


@pytest.fixture
def database(backend_cluster: PostgresCluster, migrated_template: str) -> Iterator[Database]:
    """A fresh copy of the migrated database."""
    name = f"test_{next(_numbers)}"
    backend_cluster.clone(migrated_template, name)
    yield Database(backend_cluster, name)
    backend_cluster.drop(name)
