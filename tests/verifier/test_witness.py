"""The witness as a process: by mutual TLS, killed and started again, with nothing of ours installed."""

import shutil
import subprocess
import sys
from collections.abc import Iterator
from http.client import HTTPSConnection
from pathlib import Path

import httpx
import pytest

from stack.certificates import Authority
from stack.home import ROOT
from tests.verifier.parts import COSIGNER, DEADLINE, Log, WitnessProcess
from verifier.checkpoints import verify_cosignature

LOG = Log.of(20)


@pytest.fixture
def witness(tmp_path: Path) -> Iterator[WitnessProcess]:
    found = WitnessProcess(tmp_path)
    found.initialise()
    found.start()
    yield found
    found.stop()


def test_cosigns_over_http(witness: WitnessProcess) -> None:
    with witness.caller() as caller:
        answer = caller.post("/add-checkpoint", content=LOG.request(0, 8))
        again = caller.post("/add-checkpoint", content=LOG.request(0, 20))
    assert answer.status_code == 200
    assert verify_cosignature(LOG.note(8) + answer.text, COSIGNER) > 1_700_000_000
    assert (again.status_code, again.text) == (409, "8\n")
    assert again.headers["content-type"] == "text/x.tlog.size"


def test_killed_witness_knows_what_it_cosigned(witness: WitnessProcess) -> None:
    with witness.caller() as caller:
        assert caller.post("/add-checkpoint", content=LOG.request(0, 8)).status_code == 200
    witness.kill()
    witness.start()
    with witness.caller() as caller:
        assert caller.post("/add-checkpoint", content=Log.of(20, b"!").request(8, 20)).status_code == 422
        assert caller.post("/add-checkpoint", content=LOG.request(8, 20)).status_code == 200


def test_store_that_can_not_be_written_is_told_and_nothing_is_cosigned(
    witness: WitnessProcess,
) -> None:
    shutil.rmtree(witness.store)
    with witness.caller() as caller:
        answer = caller.post("/add-checkpoint", content=LOG.request(0, 8))
    assert (answer.status_code, answer.text) == (503, "not now\n")
    witness.stop()
    assert '"event": "store_failed"' in witness.output.read_text()


def test_stops_when_told(witness: WitnessProcess) -> None:
    assert witness.stop() == 0


def test_nothing_starts_without_a_store(tmp_path: Path) -> None:
    witness = WitnessProcess(tmp_path)
    done = subprocess.run(witness.command(), cwd=ROOT, check=False, capture_output=True, text=True)
    assert done.returncode == 1
    assert "no witness's store" in done.stderr


def test_stranger_is_not_heard(witness: WitnessProcess, tmp_path: Path) -> None:
    other = Authority(tmp_path, "other-ca", "another authority")
    other.ensure()
    stranger = other.client("stranger", "relay.vault.ioc.internal")
    with witness.caller(stranger) as caller, pytest.raises(httpx.TransportError):
        caller.post("/add-checkpoint", content=LOG.request(0, 8))
    with witness.caller() as caller:
        assert caller.post("/add-checkpoint", content=LOG.request(0, 8)).status_code == 200


@pytest.mark.parametrize(
    ("path", "length", "status"),
    [("/add-entry", "0", 404), ("/add-checkpoint", "70000", 413), ("/add-checkpoint", "x", 413)],
)
def test_other_calls_are_refused(witness: WitnessProcess, path: str, length: str, status: int) -> None:
    # Only the head: what the server does not want to read is not sent.
    connection = HTTPSConnection("localhost", witness.port, timeout=DEADLINE, context=witness.tls())
    connection.putrequest("POST", path)
    connection.putheader("Content-Length", length)
    connection.endheaders()
    assert connection.getresponse().status == status
    connection.close()


def test_verifier_needs_python_and_cryptography_alone() -> None:
    # -I and a path of its own: what is not the interpreter's, `verifier` or `cryptography` can't be imported.
    script = f"""
import sys, importlib.abc
sys.path.insert(0, {str(ROOT)!r})
allowed = sys.stdlib_module_names | {{"verifier", "cryptography", "cffi", "_cffi_backend"}}
class Wall(importlib.abc.MetaPathFinder):
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] not in allowed:
            raise ImportError("not a stranger's: " + name)
sys.meta_path.insert(0, Wall())
import verifier.witness, verifier.receipts, verifier.cosigning
"""
    subprocess.run([sys.executable, "-I", "-c", script], check=True, cwd="/")
