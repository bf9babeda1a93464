"""A witness cosigns what continues the log that it has seen: no fork, no shrinking, no stranger's log."""

from collections.abc import Iterator
from http import HTTPStatus
from pathlib import Path

import pytest

from tests.verifier.parts import COSIGNER, LOG_KEY, ORIGIN, Log, cosigning, key_of, request
from tests.verifier.vectors import slow_proof
from verifier import notes
from verifier.checkpoints import verify_cosignature
from verifier.cosigning import Answer, Cosigning
from verifier.store import Store, StoreError

LOG = Log.of(20)
FORK = Log.of(20, b"!")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    Store.initialise(tmp_path / "store")
    return tmp_path / "store"


@pytest.fixture
def witness(folder: Path) -> Iterator[Cosigning]:
    store = Store(folder)
    yield cosigning(store)
    store.close()


def shows(witness: Cosigning, *sizes: int) -> None:
    """The witness sees LOG grow."""
    old = 0
    for size in sizes:
        assert witness.add_checkpoint(LOG.request(old, size)).status == HTTPStatus.OK
        old = size


def test_continuation_is_cosigned(witness: Cosigning) -> None:
    shows(witness, 3, 8)
    answer = witness.add_checkpoint(LOG.request(8, 20))
    assert answer.status == HTTPStatus.OK
    assert verify_cosignature(LOG.note(20) + answer.body, COSIGNER) == 1_800_000_000


def test_the_same_checkpoint_is_cosigned_again(witness: Cosigning) -> None:
    shows(witness, 8)
    assert witness.add_checkpoint(LOG.request(8, 8)).status == HTTPStatus.OK


def test_who_does_not_know_what_the_witness_knows_is_told(witness: Cosigning) -> None:
    shows(witness, 8)
    answer = witness.add_checkpoint(LOG.request(0, 20))
    assert answer == Answer(HTTPStatus.CONFLICT, "8\n", "text/x.tlog.size")


def test_old_checkpoint_is_not_cosigned(witness: Cosigning) -> None:
    shows(witness, 3, 8)
    assert witness.add_checkpoint(LOG.request(3, 3)) == Answer(HTTPStatus.CONFLICT, "8\n", "text/x.tlog.size")


def test_shrunk_log_is_not_cosigned(witness: Cosigning) -> None:
    shows(witness, 8)
    body = request("8", [], LOG.note(5))
    assert witness.add_checkpoint(body).status == HTTPStatus.BAD_REQUEST


def test_fork_of_the_same_size_is_not_cosigned_and_kept_as_evidence(witness: Cosigning, folder: Path) -> None:
    shows(witness, 8)
    body = FORK.request(8, 8)
    assert witness.add_checkpoint(body) == Answer(HTTPStatus.CONFLICT, "8\n", "text/x.tlog.size")
    assert [file.read_bytes() for file in (folder / "refused").iterdir()] == [body]


@pytest.mark.parametrize("prover", [LOG, FORK], ids=["the log's own proof", "the fork's proof"])
def test_fork_that_grew_is_not_cosigned_and_kept_as_evidence(
    witness: Cosigning, folder: Path, prover: Log
) -> None:
    shows(witness, 8)
    body = FORK.request(8, 20, slow_proof(8, prover.entries))
    assert witness.add_checkpoint(body).status == HTTPStatus.UNPROCESSABLE_ENTITY
    assert [file.read_bytes() for file in (folder / "refused").iterdir()] == [body]


def test_refused_fork_changes_nothing(witness: Cosigning) -> None:
    shows(witness, 8)
    witness.add_checkpoint(FORK.request(8, 20))
    assert witness.add_checkpoint(LOG.request(8, 20)).status == HTTPStatus.OK


@pytest.mark.parametrize("at", range(3))
def test_changed_proof_is_not_cosigned(witness: Cosigning, at: int) -> None:
    shows(witness, 8)
    proof = slow_proof(8, LOG.entries)
    proof[at % len(proof)] = bytes(32)
    body = LOG.request(8, 20, proof)
    assert witness.add_checkpoint(body).status == HTTPStatus.UNPROCESSABLE_ENTITY


def test_first_checkpoint_comes_without_a_proof(witness: Cosigning) -> None:
    body = LOG.request(0, 8, [bytes(32)])
    assert witness.add_checkpoint(body).status == HTTPStatus.UNPROCESSABLE_ENTITY


