"""Checkpoints (C2SP tlog-checkpoint) and what witnesses add to them (C2SP tlog-cosignature, cosignature/v1).

A checkpoint is a note whose lines are origin, size and root; its log signs it under the origin's name. A
cosignature says that, at a time, this was the largest tree of the log that the witness had seen, and that
every one that it cosigned before is its beginning.
"""

import base64
import re
from dataclasses import dataclass

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from verifier.merkle import HASH
from verifier.notes import (
    NoteRefused,
    Verifier,
    key_id_of,
    line_of,
    lines_of,
    parse,
    signature_of,
    unb64,
    verify,
    verify_ed25519,
)

COSIGNATURE = b"\x04"
"""What a key signs is part of its id: cosignatures of version 1."""
_MOST = 2**63
_NUMBER = re.compile(r"0|[1-9][0-9]{0,18}")
_TIME = 8


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """The log `origin` had `size` leaves under `root` (32 octets)."""

    origin: str
    size: int
    root: bytes

    @property
    def text(self) -> str:
        """What is signed."""
        return f"{self.origin}\n{self.size}\n{base64.b64encode(self.root).decode('ascii')}\n"


@dataclass(frozen=True, slots=True)
class Cosigner:
    """A witness's name and public key (32 octets)."""

    name: str
    public: bytes

    @property
    def key_id(self) -> bytes:
        """Another one than if the same key signed notes."""
        return key_id_of(self.name, COSIGNATURE, self.public)


def read(text: str) -> Checkpoint:
    """A checkpoint's text. Raises NoteRefused. Lines of extensions are none of ours and refused."""
    lines = lines_of(text)
    if len(lines) != 3 or not lines[0] or not text.endswith("\n"):
        raise NoteRefused("not a checkpoint")
    root = unb64(lines[2])
    if len(root) != HASH:
        raise NoteRefused("a root has 32 octets")
    return Checkpoint(lines[0], number(lines[1]), root)


def number(text: str) -> int:
    """A size as it is written, below 2**63. Raises NoteRefused."""
    if not _NUMBER.fullmatch(text) or int(text) >= _MOST:
        raise NoteRefused("not a size")
    return int(text)


def origin_of(note: str) -> str:
    """Whose checkpoint it says to be. Raises NoteRefused."""
    return read(parse(note)[0]).origin


def open_checkpoint(note: str, origin: str, public: bytes) -> Checkpoint:
    """The checkpoint of the log `origin`, signed by its key. Raises NoteRefused."""
    checkpoint = read(verify(note, [Verifier(origin, public)]))
    if checkpoint.origin != origin:
        raise NoteRefused("a checkpoint of another log")
    return checkpoint


def cosign(text: str, name: str, key: Ed25519PrivateKey, at: int) -> str:
    """The witness's line under a checkpoint's text, at `at` seconds since 1970."""
    cosigner = Cosigner(name, key.public_key().public_bytes_raw())
    return line_of(name, cosigner.key_id, at.to_bytes(_TIME, "big") + key.sign(_cosigned(text, at)))


def verify_cosignature(note: str, cosigner: Cosigner) -> int:
    """When `cosigner` cosigned this note: seconds since 1970. Raises NoteRefused.

    The log's own signature is not looked at: that is `open_checkpoint`'s.
    """
    text, signatures = parse(note)
    octets = signature_of(signatures, cosigner.name, cosigner.key_id)
    at = int.from_bytes(octets[:_TIME], "big")
    if at >= _MOST:
        raise NoteRefused("not a time")
    verify_ed25519(cosigner.public, octets[_TIME:], _cosigned(text, at))
    return at


def _cosigned(text: str, at: int) -> bytes:
    return f"cosignature/v1\ntime {at}\n{text}".encode()
