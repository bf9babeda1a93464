"""`mobile_contract/vectors/audit/tree.json`, read as a checker in another language would."""

from typing import Any

import orjson
import pytest

from stack.home import ROOT
from tests.verifier.vectors import slow_path, slow_proof, slow_root
from verifier.checkpoints import Cosigner, open_checkpoint, verify_cosignature
from verifier.merkle import ProofRefused, leaf_hash, verify_consistency, verify_inclusion
from verifier.notes import NoteRefused
from verifier.receipts import entry_of, receipt_hash

VECTORS = orjson.loads((ROOT / "mobile_contract/vectors/audit/tree.json").read_bytes())
ENTRIES = [f"line {number}".encode() for number in range(600)]
ORIGIN = "ioc.hanoi.gov.vn/log/vault/1"


def octets(proof: list[str]) -> list[bytes]:
    return [bytes.fromhex(node) for node in proof]


def flipped(proof: list[bytes]) -> list[bytes]:
    return [bytes([proof[0][0] ^ 1]) + proof[0][1:], *proof[1:]]


CHANGES = {
    "flipped": flipped,
    "shorter": lambda proof: proof[:-1],
    "longer": lambda proof: [*proof, bytes(32)],
}


@pytest.mark.parametrize("vector", VECTORS["roots"], ids=lambda vector: vector["size"])
def test_root(vector: dict[str, Any]) -> None:
    assert slow_root(ENTRIES[: vector["size"]]).hex() == vector["root"]


@pytest.mark.parametrize(
    "vector", VECTORS["inclusion"], ids=lambda vector: f"{vector['index']}/{vector['size']}"
)
def test_inclusion(vector: dict[str, Any]) -> None:
    index, size = vector["index"], vector["size"]
    assert octets(vector["proof"]) == slow_path(index, ENTRIES[:size])
    leaf = bytes.fromhex(vector["leafHash"])
    assert leaf == leaf_hash(ENTRIES[index])
    verify_inclusion(leaf, index, size, slow_root(ENTRIES[:size]), octets(vector["proof"]))


@pytest.mark.parametrize(
    "vector", VECTORS["consistency"], ids=lambda vector: f"{vector['old']}/{vector['size']}"
)
def test_consistency(vector: dict[str, Any]) -> None:
    old, size = vector["old"], vector["size"]
    assert octets(vector["proof"]) == slow_proof(old, ENTRIES[:size])
    roots = slow_root(ENTRIES[:old]), slow_root(ENTRIES[:size])
    verify_consistency(old, roots[0], size, roots[1], octets(vector["proof"]))


@pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES)
def test_changed_proofs_are_refused(change: Any) -> None:
    inclusion, consistency = VECTORS["inclusion"][6], VECTORS["consistency"][6]
    root = slow_root(ENTRIES)
    with pytest.raises(ProofRefused):
        verify_inclusion(leaf_hash(ENTRIES[0]), 0, 600, root, change(octets(inclusion["proof"])))
    with pytest.raises(ProofRefused):
        verify_consistency(257, slow_root(ENTRIES[:257]), 600, root, change(octets(consistency["proof"])))


def test_checkpoint_is_the_logs_and_the_witnesss() -> None:
    vector = VECTORS["checkpoint"]
    note = vector["note"] + vector["cosignature"]
    checkpoint = open_checkpoint(note, ORIGIN, bytes.fromhex(vector["logKey"]))
    cosigner = Cosigner(vector["witnessName"], bytes.fromhex(vector["witnessKey"]))
    assert (checkpoint.size, checkpoint.root) == (600, slow_root(ENTRIES))
    assert verify_cosignature(note, cosigner) == vector["cosignedAt"]


def test_checkpoint_of_another_size_is_refused() -> None:
    vector = VECTORS["checkpoint"]
    note = vector["note"].replace("\n600\n", "\n599\n")
    with pytest.raises(NoteRefused):
        open_checkpoint(note, ORIGIN, bytes.fromhex(vector["logKey"]))
    cosigner = Cosigner(vector["witnessName"], bytes.fromhex(vector["witnessKey"]))
    with pytest.raises(NoteRefused):
        verify_cosignature(note + vector["cosignature"], cosigner)


def test_receipt() -> None:
    vector = VECTORS["receipt"]
    salt, statement = bytes.fromhex(vector["salt"]), vector["statement"].encode()
    assert entry_of(salt, statement).hex() == vector["entry"]
    assert receipt_hash(salt, statement).hex() == vector["leafHash"]
