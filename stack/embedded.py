"""The whole system on one machine: what is started, in which order, and what is checked before."""

import shutil
import signal
import subprocess
import sys
from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

from foundation.keyring import accepted_files
from foundation.settings import LimitsSettings, SmsLimits
from migrations.heads import head_of
from stack import certificates, packages, realms
from stack.clamav import ClamAv
from stack.edge import Edge, EdgeLimits
from stack.errors import StackError
from stack.home import PEOPLE, ROOT, Home
from stack.keycloak import ROLE as KEYCLOAK_ROLE
from stack.keycloak import Distribution, Keycloak, cache_folder, is_here
from stack.keycloak_keys import KeycloakKeys
from stack.mail import MailDouble
from stack.openbao import OpenBao, backend_openbao, vault_openbao
from stack.ports import Ports
from stack.postgres import PostgresCluster
from stack.push import FcmDouble
from stack.realm_snapshot import RealmSnapshot
from stack.services import CITIZENS, OFFICIALS, Services
from stack.settings_files import write_settings
from stack.sms import SmsDouble
from stack.soc import SocReceiver
from stack.supervisor import Part, Supervisor
from stack.witness import WitnessPart

_ROOM = 2 * 1024**3
Step = Callable[[str], AbstractContextManager[None]]


@dataclass(frozen=True)
class EmbeddedStack:
    """One home's stack. `step` shows what is being done; The other options are for tests."""

    home: Home
    ports: Ports
    step: Step
    durable: bool = True
    die_with_us: bool = False
    snapshot: RealmSnapshot | None = None
    limits: LimitsSettings = field(default_factory=LimitsSettings)
    sms_limits: SmsLimits = field(default_factory=SmsLimits)
    edge_limits: EdgeLimits = field(default_factory=EdgeLimits)
    archive_seconds: float = 5.0

    @cached_property
    def supervisor(self) -> Supervisor:
        """Who holds the parts."""
        return Supervisor(self.home, self.die_with_us)

    @cached_property
    def certificates(self) -> certificates.Certificates:
        """All keys and certificates, made when missing."""
        return certificates.ensure(self.home.folder / "tls")

    @cached_property
    def backend(self) -> PostgresCluster:
        """The backend's cluster."""
        return PostgresCluster(self.home, "backend", durable=self.durable)

    @cached_property
    def vault(self) -> PostgresCluster:
        """The vault's cluster."""
        return PostgresCluster(self.home, "vault", durable=self.durable)

    @cached_property
    def keycloak_database(self) -> PostgresCluster:
        """Keycloak's cluster."""
        return PostgresCluster(self.home, "keycloak", self.ports.keycloak_database, durable=self.durable)

    @property
    def clusters(self) -> tuple[PostgresCluster, ...]:
        """All of them."""
        return self.keycloak_database, self.backend, self.vault

    @cached_property
    def services(self) -> Services:
        """Our own processes."""
        return Services(
            self.home,
            self.ports,
            self.backend,
            self.certificates,
            self.limits,
            self.clusters,
            self.archive_seconds,
            self.sms_limits,
            self.vault,
        )

    @cached_property
    def soc(self) -> SocReceiver:
        """The SOC's receiver."""
        return SocReceiver(self.home, self.ports, self.certificates)

    @cached_property
    def witness(self) -> WitnessPart:
        """Who cosigns the vault's log. In a deployment it stands elsewhere."""
        return WitnessPart(self.home, self.ports, self.certificates)

    @cached_property
    def clamav(self) -> ClamAv:
        """What knows malware."""
        return ClamAv(self.home)

    @cached_property
    def openbao(self) -> OpenBao:
        """What seals contacts."""
        return backend_openbao(self.home, self.ports, self.certificates)

    @cached_property
    def openbao_vault(self) -> OpenBao:
        """What holds the vault's keys."""
        return vault_openbao(self.home, self.ports, self.certificates)

    @property
    def openbaos(self) -> tuple[OpenBao, ...]:
        """Both, which know nothing of each other."""
        return self.openbao, self.openbao_vault

    @cached_property
    def mail(self) -> MailDouble:
        """The mail server's double."""
        return MailDouble(self.home, self.ports, self.certificates)

    @cached_property
    def fcm(self) -> FcmDouble:
        """The push service's double."""
        return FcmDouble(self.home, self.ports)

    @cached_property
    def sms(self) -> SmsDouble:
        """The SMS gateway's double."""
        return SmsDouble(self.home, self.ports, self.certificates)

    @cached_property
    def edge(self) -> Edge:
        """What people reach."""
        return Edge(self.home, self.ports, self.certificates, self.edge_limits)

    @cached_property
    def keycloak(self) -> Keycloak:
        """The identity provider."""
        distribution = Distribution(cache_folder())
        return Keycloak(self.home, self.ports, self.keycloak_database, self.certificates, distribution)

    @property
    def keycloak_keys(self) -> KeycloakKeys:
        """What Keycloak signs with and whom it believes."""
        base = f"https://localhost:{self.ports.keycloak_inside}"
        return KeycloakKeys(base, self.certificates.authority, self.home.secret("keycloak-admin"))

    def start(self) -> None:
        """Start everything. On any failure, Ctrl-C too, what was started is stopped first."""
        with self.supervisor.alone():
            self._check()
            try:
                self._prepare()
                self._start_parts()
            except BaseException:
                self.supervisor.stop()
                self.home.remove_sockets()
                raise

    def stop(self) -> list[str]:
        """Stop what was started; returns the parts' names."""
        with self.supervisor.alone():
            stopped = self.supervisor.stop()
            self.home.remove_sockets()
            return stopped

    def _check(self) -> None:
        alive = [part.name for part in self.supervisor.running() if part.identity.is_alive()]
        if alive:
            raise StackError(
                "stack", f"it runs already: {', '.join(alive)}", "./ioc status, or ./ioc down first"
            )
        self.supervisor.stop()  # forgets parts that died since
        self.ports.check_free(new=not (self.home.folder / "postgres").exists())
        free = shutil.disk_usage(self.home.folder).free
        if free < _ROOM:
            raise StackError(
                "disk",
                f"{free // 2**20} MiB are free at {self.home.folder}; it needs {_ROOM // 2**20}",
                "make room there",
            )

    def _prepare(self) -> None:
        with self.step("System packages"):
            needed = packages.requirements(needs_maven=not is_here())
            packages.ensure(needed, self.home.log("packages"))
        with self.step("Keys and certificates"):
            self.soc.prepare()
            self.edge.prepare()
            if self.snapshot is not None and self.snapshot.exists():
                self.snapshot.bring_secrets(self.home)
            for openbao in self.openbaos:
                openbao.prepare()
            self.mail.prepare()
            self.sms.prepare()
            mail = realms.MailServer(port=self.ports.mail)
            realms.render(PEOPLE, self.home.folder, self.keycloak.url, self.services.api_url, mail)
            self.fcm.prepare()
            self.services.write_settings()
            self.witness.prepare()
        with self.step("Keycloak's program"):
            self.keycloak.distribution.ensure(self.home.log("keycloak-build"))
            self.keycloak.prepare()

    def _start_parts(self) -> None:
        keycloak, soc = self.keycloak.part(), self.soc.part()
        with self.step("PostgreSQL: three clusters"):
            for cluster in self.clusters:
                cluster.initialise()
                self.supervisor.launch(cluster_part(cluster))
            for cluster in self.clusters:
                self.supervisor.wait_ready(cluster_part(cluster))
            self.keycloak_database.bootstrap(KEYCLOAK_ROLE, KEYCLOAK_ROLE, "NOCREATEROLE")
            if self.snapshot is not None and self.snapshot.exists():
                self.snapshot.restore(self.keycloak_database, self.ports)
        # Keycloak takes longest and needs none of what follows: its start goes on beside it.
        self.supervisor.launch(keycloak)
        clamav = self.clamav.part()
        self.clamav.prepare()
        self.supervisor.launch(clamav)
        for openbao in self.openbaos:
            self.supervisor.launch(openbao.part())
        with self.step("Databases migrated"):
            self._migrate(self.backend)
            self._migrate(self.vault)
        with self.step("Units, people and duties"):
            self._seed()
        with self.step("OpenBao: the backend's and the vault's"):
            for openbao in self.openbaos:
                self.supervisor.wait_ready(openbao.part())
                openbao.set_up()
        with self.step("The SOC's receiver"):
            self.supervisor.start(soc)
        with self.step("The vault's witness"):
            self.supervisor.start(self.witness.part())
        with self.step("Doubles of mail, push and SMS"):
            self.supervisor.start(self.mail.part())
            self.supervisor.start(self.fcm.part())
            self.supervisor.start(self.sms.part())
        with self.step("The edge"):
            self.supervisor.start(self.edge.part())
        with self.step("Keycloak"):
            self.supervisor.wait_ready(keycloak)
            if self.snapshot is not None and not self.snapshot.exists():
                self.snapshot.save(self.home, self.keycloak_database, self.ports)
            # A restore may have brought a database of before or after a replacement of the clients' keys.
            for client in realms.CONFIDENTIAL_CLIENTS:
                file = self.home.secret(f"keycloak-{client}.pem")
                self.keycloak_keys.trust(client, [file, *accepted_files(file)])
        with self.step("Our services"):
            self.supervisor.wait_ready(clamav)
            parts = self.services.parts()
            for part in parts:
                self.supervisor.launch(part)
            for part in parts:
                self.supervisor.wait_ready(part)

    def _migrate(self, cluster: PostgresCluster) -> None:
        migrator = f"{cluster.name}_migrator"
        cluster.bootstrap(migrator, cluster.name)
        settings = self.services.settings_file(f"migrations-{cluster.name}")
        write_settings(settings, cluster.settings(migrator, pool_size=1))
        if not _is_migrated(cluster):
            self._run("migrations", ["migrations", "--database", cluster.name, "--settings", str(settings)])
            cluster.set_passwords()

    def _seed(self) -> None:
        settings = str(self.services.settings_file("seed"))
        arguments = ["--settings", settings, "--people", str(PEOPLE)]
        arguments += ["--officials-issuer", self.services.issuer(OFFICIALS)]
        arguments += ["--citizens-issuer", self.services.issuer(CITIZENS)]
        arguments += ["--phone-digest-key", str(self.home.secret("phone-digests"))]
        self._run("seed", ["services.seed", *arguments])

    def _run(self, part: str, module: list[str]) -> None:
        log = self.home.log(part)
        with log.open("ab") as output:
            done = subprocess.run(
                [sys.executable, "-m", *module], check=False, cwd=ROOT, stdout=output, stderr=output
            )
        if done.returncode:
            raise StackError(part, f"`python -m {module[0]}` failed", "read its log", log)


def cluster_part(cluster: PostgresCluster) -> Part:
    """A cluster's server as a part. SIGINT is PostgreSQL's fast and clean shutdown."""
    return Part(
        f"postgres-{cluster.name}",
        cluster.command,
        cluster.is_ready,
        options=cluster.account.process_options(),
        stop_signal=signal.SIGINT,
        folder=Path("/"),
        remedy=f"read its log; its data is in {cluster.data}",
    )


def _is_migrated(cluster: PostgresCluster) -> bool:
    """Whether the newest revision is there: most starts need no migration, which takes seconds."""
    newest = head_of(ROOT / "migrations" / cluster.name)
    with cluster.connect(cluster.name) as connection:
        there = connection.execute("SELECT to_regclass('migration.alembic_version') IS NOT NULL").fetchone()
        if there != (True,):
            return False
        return connection.execute("SELECT version_num FROM migration.alembic_version").fetchall() == [
            (newest,)
        ]
