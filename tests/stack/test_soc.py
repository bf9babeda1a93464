"""The receiver's configuration is whole, and rsyslog accepts it."""

import subprocess
from pathlib import Path

import pytest

from stack import certificates
from stack.home import Home
from stack.packages import program
from stack.ports import Ports
from stack.soc import SocReceiver


@pytest.fixture
def configuration(tmp_path: Path) -> Path:
    home = Home(tmp_path / "home")
    home.prepare()
    SocReceiver(home, Ports.unused(), certificates.ensure(home.folder / "tls")).prepare()
    return home.folder / "soc" / "rsyslog.conf"


def test_rsyslog_accepts_the_configuration(configuration: Path) -> None:
    rsyslogd = program("rsyslogd")
    assert rsyslogd is not None
    done = subprocess.run(
        [rsyslogd, "-N1", "-f", str(configuration)], check=False, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr


def test_relays_are_the_only_peers_that_are_let_in(configuration: Path) -> None:
    text = configuration.read_text(encoding="utf-8")
    assert 'tls.permittedPeer=["relay.backend.ioc.internal", "relay.vault.ioc.internal"]' in text
    assert 'tls.authMode="name"' in text
