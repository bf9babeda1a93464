"""The launcher needs Python and pip, and says exactly what to do when it has not got them."""

import subprocess
from importlib.machinery import SourceFileLoader
from importlib.util import module_from_spec, spec_from_loader
from pathlib import Path
from types import ModuleType, SimpleNamespace

import pytest

from stack.home import ROOT


@pytest.fixture
def launcher(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    loader = SourceFileLoader("ioc_launcher", str(ROOT / "ioc"))
    spec = spec_from_loader("ioc_launcher", loader)
    assert spec is not None
    module = module_from_spec(spec)
    monkeypatch.setattr("sys.dont_write_bytecode", True)
    loader.exec_module(module)
    module.TOOLS = tmp_path / "tools"
    module.ENVIRONMENT = tmp_path / "environment"
    module.PYTHON = module.ENVIRONMENT / "bin" / "python"
    module.DONE = module.ENVIRONMENT / "locked-by"
    return module


def test_old_python_is_told_the_remedy(launcher: ModuleType, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(
        launcher, "sys", SimpleNamespace(version_info=(3, 9, 2), argv=["ioc", "up"], exit=exit)
    )
    with pytest.raises(SystemExit, match=r"Python 3\.9 is too old: 3\.11 or newer is needed") as stopped:
        launcher.check_python()
    assert "python3.11 ./ioc up" in str(stopped.value)


def test_missing_pip_is_told_the_remedy(launcher: ModuleType, monkeypatch: pytest.MonkeyPatch) -> None:
    failed = subprocess.CompletedProcess([], 1)
    monkeypatch.setattr(launcher.subprocess, "run", lambda *arguments, **options: failed)
    with pytest.raises(SystemExit, match="apt-get install -y python3-pip"):
        launcher.install_uv()


def test_everything_is_installed_by_hash(launcher: ModuleType, monkeypatch: pytest.MonkeyPatch) -> None:
    called: list[list[str]] = []

    def run(words: list[str], **options: object) -> "subprocess.CompletedProcess[str]":
        called.append(words)
        return subprocess.CompletedProcess(words, 0, stdout="")

    monkeypatch.setattr(launcher.subprocess, "run", run)
    launcher.ENVIRONMENT.mkdir()
    launcher.set_up(launcher.digest())
    installing = [words for words in called if "install" in words or "sync" in words]
    assert ["--require-hashes" in words for words in installing] == [True, True]
    assert launcher.DONE.read_text() == launcher.digest()


def test_environment_of_another_lock_is_made_anew(launcher: ModuleType) -> None:
    launcher.PYTHON.parent.mkdir(parents=True)
    launcher.PYTHON.touch()
    launcher.DONE.write_text(launcher.digest())
    assert launcher.is_current(launcher.digest())
    launcher.DONE.write_text("another lock's digest")
    assert not launcher.is_current(launcher.digest())