@pytest.mark.parametrize(
    "origin",
    ["example.com/log/1", "ioc.hanoi.gov.vn/log/vault", f"{ORIGIN}/1", "ioc.hanoi.gov.vn/log/vault/01"],
)
def test_unknown_log_is_not_cosigned(witness: Cosigning, origin: str) -> None:
    assert witness.add_checkpoint(Log.of(3, origin=origin).request(0, 3)).status == HTTPStatus.NOT_FOUND


def test_checkpoint_of_another_key_is_not_cosigned(witness: Cosigning) -> None:
    log = Log(LOG.entries, key=key_of("a thief"))
    assert witness.add_checkpoint(log.request(0, 3)).status == HTTPStatus.FORBIDDEN


def test_checkpoint_whose_text_was_changed_is_not_cosigned(witness: Cosigning) -> None:
    note = LOG.note(3).replace("\n3\n", "\n4\n")
    assert witness.add_checkpoint(request("0", [], note)).status == HTTPStatus.FORBIDDEN


def test_signature_for_another_epoch_is_not_taken(witness: Cosigning) -> None:
    # The log's key signed it, under the name of the epoch before.
    note = notes.sign(Log.of(3, origin="ioc.hanoi.gov.vn/log/vault/2").checkpoint(3).text, ORIGIN, [LOG_KEY])
    assert witness.add_checkpoint(request("0", [], note)).status == HTTPStatus.FORBIDDEN


def test_log_goes_on_under_the_next_number_and_never_under_one_before(witness: Cosigning) -> None:
    shows(witness, 8)
    later = Log.of(5, origin="ioc.hanoi.gov.vn/log/vault/3")
    assert witness.add_checkpoint(later.request(0, 5)).status == HTTPStatus.OK
    assert witness.add_checkpoint(LOG.request(8, 20)).status == HTTPStatus.FORBIDDEN
    between = Log.of(5, origin="ioc.hanoi.gov.vn/log/vault/2")
    assert witness.add_checkpoint(between.request(0, 5)).status == HTTPStatus.FORBIDDEN


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"old 0\n",
        b"old 0\n\n",
        b"old 00\n\n" + LOG.note(3).encode(),
        b"old -1\n\n" + LOG.note(3).encode(),
        b"old 1_0\n\n" + LOG.note(3).encode(),
        b"old \xd9\xa3\n\n" + LOG.note(3).encode(),
        b"old 9223372036854775808\n\n" + LOG.note(3).encode(),
        b"new 0\n\n" + LOG.note(3).encode(),
        b"old 0\nAAAA\n\n" + LOG.note(3).encode(),
        b"old 0\n" + b"A" * 43 + b"\n\n" + LOG.note(3).encode(),
        request("0", [bytes(32)] * 64, LOG.note(3)),
        b"old 0\n\nnot a note",
        b"old 0\n\n" + LOG.checkpoint(3).text.encode(),
        b"old 0\n\n\xff",
        request("0", [], LOG.note(3)).ljust(70_000, b"\n"),
    ],
)
def test_what_is_no_request_is_told_so(witness: Cosigning, body: bytes) -> None:
    assert witness.add_checkpoint(body).status == HTTPStatus.BAD_REQUEST


def test_nothing_is_forgotten_at_a_restart(folder: Path) -> None:
    store = Store(folder)
    shows(cosigning(store), 3, 8)
    store.close()
    again = Store(folder)
    assert cosigning(again).add_checkpoint(FORK.request(0, 20)).body == "8\n"
    again.close()


def test_what_is_answered_is_on_disk_before(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    store = Store(folder)

    def full(_known: object) -> None:
        raise OSError("no space left on device")

    monkeypatch.setattr(store, "put", full)
    with pytest.raises(OSError, match="no space"):
        cosigning(store).add_checkpoint(LOG.request(0, 8))
    store.close()


def test_store_is_made_once_and_never_by_a_start(folder: Path, tmp_path: Path) -> None:
    with pytest.raises(StoreError, match="no witness's store"):
        Store(tmp_path / "elsewhere")
    with pytest.raises(StoreError, match="not empty"):
        Store.initialise(folder)


def test_store_has_one_process(folder: Path) -> None:
    first = Store(folder)
    with pytest.raises(StoreError, match="another process"):
        Store(folder)
    first.close()


def test_damaged_store_is_not_taken_for_an_empty_one(folder: Path) -> None:
    store = Store(folder)
    shows(cosigning(store), 8)
    store.close()
    (file,) = folder.glob("*.json")
    file.write_bytes(b"")
    with pytest.raises(StoreError, match="damaged"):
        Store(folder)
