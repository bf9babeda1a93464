"""The api as a process of its own, on raw TLS connections, without Keycloak."""

import socket
import ssl
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from foundation.settings import (
    ApiSettings,
    AppsSettings,
    AuditSettings,
    ContactSettings,
    LimitsSettings,
    PhoneSettings,
    TlsSettings,
)
from stack import certificates
from stack.certificates import Certificates
from stack.home import ROOT
from stack.keycloak import answers
from stack.settings_files import write_settings
from tests.conftest import Database
from tests.identity import world


@dataclass(frozen=True)
class Served:
    """Where an api listens."""

    port: int
    tls: ssl.SSLContext
    process: subprocess.Popen[bytes]

    def connect(self, timeout: float = 30) -> ssl.SSLSocket:
        """A connection that says nothing yet."""
        raw = socket.create_connection(("127.0.0.1", self.port), timeout)
        return self.tls.wrap_socket(raw, server_hostname="localhost")

    def ask(self, octets: bytes, timeout: float = 30) -> bytes:
        """All that comes back until the server closes, or stays silent once it has answered."""
        with self.connect(timeout) as connection:
            connection.sendall(octets)
            return heard(connection)


def heard(connection: ssl.SSLSocket) -> bytes:
    """The beginning of an answer; nothing when the server closes without one."""
    try:
        return connection.recv(65_536)
    except (ConnectionError, ssl.SSLError):
        return b""


def request(body: bytes = b"{}", *headers: str, length: int | None = None) -> bytes:
    """A POST as it stands on the line."""
    lines = [
        "POST /graphql HTTP/1.1",
        "host: localhost",
        "content-type: application/json",
        f"content-length: {len(body) if length is None else length}",
        *headers,
    ]
    return "\r\n".join(lines).encode() + b"\r\n\r\n" + body


def free_port() -> int:
    """A port that nobody has."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@contextmanager
def served(folder: Path, database: Database, limits: LimitsSettings) -> Iterator[Served]:
    """Start `python -m services.api`, wait until it answers, stop it after."""
    port = free_port()
    pairs = certificates.ensure(folder)
    file = folder / f"api-{port}.toml"
    write_settings(file, _settings(folder, pairs, database, limits, port))
    context = ssl.create_default_context(cafile=str(pairs.authority))
    context.set_alpn_protocols(["http/1.1"])
    with (folder / f"api-{port}.log").open("wb") as log:
        command = [sys.executable, "-m", "services.api", "--settings", str(file)]
        process = subprocess.Popen(command, cwd=ROOT, stdout=log, stderr=log)
        try:
            _wait_for(process, f"https://localhost:{port}/health/ready", pairs.authority)
            yield Served(port, context, process)
        finally:
            process.terminate()
            process.wait(120)


def _wait_for(process: subprocess.Popen[bytes], url: str, authority: Path) -> None:
    deadline = time.monotonic() + 60
    while not answers(url, authority):
        if process.poll() is not None or time.monotonic() > deadline:
            raise RuntimeError("the api did not start")
        time.sleep(0.1)


def _settings(
    folder: Path, pairs: Certificates, database: Database, limits: LimitsSettings, port: int
) -> ApiSettings:
    (folder / "opaque-ids").write_bytes(bytes(range(64)))
    identity = world.settings(folder, keycloak_ca_file=pairs.authority)
    return ApiSettings(
        environment="production",
        listen_host="127.0.0.1",
        listen_port=port,
        tls=TlsSettings(certificate_file=pairs.api.certificate, key_file=pairs.api.key),
        database=database.settings("backend_app", pool_size=4),
        feed_database=database.settings("backend_feed", pool_size=2),
        identity=identity,
        audit=AuditSettings(log="backend"),
        opaque_id_key_file=folder / "opaque-ids",
        policies_folder=ROOT / "policies" / "backend",
        operations_folder=ROOT / "mobile_contract" / "operations",
        manifests_folder=ROOT / "mobile_contract" / "manifests",
        apps=AppsSettings(required=False),
        phones=phones_in(folder),
        contact=ContactSettings(  # nobody is there
            url="https://localhost:1",
            ca_file=pairs.authority,
            certificate_file=pairs.openbao_api.certificate,
            key_file=pairs.openbao_api.key,
        ),
        limits=limits,
    )


def phones_in(folder: Path) -> PhoneSettings:
    """Keys of phone numbers: production takes files alone."""
    for name in ("phone-digest", "phone-seal"):
        (folder / name).write_bytes(bytes(range(32)))
    return PhoneSettings(digest_key_file=folder / "phone-digest", seal_key_file=folder / "phone-seal")
