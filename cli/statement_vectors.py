"""`python -m cli.statement_vectors [--write]`: vectors of statements of authority, made and checked.

ES256 signs anew each time, so the devices' keys and the signatures are kept as they once were made; payloads,
heads and what must be refused follow from them and are compared.
"""

import argparse
import json
import sys
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

from joserfc.jwk import ECKey, OKPKey

from cli.vault_vectors import signing_key
from foundation.ids import b64u, unb64u
from stack.home import ROOT
from vault.authority.errors import SignatureInvalid, StatementMalformed
from vault.authority.register import root_key
from vault.authority.rules import State
from vault.authority.statements import (
    OFFICER,
    Body,
    ClearanceBody,
    Content,
    DeviceBody,
    GenesisBody,
    Key,
    Kind,
    LockBody,
    NamedClearance,
    NamedDevice,
    NamedPost,
    PostBody,
    PublicKey,
    assemble,
    head_after,
    parse,
    sign,
    write_payload,
)

FILE = ROOT / "mobile_contract" / "vectors" / "vault" / "statement.json"
NOW = datetime(2026, 11, 28, 8, 0, 0, tzinfo=UTC)
BORN = NOW - timedelta(days=30)
OFFICERS = {"an": "P0001", "binh": "D0001"}
ROOTS = ("root 1", "root 2")


@dataclass(frozen=True)
class _Asked:
    """A statement that the vectors hold, and whose keys sign it."""

    content: Content
    signers: tuple[str, ...]


def build(kept: dict[str, Any]) -> dict[str, Any]:
    """All vectors; keys and signed octets are taken from `kept` where they are there."""
    names = [*OFFICERS, "em"]
    devices = kept.get("devices") or {n: ECKey.generate_key("P-256").as_dict(private=True) for n in names}
    keys: dict[str, Key] = {name: ECKey.import_key(jwk) for name, jwk in devices.items()}
    keys |= {name: OKPKey.import_key(signing_key(name)) for name in ROOTS}
    signed = [statement["octets"] for statement in kept.get("statements", [])]
    state, head, chain = _state(), None, list[dict[str, Any]]()
    for place, asked in enumerate(_asked(keys)):
        payload = write_payload(asked.content)
        octets = signed[place].encode() if signed else _signed(payload, [keys[n] for n in asked.signers])
        statement = parse(octets)
        if unb64u(statement.payload) != payload:
            raise ValueError(f"the kept statement {place} says something else")
        state.check(statement)
        state.apply(statement)
        head = head_after(head, octets)
        chain.append(
            {
                "kind": asked.content.kind,
                "payload": payload.decode(),
                "signers": [one.kid for one in statement.signatures],
                "octets": octets.decode(),
                "head": head.hex(),
            }
        )
    return {
        "roots": [signing_key(name).public_key().public_bytes_raw().hex() for name in ROOTS],
        "devices": devices,
        "statements": chain,
        "refused": _refused(*(statement["octets"] for statement in chain[:2])),
    }


def _asked(keys: dict[str, Key]) -> list[_Asked]:
    def said(number: int, kind: Kind, body: Body, *signers: str, at: datetime = NOW) -> _Asked:
        until = at + timedelta(days=365) if kind == "clearance" else None
        return _Asked(Content(kind, _id(number, at), body, at, until, "Quyết định số 1"), signers)

    born = [(str(_id(number, BORN)), name) for number, name in enumerate([*OFFICERS] * 3, start=10)]
    genesis = GenesisBody(
        posts=[NamedPost(n, OFFICERS[n], OFFICERS[n], None, None, id=i) for i, n in born[:2]],
        devices=[NamedDevice(n, _public(keys[n]), True, id=i) for i, n in born[2:4]],
        clearances=[NamedClearance(n, OFFICERS[n], 1, OFFICER, id=i) for i, n in born[4:]],
    )
    return [
        said(0, "genesis", genesis, *ROOTS, at=BORN),
        said(1, "post", PostBody("em", "P0002", "P0002", "an", None), "an", "binh"),
        said(2, "device", DeviceBody("em", _public(keys["em"]), True), "an", "binh"),
        said(3, "clearance", ClearanceBody("em", "P0002", 3, "organisation_officer"), "an", "binh"),
        said(4, "lock", LockBody("lock", "em", None, None), "binh"),
    ]


