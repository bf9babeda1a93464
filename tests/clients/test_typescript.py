"""`mobile_contract/client`: the device's half of the vault's call in TypeScript, run as it stands."""

import re
import subprocess
from pathlib import Path

import pytest

from tests.clients.runtimes import CLIENT, installed_client, node, node_environment

TSC = "node_modules/typescript/bin/tsc"
SOURCES = sorted(file for folder in ("src", "tests", "tools") for file in (CLIENT / folder).glob("*.ts"))
TESTS = sorted((CLIENT / "tests").glob("*.test.ts"))
_ANY = re.compile(r"[:|&] any\b|\bas any\b|<any\b|, any>|\bany\[\]|@ts-(?:ignore|nocheck|expect-error)")


def _run(*arguments: str | Path) -> str:
    done = subprocess.run(
        node(*arguments),
        cwd=installed_client(),
        env=node_environment(),
        check=False,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_types_hold() -> None:
    _run(TSC, "-p", "tsconfig.json")


@pytest.mark.parametrize("file", TESTS, ids=lambda file: file.name)
def test_own_tests_pass(file: Path) -> None:
    assert re.search(r"^# pass [1-9][0-9]*$", _run("--test", "--test-reporter=tap", file), re.MULTILINE)


def test_built_library_is_plain_javascript(tmp_path: Path) -> None:
    _run(TSC, "-p", "tsconfig.build.json", "--outDir", tmp_path / "dist")
    (tmp_path / "node_modules").symlink_to(CLIENT / "node_modules")
    (tmp_path / "package.json").write_text('{"type": "module"}', encoding="utf-8")
    (tmp_path / "use.js").write_text(
        'import { VaultClient } from "./dist/index.js";\nconsole.log(VaultClient.name);\n', encoding="utf-8"
    )
    assert _run(tmp_path / "use.js") == "VaultClient\n"


def test_nothing_escapes_the_types() -> None:
    found = [
        f"{file.name}: {match[0]}"
        for file in SOURCES
        for match in _ANY.finditer(file.read_text(encoding="utf-8"))
    ]
    assert (found, len(SOURCES) > 20) == ([], True)


@pytest.mark.parametrize("text", ["let a: any;", "f(x as any)", "Array<any>", "any[]", "// @ts-ignore"])
def test_what_escapes_is_seen(text: str) -> None:
    assert _ANY.search(text)


def test_lock_names_no_registry() -> None:
    lock = (CLIENT / "package-lock.json").read_text(encoding="utf-8")
    assert ("http" in lock, "resolved" in lock, lock.count('"integrity"') > 8) == (False, False, True)
