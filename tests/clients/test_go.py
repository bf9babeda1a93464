"""`mobile_contract/vectors/go`: a second reading of the formats, by Go's own cryptography."""

import os
import re
import subprocess
from pathlib import Path

import pytest

from cli.vector_readers import READERS, named, without_reader
from stack.home import ROOT
from stack.keycloak import cache_folder
from tests.clients.runtimes import go, gofmt

MODULE = READERS.parent


def _environment() -> dict[str, str]:
    """Nothing is fetched: the module needs Go's own library alone."""
    own = {"GOTOOLCHAIN": "local", "GOPROXY": "off", "GOFLAGS": "-mod=readonly", "CGO_ENABLED": "0"}
    return {**os.environ, **own, "GOCACHE": str(cache_folder() / "go-build")}


@pytest.mark.timeout(900)  # the first run compiles what it needs of Go's library
def test_every_vector_is_read() -> None:
    done = subprocess.run(
        go("test", "-count=1", "-v", "./..."),
        cwd=MODULE,
        env=_environment(),
        check=False,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    read = set(re.findall(r"^    --- PASS: TestVectors/(\S+\.json) ", done.stdout, re.MULTILINE))
    assert {"audit/lines.json", "cursors.json", "ids.json", "vault/call.json"} <= read


def test_code_is_formatted() -> None:
    done = subprocess.run(gofmt("-l", "."), cwd=MODULE, check=True, capture_output=True, text=True)
    assert (done.stdout, done.stderr) == ("", "")


def test_check_names_vectors_that_nobody_reads(tmp_path: Path) -> None:
    (tmp_path / "vault").mkdir()
    for name in ("ids.json", "vault/new.json"):
        (tmp_path / name).write_text("{}", encoding="utf-8")
    assert without_reader(tmp_path, named(READERS.read_text(encoding="utf-8"))) == ["vault/new.json"]


def test_all_vectors_of_the_contract_are_named() -> None:
    folder = ROOT / "mobile_contract" / "vectors"
    assert without_reader(folder, named(READERS.read_text(encoding="utf-8"))) == []
