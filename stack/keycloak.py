"""Keycloak from its Maven artifact: one built copy a machine, one server folder and database a home.

The C1 compiler and the serial collector halve its start (6 s with its data kept, on 2 cores).
"""

import hashlib
import os
import shutil
import ssl
import subprocess
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from fcntl import LOCK_EX, flock
from pathlib import Path

import httpx

from stack.certificates import Certificates, Pair
from stack.errors import StackError
from stack.home import Home
from stack.packages import java
from stack.ports import Ports
from stack.postgres import PostgresCluster
from stack.secret_files import password
from stack.supervisor import Part

VERSION = "26.7.4"
ARTIFACT = f"org.keycloak:keycloak-quarkus-dist:{VERSION}:zip"
SHA256 = "a286e98b4296d4e75ee88d8527c7cd463b307caa022f088c9f22cffccc741fa1"
ROLE = "keycloak"
_FEATURES_OFF = (
    "kerberos,ciba,device-flow,impersonation,twitter-broker,kubernetes-service-accounts,jwt-authorization-grant,"
    "client-auth-federated,step-up-authentication-saml,identity-brokering-api"
)
BUILD_OPTIONS = ["--db=postgres", "--health-enabled=true", f"--features-disabled={_FEATURES_OFF}"]
# What kc.sh passes, without its G1 collector: two collectors at once stop the virtual machine.
_JAVA_OPTIONS = [
    "-XX:MetaspaceSize=96M",
    "-XX:MaxMetaspaceSize=256m",
    "-Dfile.encoding=UTF-8",
    "-XX:+ExitOnOutOfMemoryError",
    "-Djava.security.egd=file:/dev/urandom",
    "-Xms64m",
    "-Xmx320m",
    "-XX:+UseSerialGC",
    "-XX:TieredStopAtLevel=1",
    "-XX:-UsePerfData",  # a file of /tmp that it would share with strangers
    "-Djdk.tls.rejectClientInitiatedRenegotiation=true",
    "--add-opens=java.base/java.util=ALL-UNNAMED",
    "--add-opens=java.base/java.util.concurrent=ALL-UNNAMED",
    "--add-opens=java.base/java.security=ALL-UNNAMED",
    "--enable-native-access=ALL-UNNAMED",
    "-Duser.language=en",
    "-Duser.country=US",
    "-Dpicocli.disable.closures=true",
    "-Djava.util.logging.manager=org.jboss.logmanager.LogManager",
    "-Dquarkus-log-max-startup-records=10000",
    "-Djava.util.concurrent.ForkJoinPool.common.threadFactory="
    "io.quarkus.bootstrap.forkjoin.QuarkusForkJoinWorkerThreadFactory",
]
_MAIN_CLASS = "io.quarkus.bootstrap.runner.QuarkusEntryPoint"


def cache_folder() -> Path:
    """What all homes of a person share: large, not secret, made anew when absent."""
    base = os.environ.get("XDG_CACHE_HOME")
    return (Path(base) if base else Path.home() / ".cache") / "hanoi-ioc"


def is_here() -> bool:
    """Whether Keycloak's package or program is already in the cache, so that Maven is not needed."""
    return any(cache_folder().glob("keycloak-*.zip")) or any(cache_folder().glob("keycloak-*/built"))


class Distribution:
    """Keycloak's program files: fetched by coordinate, checked by hash, built once for our options."""

    def __init__(self, cache: Path) -> None:
        self._cache = cache
        options = hashlib.sha256(" ".join([VERSION, java(), *BUILD_OPTIONS]).encode()).hexdigest()[:8]
        self.folder = cache / f"keycloak-{VERSION}-{options}"

    @property
    def jar(self) -> Path:
        """The program."""
        return self.folder / "lib" / "quarkus-run.jar"

    def is_built(self) -> bool:
        """Whether nothing is left to do."""
        return (self.folder / "built").exists()

    def ensure(self, log: Path) -> None:
        """Fetch, check, unpack and build what is missing; one process at a time."""
        self._cache.mkdir(parents=True, exist_ok=True)
        with _locked(self._cache / "keycloak.lock"):
            if self.is_built():
                return
            package = self._fetch(log)
            shutil.rmtree(self.folder, ignore_errors=True)
            partial = self.folder.with_suffix(".partial")
            shutil.rmtree(partial, ignore_errors=True)
            with zipfile.ZipFile(package) as content:
                content.extractall(partial)
            (partial / f"keycloak-{VERSION}").rename(self.folder)
            partial.rmdir()
            (self.folder / "tmp").mkdir(exist_ok=True)
            _run([*self.command(self.folder), "build", *BUILD_OPTIONS], log, "its build failed")
            (self.folder / "built").touch()

    def command(self, home: Path) -> list[str]:
        """The virtual machine with Keycloak's home directory, to be followed by Keycloak's own arguments."""
        folders = [
            f"-Dkc.home.dir={home}",
            f"-Djboss.server.config.dir={home / 'conf'}",
            f"-Djava.io.tmpdir={home / 'tmp'}",
        ]
        return [java(), *_JAVA_OPTIONS, *folders, "-cp", str(self.jar), _MAIN_CLASS]

    def _fetch(self, log: Path) -> Path:
        package = self._cache / f"keycloak-quarkus-dist-{VERSION}.zip"
        if not package.exists():
            goal = [
                "dependency:copy",
                f"-Dartifact={ARTIFACT}",
                f"-DoutputDirectory={self._cache}",
                "-Dmdep.useBaseVersion=true",
            ]
            _run(["mvn", "-B", "-q", *goal], log, f"Maven could not fetch {ARTIFACT}")
        with package.open("rb") as file:
            found = hashlib.file_digest(file, "sha256").hexdigest()
        if found != SHA256:
            package.unlink()
            raise StackError(
                "keycloak",
                f"{ARTIFACT} has SHA-256 {found}, not {SHA256}: removed, not used",
                "remove it from the Maven repository (~/.m2) too, and find out who changed it",
            )
        return package


