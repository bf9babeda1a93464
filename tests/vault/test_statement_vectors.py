"""`mobile_contract/vectors/vault/statement.json`: what another language signs, and what it refuses."""

import json

import pytest

from cli.statement_vectors import FILE, build
from vault.authority.errors import SignatureInvalid, StatementMalformed
from vault.authority.statements import OFFICER, check_signature, device_key, parse

VECTORS = json.loads(FILE.read_text(encoding="utf-8"))


def test_vectors_are_what_the_code_makes() -> None:
    assert build(VECTORS) == VECTORS


def test_drift_shows() -> None:
    drifted = json.loads(json.dumps(VECTORS))
    drifted["statements"][2]["octets"] = VECTORS["statements"][3]["octets"]
    with pytest.raises(ValueError, match="says something else"):
        build(drifted)


@pytest.mark.parametrize("case", VECTORS["refused"], ids=lambda case: case["name"])
def test_other_octets_are_refused(case: dict) -> None:
    genesis = parse(VECTORS["statements"][0]["octets"].encode())
    assert {one.role for one in genesis.content.body.clearances} == {OFFICER}
    keys = {device_key(one.key).thumbprint(): device_key(one.key) for one in genesis.content.body.devices}
    with pytest.raises((StatementMalformed, SignatureInvalid)):
        _check(case["octets"].encode(), keys)


def _check(octets: bytes, keys: dict) -> None:
    statement = parse(octets)
    for signature in statement.signatures:
        check_signature(statement.payload, signature, keys[signature.kid])
