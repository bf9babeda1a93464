"""GraphQL over HTTP: the audits of the reference implementation, on a real server."""

import hashlib
import json
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from stack.home import ROOT
from stack.keycloak import cache_folder
from stack.packages import program

AUDITS = Path(__file__).parent / "audits"
FILES = ("package.json", "package-lock.json", ".npmrc", "audit.js")


@pytest.fixture(scope="module")
def url() -> Iterator[str]:
    """`/graphql` of a granian of this module's own."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    command = [sys.executable, "-m", "granian", "--interface", "asgi", "--port", str(port), "--no-log"]
    with subprocess.Popen([*command, "tests.graphql_schema.served:app"], cwd=ROOT) as server:
        try:
            _wait(server, port)
            yield f"http://127.0.0.1:{port}/graphql"
        finally:
            server.terminate()


def _wait(server: subprocess.Popen[bytes], port: int) -> None:
    for _ in range(300):
        try:
            httpx.get(f"http://127.0.0.1:{port}/graphql")
        except httpx.TransportError:
            assert server.poll() is None
            time.sleep(0.1)
        else:
            return
    pytest.fail("the server did not start")


@pytest.fixture(scope="module")
def audits() -> Path:
    """A folder with the script and what it needs, installed once for each content of these files."""
    digest = hashlib.sha256(b"".join((AUDITS / name).read_bytes() for name in FILES)).hexdigest()[:16]
    folder = cache_folder() / f"graphql-http-{digest}"
    if not folder.exists():
        unfinished = folder.with_suffix(".unfinished")
        shutil.rmtree(unfinished, ignore_errors=True)
        unfinished.mkdir(parents=True)
        for name in FILES:
            shutil.copy(AUDITS / name, unfinished)
        npm = program("npm")
        assert npm, "npm is missing: ./ioc test installs it"
        subprocess.run([npm, "ci", "--no-audit", "--no-fund", "--ignore-scripts"], cwd=unfinished, check=True)
        unfinished.rename(folder)
    return folder


@pytest.fixture(scope="module")
def results(audits: Path, url: str) -> list[dict[str, str]]:
    """What each audit found."""
    node = program("node")
    assert node, "Node.js is missing: ./ioc test installs it"
    done = subprocess.run([node, "audit.js", url], cwd=audits, check=True, capture_output=True, timeout=60)
    found: list[dict[str, str]] = json.loads(done.stdout)
    return found


@pytest.mark.parametrize(("level", "count"), [("MUST", 13), ("SHOULD", 23)])
def test_audits_of_graphql_over_http_pass(results: list[dict[str, str]], level: str, count: int) -> None:
    of_level = [result for result in results if result["name"].startswith(level)]
    failed = [f"{result['name']}: {result['reason']}" for result in of_level if result["status"] != "ok"]
    assert (failed, len(of_level)) == ([], count), "\n".join(failed)


def test_lock_of_the_audits_names_no_registry() -> None:
    lock = json.loads((AUDITS / "package-lock.json").read_text(encoding="utf-8"))
    assert [name for name, package in lock["packages"].items() if "resolved" in package] == []