@dataclass(frozen=True)
class Keycloak:
    """The server of one home."""

    home: Home
    ports: Ports
    cluster: PostgresCluster
    certificates: Certificates
    distribution: Distribution

    @property
    def url(self) -> str:
        """Its address at the edge, the beginning of every issuer."""
        return f"https://localhost:{self.ports.keycloak}"

    @property
    def _folder(self) -> Path:
        return self.home.folder / "keycloak" / "server"

    def prepare(self) -> None:
        """A server folder that shares the program and has its own data, with the realms to import."""
        for name in ("conf", "data/import", "tmp"):
            (self._folder / name).mkdir(mode=0o700, parents=True, exist_ok=True)
        for name in ("lib", "providers", "themes"):
            link = self._folder / name
            link.unlink(missing_ok=True)
            link.symlink_to(self.distribution.folder / name)
        for realm in (self.home.folder / "keycloak" / "import").glob("*.json"):
            copy = self._folder / "data" / "import" / realm.name
            shutil.copyfile(realm, copy)
            copy.chmod(0o600)

    def part(self) -> Part:
        """The server as a part."""
        return Part(
            "keycloak",
            self._command,
            self._is_ready,
            environment={
                # Not as arguments: those every account of the machine can read.
                "KC_DB_PASSWORD": password(self.cluster.password_file(ROLE)),
                "KC_BOOTSTRAP_ADMIN_USERNAME": "admin",
                "KC_BOOTSTRAP_ADMIN_PASSWORD": password(self.home.secret("keycloak-admin")),
            },
            ready_seconds=240,
            folder=self._folder,
        )

    def _command(self) -> list[str]:
        return [
            *self.distribution.command(self._folder),
            "start",
            "--optimized",
            "--import-realm",
            *self._options(),
        ]

    def _options(self) -> list[str]:
        pair = self.certificates.keycloak
        database = f"jdbc:postgresql://127.0.0.1:{self.cluster.port}/{ROLE}"
        return [
            f"--db-url={database}",
            f"--db-username={ROLE}",
            "--db-pool-max-size=20",
            f"--hostname={self.url}",
            "--http-host=127.0.0.1",
            f"--https-port={self.ports.keycloak_inside}",
            # Only the edge is believed about whom it speaks for.
            "--proxy-headers=xforwarded",
            "--proxy-trusted-addresses=127.0.0.1",
            f"--http-management-port={self.ports.keycloak_management}",
            f"--https-certificate-file={pair.certificate}",
            f"--https-certificate-key-file={pair.key}",
            "--https-certificates-reload-period=45s",
            f"--truststore-paths={self.certificates.authority}",
            "--cache=local",
            "--log=console",
            "--log-console-output=json",
            "--spi-events-listener--jboss-logging--success-level=info",
            "--spi-events-listener--jboss-logging--include-representation=true",
        ]

    def _is_ready(self) -> bool:
        # The listener opens before the import is done; this answer does not come before.
        return answers(
            f"https://localhost:{self.ports.keycloak_management}/health/ready", self.certificates.authority
        )


def answers(url: str, authority: Path, caller: Pair | None = None) -> bool:
    """Whether `url` answers 200 to a client that trusts `authority` alone and shows a certificate."""
    trust = ssl.create_default_context(cafile=str(authority))
    if caller is not None:
        trust.load_cert_chain(caller.certificate, caller.key)
    try:
        return httpx.get(url, verify=trust, timeout=5, trust_env=False).status_code == 200
    except httpx.TransportError:
        return False


def _run(command: list[str], log: Path, message: str) -> None:
    with log.open("ab") as output:
        done = subprocess.run(command, check=False, stdin=subprocess.DEVNULL, stdout=output, stderr=output)
    if done.returncode:
        raise StackError("keycloak", message, "read its log; then ./ioc up again", log)


@contextmanager
def _locked(file: Path) -> Iterator[None]:
    with file.open("w") as lock:
        flock(lock, LOCK_EX)
        yield
