"""What the system lacks is installed or named in one command, before anything starts."""

from pathlib import Path

import pytest

from stack import packages
from stack.errors import StackError
from stack.packages import Requirement

_MISSING = [
    Requirement("rsyslog", True, ("rsyslog",)),
    Requirement("rsyslog's RELP", False, ("rsyslog-relp",)),
    Requirement("Maven", False, ("maven",)),
]


def test_everything_missing_is_one_command_for_a_person_without_rights(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("stack.packages.os.geteuid", lambda: 1000)
    monkeypatch.setattr("stack.packages.shutil.which", lambda name, path=None: f"/usr/bin/{name}")
    with pytest.raises(StackError, match="missing: rsyslog's RELP, Maven") as error:
        packages.ensure(_MISSING, tmp_path / "log")
    assert error.value.remedy == (
        "sudo apt-get update && sudo apt-get install -y --no-install-recommends rsyslog-relp maven"
    )


def test_root_installs_what_is_missing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    called: list[list[str]] = []
    monkeypatch.setattr("stack.packages.os.geteuid", lambda: 0)
    monkeypatch.setattr("stack.packages.shutil.which", lambda name, path=None: f"/usr/bin/{name}")
    monkeypatch.setattr("stack.packages._apt", lambda arguments, log: called.append(arguments))
    packages.ensure(_MISSING, tmp_path / "log")
    assert called[-1] == ["install", "-y", "--no-install-recommends", "rsyslog-relp", "maven"]


def test_nothing_is_called_when_nothing_is_missing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("stack.packages._apt", lambda arguments, log: pytest.fail("called apt-get"))
    packages.ensure(_MISSING[:1], tmp_path / "log")


def test_system_without_apt_is_told_the_names(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("stack.packages.shutil.which", lambda name, path=None: None)
    with pytest.raises(StackError) as error:
        packages.ensure(_MISSING, tmp_path / "log")
    assert error.value.remedy == "install rsyslog's RELP, Maven with this system's package manager"
