"""`mobile_contract/vectors/vault/call.json`: what a client in another language must reproduce and refuse."""

import json

import pytest

from cli.vault_vectors import FILE, build
from vault.call import answer, request
from vault.call.errors import AnswerNotGenuine, UnknownKey
from vault.call.keys import RequestKey
from vault.call.request import Binding

VECTORS = json.loads(FILE.read_text(encoding="utf-8"))


def _changed(octets: bytes, case: dict) -> bytes:
    if "cutTo" in case:
        return octets[: case["cutTo"]]
    changed = bytearray(octets)
    changed[case["xorAt"]] ^= case["with"]
    return bytes(changed)


def test_vectors_are_what_the_code_makes() -> None:
    assert build(VECTORS) == VECTORS


def test_drift_shows() -> None:
    drifted = json.loads(json.dumps(VECTORS))
    drifted["binding"]["sub"] = "somebody"
    assert build(drifted) != drifted


@pytest.mark.parametrize("case", VECTORS["refused"], ids=lambda case: f"{case['of']} {case['name']}")
def test_changed_octets_are_refused(case: dict) -> None:
    key = RequestKey.of_seed(bytes.fromhex(VECTORS["requestKey"]["seed"]))
    frame = bytes.fromhex(VECTORS["request"]["octets"])
    answer_key = bytes.fromhex(VECTORS["request"]["answerKey"])
    sealed = bytes.fromhex(VECTORS["answer"]["octets"])
    if case["of"] == "request":
        with pytest.raises(UnknownKey):
            request.unseal(_changed(frame, case), Binding(**VECTORS["binding"]), {key.kid: key})
    else:
        with pytest.raises(AnswerNotGenuine):
            answer.unseal(_changed(sealed, case), answer_key, frame)
