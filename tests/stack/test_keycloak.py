"""Keycloak's program is the pinned one; its secrets are not on its command line."""

from pathlib import Path

import pytest

from stack import certificates
from stack.errors import StackError
from stack.home import Home
from stack.keycloak import ROLE, VERSION, Distribution, Keycloak
from stack.ports import Ports
from stack.postgres import PostgresCluster


def test_package_with_another_hash_is_refused_and_removed(tmp_path: Path) -> None:
    package = tmp_path / f"keycloak-quarkus-dist-{VERSION}.zip"
    package.write_bytes(b"PK: not Keycloak")
    distribution = Distribution(tmp_path)
    with pytest.raises(StackError, match="removed, not used"):
        distribution.ensure(tmp_path / "log")
    assert not package.exists()
    assert not distribution.is_built()


def test_passwords_are_not_on_the_command_line(tmp_path: Path) -> None:
    home = Home(tmp_path / "home")
    home.prepare()
    ports = Ports.unused()
    cluster = PostgresCluster(home, "keycloak", ports.keycloak_database)
    tls = certificates.ensure(home.folder / "tls")
    part = Keycloak(home, ports, cluster, tls, Distribution(tmp_path)).part()
    line = " ".join(part.command())
    assert cluster.password_file(ROLE).read_text() not in line
    assert home.secret("keycloak-admin").read_text() not in line
