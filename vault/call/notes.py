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
_ED25519 = b"\x01"
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
        """First 4 octets of SHA-256(name ‖ 0x0A ‖ 0x01 ‖ key)."""
        return hashlib.sha256(self.name.encode() + b"\n" + _ED25519 + self.public).digest()[:_ID]


def sign(text: str, name: str, keys: Iterable[Ed25519PrivateKey]) -> str:
    """`text`, which ends with a line end, signed under one name by each of `keys`."""
    if not text.endswith("\n"):
        raise ValueError("a note's text ends with a line end")
    lines = []
    for key in keys:
        verifier = Verifier(name, key.public_key().public_bytes_raw())
        signature = base64.b64encode(verifier.key_id + key.sign(text.encode())).decode("ascii")
        lines.append(f"\u2014 {name} {signature}\n")
    return text + "\n" + "".join(lines)


def verify(note: str, verifiers: Iterable[Verifier]) -> str:
    """The text of a note that every one of `verifiers` signed. Raises NoteRefused.

    Signatures of others are passed over, as the format says; a wrong one of ours is not.
    """
    text, separator, tail = note.rpartition("\n\n")
    lines = lines_of(tail)
    if len(note) > LONGEST or not separator or not tail.endswith("\n") or len(lines) > _MOST_SIGNATURES:
        raise NoteRefused("not a signed note")
    text += "\n"
    signatures = [_signature(line) for line in lines]
    wanted = list(verifiers)
    if not wanted:
        raise NoteRefused("nobody is trusted")
    for verifier in wanted:
        own = [
            made for name, key_id, made in signatures if (name, key_id) == (verifier.name, verifier.key_id)
        ]
        if len(own) != 1:
            raise NoteRefused("a signature is missing, or stands twice")
        try:
            Ed25519PublicKey.from_public_bytes(verifier.public).verify(own[0], text.encode())
        except InvalidSignature as error:
            raise NoteRefused("a signature is not valid") from error
    return text


def lines_of(text: str) -> list[str]:
    """The lines of a text that ends with a line end; LF alone ends a line, not VT or another of Unicode's."""
    return text.removesuffix("\n").split("\n")


def _signature(line: str) -> tuple[str, bytes, bytes]:
    match = _LINE.fullmatch(line)
    if match is None:
        raise NoteRefused("not a signature line")
    octets = unb64(match[2])
    if len(octets) != _ID + _SIGNATURE:
        raise NoteRefused("not a signature line")
    return match[1], octets[:_ID], octets[_ID:]


def unb64(text: str) -> bytes:
    """Standard base64 exactly as it is written. Raises NoteRefused."""
    try:
        octets = base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError) as error:
        raise NoteRefused("not base64") from error
    if base64.b64encode(octets).decode("ascii") != text:
        raise NoteRefused("not base64")
    return octets
