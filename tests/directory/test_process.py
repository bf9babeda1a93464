"""The directory as a process: Keycloak away does not end it, SIGTERM does, cleanly."""

import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from joserfc.jwk import ECKey

from foundation.settings import AuditSettings, DirectorySettings, KeycloakClientSettings
from stack.certificates import ensure
from stack.home import ROOT
from stack.settings_files import write_settings
from tests.conftest import Database


@pytest.fixture
def settings_file(tmp_path: Path, database: Database) -> Path:
    """Settings that name a Keycloak where nobody listens."""
    key_file = tmp_path / "client.pem"
    key_file.write_bytes(ECKey.generate_key("P-256").as_pem(private=True))
    client = KeycloakClientSettings(client_id="ioc-directory-events", key_file=key_file)
    settings = DirectorySettings(
        environment="development",
        database=database.settings("backend_directory", pool_size=2),
        audit=AuditSettings(log="backend"),
        keycloak_url="https://localhost:1",
        keycloak_ca_file=ensure(tmp_path / "tls").authority,
        citizens_realm="ihanoi",
        officials_realm="hanoi-ioc",
        citizens_client=client,
        officials_client=client,
        poll_seconds=0.05,
    )
    write_settings(tmp_path / "directory.toml", settings)
    return tmp_path / "directory.toml"


@pytest.fixture
def directory(settings_file: Path) -> Iterator[subprocess.Popen[str]]:
    command = [sys.executable, "-m", "services.directory", "--settings", str(settings_file)]
    with subprocess.Popen(command, cwd=ROOT, stderr=subprocess.PIPE, text=True) as process:
        yield process
        process.kill()


def test_keycloak_away_is_logged_and_outlived_until_sigterm(directory: subprocess.Popen[str]) -> None:
    assert directory.stderr is not None
    faults = 0
    for line in directory.stderr:
        # Each of the four readings has failed, and one has been tried again.
        faults += '"events_unreadable"' in line
        if faults == 5:
            break
    directory.send_signal(signal.SIGTERM)
    rest = directory.stderr.read()
    assert (directory.wait(10), '"directory_stopped"' in rest, "Traceback" in rest) == (0, True, False)