def _id(number: int, at: datetime) -> UUID:
    """A uuidv7 of a moment, the same each time."""
    return UUID(int=int(at.timestamp() * 1000) << 80 | 7 << 76 | 2 << 62 | number)


def _public(key: Key) -> PublicKey:
    jwk = key.as_dict(private=False)
    return PublicKey("EC", "P-256", str(jwk["x"]), str(jwk["y"]))


def _signed(payload: bytes, keys: list[Key]) -> bytes:
    return assemble(b64u(payload), [sign(payload, key) for key in keys])


def _state() -> State:
    """The empty register of these roots."""
    first, second = (root_key(signing_key(name).public_key().public_bytes_raw()) for name in ROOTS)
    return State((first, second), timedelta(days=1))


def _refused(genesis: str, octets: str) -> list[dict[str, str]]:
    """Other octets than the first statement's: each must be refused for its form or for a signature."""
    state = _state()
    state.apply(parse(genesis.encode()))
    state.check(parse(octets.encode()))
    found = [{"name": name, "octets": change(octets)} for name, change in _CHANGES.items()]
    for case in found:
        try:
            state.check(parse(case["octets"].encode()))
        except (StatementMalformed, SignatureInvalid):
            continue
        raise ValueError(f"{case['name']} is taken")
    return found


def _edited(edit: Callable[[dict[str, Any]], None]) -> Callable[[str], str]:
    def change(octets: str) -> str:
        value = json.loads(octets)
        edit(value)
        return json.dumps(value, separators=(",", ":"))

    return change


def _header(**members: object) -> Callable[[dict[str, Any]], None]:
    def edit(value: dict[str, Any]) -> None:
        one = value["signatures"][0]
        header = {**json.loads(unb64u(one["protected"])), **members}
        one["protected"] = b64u(json.dumps(header, separators=(",", ":")).encode())

    return edit


def _flip(text: str) -> str:
    """The first octet behind base64url, its lowest bit changed."""
    octets = unb64u(text)
    return b64u(bytes([octets[0] ^ 1]) + octets[1:])


def _flip_payload(value: dict[str, Any]) -> None:
    payload = unb64u(value["payload"])
    value["payload"] = b64u(payload.replace(b'"P0002"', b'"P0003"', 1))


def _flip_signature(value: dict[str, Any]) -> None:
    value["signatures"][1]["signature"] = _flip(value["signatures"][1]["signature"])


def _swap_signatures(value: dict[str, Any]) -> None:
    first, second = value["signatures"]
    first["signature"], second["signature"] = second["signature"], first["signature"]


def _repeat(value: dict[str, Any]) -> None:
    value["signatures"][1] = value["signatures"][0]


_CHANGES: dict[str, Callable[[str], str]] = {
    "a space": lambda octets: octets.replace(",", ", ", 1),
    "a line end": lambda octets: octets + "\n",
    "padding": lambda octets: octets.replace('","signatures"', '=","signatures"', 1),
    "members in another order": _edited(lambda value: value.update(payload=value.pop("payload"))),
    "one more member": _edited(lambda value: value.update(more=1)),
    "one key twice": _edited(_repeat),
    "no signature": _edited(lambda value: value.update(signatures=[])),
    "another word in the payload": _edited(_flip_payload),
    "a bit of a signature": _edited(_flip_signature),
    "signatures under each other's keys": _edited(_swap_signatures),
    "another algorithm": _edited(_header(alg="none")),
    "another type": _edited(_header(typ="jwt")),
    "one more member in a header": _edited(_header(crit=[])),
}


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m cli.statement_vectors")
    parser.add_argument(
        "--write", action="store_true", help="make the file anew, with new keys and signatures"
    )
    arguments = parser.parse_args()
    kept = {} if arguments.write else json.loads(FILE.read_text(encoding="utf-8"))
    text = json.dumps(build(kept), ensure_ascii=False, indent=1) + "\n"
    if arguments.write:
        FILE.write_text(text, encoding="utf-8")
    elif text != FILE.read_text(encoding="utf-8"):
        sys.exit("mobile_contract/vectors/vault/statement.json is not what the code makes")


if __name__ == "__main__":
    main()
