"""Signed notes (C2SP signed-note) with Ed25519: a text, an empty line, signature lines."""

import base64
import binascii
import hashlib
import re
from collections.abc import Iterable
from dataclasses import dataclass

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

LONGEST = 64 * 1024
ED25519 = b"\x01"
"""What a key signs is part of its id: notes."""
_ID = 4
_SIGNATURE = 64
_MOST_SIGNATURES = 16
_LINE = re.compile(r"\u2014 ([^ +\n]+) ([A-Za-z0-9+/=]+)")


class NoteRefused(ValueError):
    """No note, or not signed by who must have signed it."""


@dataclass(frozen=True, slots=True)
class Verifier:
    """A name and its public key (32 octets)."""

    name: str
    public: bytes

    @property
    def key_id(self) -> bytes:
        """As `key_id_of` for what signs notes."""
        return key_id_of(self.name, ED25519, self.public)


@dataclass(frozen=True, slots=True)
class Signature:
    """One line under a note: whose it says to be, and its octets, of which nothing is proven."""

    name: str
    key_id: bytes
    octets: bytes


def key_id_of(name: str, kind: bytes, public: bytes) -> bytes:
    """First 4 octets of SHA-256(name ‖ 0x0A ‖ kind ‖ key)."""
    return hashlib.sha256(name.encode() + b"\n" + kind + public).digest()[:_ID]


def sign(text: str, name: str, keys: Iterable[Ed25519PrivateKey]) -> str:
    """`text`, which ends with a line end, signed under one name by each of `keys`."""
    if not text.endswith("\n"):
        raise ValueError("a note's text ends with a line end")
    lines = []
    for key in keys:
        verifier = Verifier(name, key.public_key().public_bytes_raw())
        lines.append(line_of(name, verifier.key_id, key.sign(text.encode())))
    return text + "\n" + "".join(lines)


def line_of(name: str, key_id: bytes, octets: bytes) -> str:
    """A signature line, with its end."""
    return f"\u2014 {name} {base64.b64encode(key_id + octets).decode('ascii')}\n"


def verify(note: str, verifiers: Iterable[Verifier]) -> str:
    """The text of a note that every one of `verifiers` signed. Raises NoteRefused.

    Signatures of others are passed over, as the format says; a wrong one of ours is not.
    """
    text, signatures = parse(note)
    wanted = list(verifiers)
    if not wanted:
        raise NoteRefused("nobody is trusted")
    for verifier in wanted:
        verify_ed25519(
            verifier.public, signature_of(signatures, verifier.name, verifier.key_id), text.encode()
        )
    return text


def parse(note: str) -> tuple[str, list[Signature]]:
    """The text and what stands under it. Raises NoteRefused. Nothing is verified."""
    text, separator, tail = note.rpartition("\n\n")
    if len(note) > LONGEST or not separator or not tail.endswith("\n"):
        raise NoteRefused("not a signed note")
    return text + "\n", signatures_of(tail)


def signatures_of(lines: str) -> list[Signature]:
    """Signature lines, each with its end. Raises NoteRefused."""
    found = lines_of(lines)
    if not lines.endswith("\n") or len(found) > _MOST_SIGNATURES:
        raise NoteRefused("not signature lines")
    return [_signature(line) for line in found]


def signature_of(signatures: Iterable[Signature], name: str, key_id: bytes) -> bytes:
    """The octets of the one signature by this name and key. Raises NoteRefused."""
    own = [one.octets for one in signatures if (one.name, one.key_id) == (name, key_id)]
    if len(own) != 1:
        raise NoteRefused("a signature is missing, or stands twice")
    return own[0]


def verify_ed25519(public: bytes, signature: bytes, message: bytes) -> None:
    """Raises NoteRefused."""
    if len(signature) != _SIGNATURE:
        raise NoteRefused("not an Ed25519 signature")
    try:
        Ed25519PublicKey.from_public_bytes(public).verify(signature, message)
    except InvalidSignature as error:
        raise NoteRefused("a signature is not valid") from error


def lines_of(text: str) -> list[str]:
    """The lines of a text that ends with a line end; LF alone ends a line, not VT or another of Unicode's."""
    return text.removesuffix("\n").split("\n")


def _signature(line: str) -> Signature:
    match = _LINE.fullmatch(line)
    if match is None:
        raise NoteRefused("not a signature line")
    octets = unb64(match[2])
    if len(octets) <= _ID:
        raise NoteRefused("not a signature line")
    return Signature(match[1], octets[:_ID], octets[_ID:])


def unb64(text: str) -> bytes:
    """Standard base64 exactly as it is written. Raises NoteRefused."""
    try:
        octets = base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError) as error:
        raise NoteRefused("not base64") from error
    if base64.b64encode(octets).decode("ascii") != text:
        raise NoteRefused("not base64")
    return octets
