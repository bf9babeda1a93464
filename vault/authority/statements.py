"""Statements: JWS General JSON (RFC 7515, 7.2.1) of exact octets, in one form only (formats.md).

Signatures are ES256 by enrolled devices; of the genesis Ed25519 (RFC 9864) by both offline roots. Whether a
signer may say what he says is not asked here (vault/authority/rules.py).
"""

import hashlib
import json
import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Annotated, Any, Literal
from uuid import UUID

import msgspec
from joserfc import jws
from joserfc.errors import JoseError
from joserfc.jwk import ECKey, OKPKey

from foundation.errors import InvalidInput
from foundation.ids import unb64u
from vault.authority.errors import SignatureInvalid, StatementMalformed
from vault.call import octets as framing
from vault.call.octets import Malformed

TYP = "ioc-statement"
DEVICE_ALGORITHM = "ES256"
ROOT_ALGORITHM = "Ed25519"
LONGEST = 32 * 1024
MOST_SIGNATURES = 4
OFFICER = "security_officer"
"""The role whose clearance lets a person approve (cán bộ an ninh)."""
_MOMENT = "%Y-%m-%dT%H:%M:%SZ"
_MOMENT_FORM = re.compile(r"[0-9]{4}(-[0-9]{2}){2}T[0-9]{2}(:[0-9]{2}){2}Z")
_SIGNATURE_SIZE = 64

Key = ECKey | OKPKey
Kind = Literal["genesis", "post", "device", "clearance", "grant", "factor", "breakglass", "lock", "trim"]
Person = Annotated[str, msgspec.Meta(pattern=r"^[A-Za-z0-9-]{1,64}\Z")]
"""A Keycloak `sub`."""
UnitCode = Annotated[str, msgspec.Meta(pattern=r"^([0-9]{5}|[CDP][0-9]{4})\Z")]
Thumbprint = Annotated[str, msgspec.Meta(pattern=r"^[A-Za-z0-9_-]{43}\Z")]
Coordinate = Thumbprint
"""b64u of 32 octets has 43 characters too."""
Uuid = Annotated[str, msgspec.Meta(pattern=r"^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}\Z")]
Uuid7 = Annotated[
    str, msgspec.Meta(pattern=r"^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}\Z")
]
Role = Annotated[str, msgspec.Meta(pattern=r"^[a-z][a-z0-9_]{1,39}\Z")]
Reason = Annotated[str, msgspec.Meta(min_length=1, max_length=500)]


