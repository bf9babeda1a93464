"""Statements as octets: one form, each member checked, each bit counted."""

import json

import pytest

from foundation.ids import b64u, unb64u
from tests.vault.chain import Chain
from vault.authority.errors import SignatureInvalid, StatementMalformed, StatementRefused
from vault.authority.statements import parse, read_payload

CHAIN = Chain()
GENESIS = CHAIN.genesis()
GOOD = {
    "post": CHAIN.post("em", "D0002", ["an", "binh"]),
    "device": CHAIN.device("em", ["an", "binh"]),
    "clearance": CHAIN.clearance("em", ["an", "binh"]),
    "lock": CHAIN.lock(["an"], person="binh"),
}
PAYLOAD = json.loads(unb64u(json.loads(GOOD["clearance"])["payload"]))


def _with(**changes: object) -> bytes:
    return json.dumps({**PAYLOAD, **changes}).encode()


@pytest.mark.parametrize("kind", GOOD)
def test_each_kind_is_taken_and_its_octets_are_kept(kind: str) -> None:
    statement = parse(GOOD[kind])
    CHAIN.state().check(statement)
    assert (statement.octets, statement.content.kind) == (GOOD[kind], kind)


@pytest.mark.parametrize("kind", [*GOOD, "genesis"])
def test_each_octet_counts(kind: str) -> None:
    octets = {**GOOD, "genesis": GENESIS}[kind]
    state = CHAIN.state() if kind != "genesis" else type(CHAIN.state())(CHAIN.pinned, CHAIN.state().wait)
    state.check(parse(octets))
    taken = []
    for place in range(len(octets)):
        changed = bytearray(octets)
        changed[place] ^= 1
        try:
            state.check(parse(bytes(changed)))
        except StatementRefused:
            continue
        taken.append(place)
    assert taken == []


@pytest.mark.parametrize(
    "changes",
    [
        {"v": 2},
        {"v": True},
        {"v": 1.0},
        {"kind": "king"},
        {"kind": "post"},
        {"id": "0192f0c1-0000-4000-8000-000000000000"},
        {"id": str(PAYLOAD["id"]).upper() + "A"},
        {"from": "2026-11-27 12:00:30Z"},
        {"from": "2026-11-27T12:00:30+07:00"},
        {"from": "2026-02-30T12:00:30Z"},
        {"from": None},
        {"until": 7},
        {"reason": ""},
        {"reason": "x" * 501},
        {"more": 1},
        {"body": {**PAYLOAD["body"], "class": 5}},
        {"body": {**PAYLOAD["body"], "class": True}},
        {"body": {**PAYLOAD["body"], "more": 1}},
        {"body": {**PAYLOAD["body"], "person": "em\n"}},
        {"body": {**PAYLOAD["body"], "tenant": "HN"}},
        {"body": {}},
    ],
)
def test_payload_of_other_members_is_refused(changes: dict) -> None:
    read_payload(_with())
    with pytest.raises(StatementMalformed):
        read_payload(_with(**changes))


@pytest.mark.parametrize("member", PAYLOAD)
def test_payload_without_a_member_is_refused(member: str) -> None:
    with pytest.raises(StatementMalformed):
        read_payload(json.dumps({name: value for name, value in PAYLOAD.items() if name != member}).encode())


def test_member_that_stands_twice_is_refused() -> None:
    with pytest.raises(StatementMalformed):
        read_payload(_with()[:-1] + b',"v":1}')
    with pytest.raises(StatementMalformed):
        parse(GOOD["post"][:-1] + b',"payload":"e30"}')


@pytest.mark.parametrize("lock", [{}, {"person": "an", "device": "a" * 43}])
def test_lock_names_one_thing(lock: dict) -> None:
    body = {"action": "lock", "person": None, "device": None, "statement": None, **lock}
    with pytest.raises(StatementMalformed):
        read_payload(_with(kind="lock", body=body))


@pytest.mark.parametrize(
    "header",
    [
        {"alg": "none"},
        {"alg": "HS256"},
        {"typ": "JWT"},
        {"typ": "dpop+jwt"},
        {"b64": False, "crit": ["b64"]},
        {"jwk": {}},
        {"kid": "short"},
    ],
)
def test_other_header_is_refused(header: dict) -> None:
    value = json.loads(GOOD["post"])
    protected = json.loads(unb64u(value["signatures"][0]["protected"]))
    value["signatures"][0]["protected"] = b64u(json.dumps({**protected, **header}).encode())
    with pytest.raises(StatementMalformed):
        parse(json.dumps(value, separators=(",", ":")).encode())


@pytest.mark.parametrize("signatures", [[], [{}], [{"protected": "", "signature": ""}], "x"])
def test_other_signatures_are_refused(signatures: object) -> None:
    value = {**json.loads(GOOD["post"]), "signatures": signatures}
    with pytest.raises(StatementMalformed):
        parse(json.dumps(value, separators=(",", ":")).encode())


def test_one_signature_twice_is_refused() -> None:
    value = json.loads(GOOD["post"])
    value["signatures"][1] = value["signatures"][0]
    with pytest.raises(StatementMalformed):
        parse(json.dumps(value, separators=(",", ":")).encode())


def test_other_form_of_the_same_json_is_refused() -> None:
    with pytest.raises(StatementMalformed):
        parse(json.dumps(json.loads(GOOD["post"]), indent=1).encode())


def test_signature_of_another_statement_is_refused() -> None:
    value, other = json.loads(GOOD["post"]), json.loads(GOOD["clearance"])
    value["signatures"] = other["signatures"]
    with pytest.raises(SignatureInvalid):
        CHAIN.state().check(parse(json.dumps(value, separators=(",", ":")).encode()))


def test_too_long_is_refused_unread() -> None:
    with pytest.raises(StatementMalformed):
        parse(b" " * 32_769)
