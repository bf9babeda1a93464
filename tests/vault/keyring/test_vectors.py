"""`mobile_contract/vectors/vault/datakey.json`: what a reader elsewhere must reproduce and refuse."""

import json
from typing import Any
from uuid import UUID

import pytest

from cli.keyring_vectors import FILE, build
from vault.keyring import envelopes
from vault.keyring.envelopes import DATA_KEY, Epoch
from vault.keyring.errors import EnvelopeRefused
from vault.keyring.types import Class

VECTORS = json.loads(FILE.read_text(encoding="utf-8"))


def opened(case: dict[str, Any], octets: bytes) -> bytearray:
    if len(octets) != DATA_KEY:
        raise EnvelopeRefused("a data key has 65 octets")
    epoch = Epoch(case["tenant"], Class(case["class"]), envelopes.number_of(octets))
    bound = envelopes.of_data_key(epoch, UUID(case["record"]))
    return envelopes.unseal(bytearray.fromhex(VECTORS["epochKey"]), octets, bound)


def test_vectors_are_what_the_code_makes() -> None:
    assert build() == VECTORS


@pytest.mark.parametrize("case", VECTORS["sealed"], ids=lambda case: case["epoch"])
def test_kept_octets_open(case: dict[str, Any]) -> None:
    assert opened(case, bytes.fromhex(case["octets"])).hex() == VECTORS["dataKey"]


@pytest.mark.parametrize("refused", VECTORS["refused"], ids=lambda refused: refused["name"])
def test_changed_octets_are_refused(refused: dict[str, Any]) -> None:
    case = VECTORS["sealed"][2]
    octets = bytearray.fromhex(case["octets"])
    if "xorAt" in refused:
        octets[refused["xorAt"]] ^= refused["with"]
    octets = octets[: refused.get("cutTo")] + bytes.fromhex(refused.get("append", ""))
    with pytest.raises(EnvelopeRefused):
        opened(case, bytes(octets))