class _Closed(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Members exactly as listed; none has a default."""


class PublicKey(_Closed, frozen=True):
    """A P-256 key (RFC 7518, 6.2.1)."""

    kty: Literal["EC"]
    crv: Literal["P-256"]
    x: Coordinate
    y: Coordinate


class PostBody(_Closed, frozen=True):
    """A post (vị trí công tác): what "different bodies", "superior" and "own file" are decided from."""

    person: Person
    body: UnitCode
    """The first-level unit."""
    unit: UnitCode
    superior: Person | None
    own_record: Uuid | None


class DeviceBody(_Closed, frozen=True):
    """A person's enrolled device. `native`: the managed, attested app, not a browser."""

    person: Person
    key: PublicKey
    native: bool


class ClearanceBody(_Closed, frozen=True):
    """A clearance of `role` for one tenant's records up to `class`."""

    person: Person
    tenant: UnitCode
    class_: Annotated[int, msgspec.Meta(ge=1, le=4)] = msgspec.field(name="class")
    role: Role


class LockBody(_Closed, frozen=True):
    """Takes a person, a device or what one statement gave, or restores it. Exactly one is named."""

    action: Literal["lock", "restore"]
    person: Person | None
    device: Thumbprint | None
    statement: Uuid | None

    def __post_init__(self) -> None:
        if [self.person, self.device, self.statement].count(None) != 2:
            raise ValueError("exactly one of person, device, statement")


class NamedPost(PostBody, frozen=True):
    """Of the genesis."""

    id: Uuid7


class NamedDevice(DeviceBody, frozen=True):
    """Of the genesis."""

    id: Uuid7


class NamedClearance(ClearanceBody, frozen=True):
    """Of the genesis."""

    id: Uuid7


class GenesisBody(_Closed, frozen=True):
    """The first security officers, with their devices."""

    posts: Annotated[list[NamedPost], msgspec.Meta(max_length=64)]
    devices: Annotated[list[NamedDevice], msgspec.Meta(max_length=64)]
    clearances: Annotated[list[NamedClearance], msgspec.Meta(max_length=64)]


Body = GenesisBody | PostBody | DeviceBody | ClearanceBody | LockBody | dict[str, Any]
_BODIES: dict[str, Any] = {
    "genesis": GenesisBody,
    "post": PostBody,
    "device": DeviceBody,
    "clearance": ClearanceBody,
    "lock": LockBody,
    # Reserved: their bodies come with the features that read them. The rules take none of them yet.
    "grant": dict[str, Any],
    "factor": dict[str, Any],
    "breakglass": dict[str, Any],
    "trim": dict[str, Any],
}


class _Payload(_Closed, frozen=True):
    v: Literal[1]
    kind: Kind
    id: Uuid7
    body: dict[str, Any]
    from_: str = msgspec.field(name="from")
    until: str | None
    reason: Reason


class _Header(_Closed, frozen=True):
    alg: Literal["ES256", "Ed25519"]
    kid: Thumbprint
    typ: Literal["ioc-statement"]


class _Signature(_Closed, frozen=True):
    protected: str
    signature: str


class _Jws(_Closed, frozen=True):
    payload: str
    signatures: Annotated[list[_Signature], msgspec.Meta(min_length=1, max_length=MOST_SIGNATURES)]


@dataclass(frozen=True, slots=True)
class Signature:
    """One signature as it stands in the statement."""

    alg: str
    kid: str
    protected: str = field(repr=False)
    signature: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class Content:
    """What a payload says."""

    kind: Kind
    id: UUID
    body: Body
    from_: datetime
    until: datetime | None
    reason: str = field(repr=False)

    @property
    def made_at(self) -> datetime:
        """When it was proposed: the vault made its id then (RFC 9562, 5.7: the first 48 bits)."""
        return datetime.fromtimestamp((self.id.int >> 80) / 1000, UTC)


@dataclass(frozen=True, slots=True)
class Statement:
    """A statement that is well formed. Nothing is known of its signatures yet."""

    octets: bytes = field(repr=False)
    payload: str = field(repr=False)
    content: Content
    signatures: tuple[Signature, ...]


def parse(octets: bytes) -> Statement:
    """The statement of exactly these octets. Raises StatementMalformed."""
    if len(octets) > LONGEST:
        raise StatementMalformed("too long")
    outer: _Jws = _convert(_object(octets), _Jws)
    signatures = tuple(_signature(one) for one in outer.signatures)
    if len({one.kid for one in signatures}) != len(signatures):
        raise StatementMalformed("one key signs twice")
    if assemble(outer.payload, signatures) != octets:
        raise StatementMalformed("not the one form")
    return Statement(octets, outer.payload, read_payload(_unb64u(outer.payload)), signatures)


def read_payload(payload: bytes) -> Content:
    """What an approver is shown and signs. Raises StatementMalformed."""
    value: _Payload = _convert(_object(payload), _Payload)
    return Content(
        kind=value.kind,
        id=UUID(value.id),
        body=read_body(value.kind, value.body),
        from_=read_moment(value.from_),
        until=None if value.until is None else read_moment(value.until),
        reason=value.reason,
    )


def read_body(kind: Kind, body: dict[str, Any]) -> Body:
    """The body of a statement of `kind`. Raises StatementMalformed."""
    read: Body = _convert(body, _BODIES[kind])
    return read


def write_payload(content: Content) -> bytes:
    """The octets that are signed: compact UTF-8 JSON."""
    return framing.content(
        {
            "v": 1,
            "kind": content.kind,
            "id": str(content.id),
            "body": msgspec.to_builtins(content.body),
            "from": written(content.from_),
            "until": None if content.until is None else written(content.until),
            "reason": content.reason,
        }
    )


def sign(payload: bytes, key: Key) -> Signature:
    """The signer's half: done on the approver's device, and of the genesis by the roots' holders."""
    alg = DEVICE_ALGORITHM if isinstance(key, ECKey) else ROOT_ALGORITHM
    header: dict[str, Any] = {"alg": alg, "kid": key.thumbprint(), "typ": TYP}
    made = jws.serialize_json([{"protected": header}], payload, key, algorithms=[alg])["signatures"][0]
    return Signature(alg, header["kid"], made["protected"], made["signature"])


def read_signature(protected: str, signature: str) -> Signature:
    """A signature that came alone. Raises StatementMalformed."""
    return _signature(_Signature(protected, signature))


def assemble(payload: str, signatures: Sequence[Signature]) -> bytes:
    """The octets of a statement; `payload` is b64u. Signatures stand in the order given."""
    members = [{"protected": one.protected, "signature": one.signature} for one in signatures]
    return json.dumps({"payload": payload, "signatures": members}, separators=(",", ":")).encode()


def check_signature(payload: str, signature: Signature, key: Key) -> None:
    """Raise SignatureInvalid unless `key` made `signature` of `payload` (b64u)."""
    whole: jws.GeneralJSONSerialization = {
        "payload": payload,
        "signatures": [{"protected": signature.protected, "signature": signature.signature}],
    }
    try:
        jws.deserialize_json(whole, key, algorithms=[signature.alg])
    except (JoseError, ValueError) as error:
        raise SignatureInvalid from error


def device_key(key: PublicKey) -> ECKey:
    """The key of a device's statement. Raises StatementMalformed for a point off the curve."""
    try:
        given = ECKey.import_key(msgspec.to_builtins(key))
        # From the point itself, so that the thumbprint is of the canonical form.
        return ECKey.import_key(given.public_key)
    except (JoseError, ValueError) as error:
        raise StatementMalformed("not a key") from error


def head_after(head: bytes | None, octets: bytes) -> bytes:
    """head₀ = SHA-256(genesis), headₙ = SHA-256(headₙ₋₁ ‖ SHA-256(statement))."""
    digest = hashlib.sha256(octets).digest()
    return digest if head is None else hashlib.sha256(head + digest).digest()


def written(moment: datetime) -> str:
    """RFC 3339 in UTC, whole seconds."""
    return moment.astimezone(UTC).strftime(_MOMENT)


def _signature(one: _Signature) -> Signature:
    header: _Header = _convert(_object(_unb64u(one.protected)), _Header)
    if len(_unb64u(one.signature)) != _SIGNATURE_SIZE:
        raise StatementMalformed("a signature has 64 octets")
    return Signature(header.alg, header.kid, one.protected, one.signature)


def _object(octets: bytes) -> dict[str, Any]:
    try:
        return framing.object_of(octets)
    except Malformed as error:
        raise StatementMalformed(str(error)) from error


def _convert(value: Any, kind: Any) -> Any:
    try:
        return msgspec.convert(value, kind)
    except (msgspec.ValidationError, ValueError) as error:
        raise StatementMalformed("members are not those of the format") from error


def _unb64u(text: str) -> bytes:
    try:
        return unb64u(text)
    except (InvalidInput, ValueError) as error:
        raise StatementMalformed("not base64url") from error


def read_moment(text: str) -> datetime:
    """Inverse of `written`. Raises StatementMalformed."""
    try:
        if not _MOMENT_FORM.fullmatch(text):
            raise ValueError
        return datetime.strptime(text, _MOMENT).replace(tzinfo=UTC)
    except ValueError as error:
        raise StatementMalformed("not a moment") from error
