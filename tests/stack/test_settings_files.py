"""What is written is what a service reads."""

import tomllib
from dataclasses import dataclass
from pathlib import Path

import pytest

from foundation.settings import (
    ApiSettings,
    DatabaseSettings,
    DirectorySettings,
    RelaySettings,
    Section,
    WorkerSettings,
    load,
)
from stack import certificates
from stack.home import Home
from stack.ports import Ports
from stack.postgres import PostgresCluster
from stack.services import Services
from stack.settings_files import write_settings


@dataclass(frozen=True)
class Written:
    services: Services


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> Written:
    home = Home(tmp_path_factory.mktemp("home") / "nhà của tôi")
    home.prepare()
    ports = Ports.unused()
    tls = certificates.ensure(home.folder / "tls")
    services = Services(home, ports, PostgresCluster(home, "backend"), tls)
    services.write_settings()
    return Written(services)


@pytest.mark.parametrize(
    ("service", "kind"),
    [
        ("api", ApiSettings),
        ("worker", WorkerSettings),
        ("relay", RelaySettings),
        ("directory", DirectorySettings),
        ("seed", DatabaseSettings),
    ],
)
def test_service_reads_its_own_settings(written: Written, service: str, kind: type[Section]) -> None:
    assert isinstance(load(written.services.settings_file(service), kind), kind)


def test_seal_of_recoveries_is_the_directorys_and_the_workers_alone(written: Written) -> None:
    folder = written.services.settings_file("api").parent
    named = {file.stem for file in folder.glob("*.toml") if "recovery-seal" in file.read_text()}
    assert named == {"directory", "worker"}


def test_no_password_is_in_a_settings_file(written: Written) -> None:
    folder = written.services.settings_file("api").parent
    keys = {key for file in folder.glob("*.toml") for key in _keys(tomllib.loads(file.read_text()))}
    assert {key for key in keys if "password" in key or "secret" in key} == {"password_file"}


def test_odd_characters_survive(tmp_path: Path) -> None:
    settings = DatabaseSettings(
        host='/tmp/"quoted"\\ü\t', port=1, name="n", user="u", password_file=Path("/nhà/một")
    )
    write_settings(tmp_path / "file.toml", settings)
    assert load(tmp_path / "file.toml", DatabaseSettings) == settings


def _keys(table: dict[str, object]) -> set[str]:
    found = set(table)
    for value in table.values():
        if isinstance(value, dict):
            found |= _keys(value)
    return found
