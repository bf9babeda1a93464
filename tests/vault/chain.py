"""A genesis and statements for tests: three bodies, four security officers, and whoever a test adds."""

import secrets
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from joserfc.jwk import ECKey, OKPKey

from foundation.ids import b64u
from tests.vault.parts import NOW
from vault.authority.register import root_key
from vault.authority.rules import State
from vault.authority.statements import (
    OFFICER,
    Body,
    ClearanceBody,
    Content,
    DeviceBody,
    GenesisBody,
    Kind,
    LockBody,
    NamedClearance,
    NamedDevice,
    NamedPost,
    PostBody,
    PublicKey,
    assemble,
    parse,
    sign,
    write_payload,
)

BORN = NOW - timedelta(days=30)
OFFICERS = {"an": "P0001", "binh": "D0001", "chi": "P0001", "dao": "C0001"}
"""People of the genesis and their bodies."""


def id_at(moment: datetime) -> UUID:
    """A uuidv7 of a moment."""
    random = secrets.randbits(74)
    milliseconds = int(moment.timestamp() * 1000)
    return UUID(int=milliseconds << 80 | 7 << 76 | (random >> 62) << 64 | 2 << 62 | random & (1 << 62) - 1)


def public(key: ECKey) -> PublicKey:
    """As it stands in a statement."""
    jwk = key.as_dict(private=False)
    return PublicKey("EC", "P-256", str(jwk["x"]), str(jwk["y"]))


def post(person: str, body: str, superior: str | None = None) -> PostBody:
    """A post at the body itself."""
    return PostBody(person, body, body, superior, None)


@dataclass
class Chain:
    """Keys of everybody, and statements as they are made."""

    roots: list[Ed25519PrivateKey] = field(
        default_factory=lambda: [Ed25519PrivateKey.generate() for _ in "12"]
    )
    keys: dict[str, ECKey] = field(default_factory=lambda: {n: ECKey.generate_key("P-256") for n in OFFICERS})

    @property
    def pinned(self) -> tuple[OKPKey, OKPKey]:
        """The roots' public halves."""
        first, second = (root_key(root.public_key().public_bytes_raw()) for root in self.roots)
        return first, second

    def genesis(self, at: datetime = BORN, officers: dict[str, str] | None = None) -> bytes:
        """The first statement."""
        named = officers or OFFICERS
        body = GenesisBody(
            posts=[NamedPost(n, b, b, None, None, id=str(id_at(at))) for n, b in named.items()],
            devices=[NamedDevice(n, public(self.keys[n]), True, id=str(id_at(at))) for n in named],
            clearances=[NamedClearance(n, b, 1, OFFICER, id=str(id_at(at))) for n, b in named.items()],
        )
        payload = write_payload(Content("genesis", id_at(at), body, at, None, "installation"))
        return assemble(b64u(payload), [sign(payload, OKPKey.import_key(root)) for root in self.roots])

    def key_of(self, name: str) -> ECKey:
        """A person's device; one is made for who has none."""
        return self.keys.setdefault(name, ECKey.generate_key("P-256"))

    def make(self, kind: Kind, body: Body, by: Sequence[str], at: datetime = NOW, **more: Any) -> bytes:
        """A statement that `by` signed. `more`: from_, until, reason, id."""
        content = Content(
            kind,
            more.get("id", id_at(at)),
            body,
            more.get("from_", at.replace(microsecond=0)),
            more.get("until"),
            more.get("reason", "need"),
        )
        payload = write_payload(content)
        return assemble(b64u(payload), [sign(payload, self.key_of(name)) for name in by])

    def post(
        self, person: str, body: str, by: Sequence[str], superior: str | None = None, **more: Any
    ) -> bytes:
        """A post for `person`."""
        return self.make("post", post(person, body, superior), by, **more)

    def device(self, person: str, by: Sequence[str], *, name: str | None = None, **more: Any) -> bytes:
        """A device for `person`, with the key that is kept as `name`."""
        body = DeviceBody(person, public(self.key_of(name or person)), True)
        return self.make("device", body, by, **more)

    def clearance(
        self, person: str, by: Sequence[str], role: str = "organisation_officer", **more: Any
    ) -> bytes:
        """A clearance for `person`."""
        return self.make("clearance", ClearanceBody(person, "P0002", 3, role), by, **more)

    def lock(self, by: Sequence[str], action: str = "lock", **target: Any) -> bytes:
        """A lock of person=, device= or statement=; at= and others as of `make`."""
        named = {name: target.pop(name, None) for name in ("person", "device", "statement")}
        return self.make("lock", LockBody(action, **named), by, **target)  # type: ignore[arg-type]  # a test's own word

    def state(self, *statements: bytes, wait: timedelta = timedelta(days=1)) -> State:
        """What a chain of a genesis and these comes to."""
        state = State(self.pinned, wait)
        for octets in (self.genesis(), *statements):
            statement = parse(octets)
            state.check(statement)
            state.apply(statement)
        return state

    def jkt(self, name: str) -> str:
        """The thumbprint of a device."""
        return self.key_of(name).thumbprint()
