"""A record's octets: 0x01 ‖ nonce 12 ‖ ciphertext (AES-256-GCM under the record's own data key).

Associated data = lp("ioc-vault/record/v1") ‖ lp(tenant) ‖ class u8 ‖ record id 16 ‖ version u64 ‖ lp(schema).
Big-endian; lp(x) = u16 length ‖ x. Vectors: `mobile_contract/vectors/vault/record.json`.
"""

from dataclasses import dataclass
from uuid import UUID

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from vault.call.octets import lp
from vault.keyring.memory import wipe
from vault.keyring.types import Class

VERSION = b"\x01"
NONCE = 12
_HEAD = len(VERSION) + NONCE
_TAG = 16


class RecordUnreadable(Exception):
    """Octets that are not this version of this record: changed, moved, or of a form that nobody writes.

    A fault of what is kept, and no answer to a person; the text holds nothing of the content.
    """


@dataclass(frozen=True, slots=True)
class Place:
    """Which version of which record: what the octets are bound to."""

    tenant: str
    class_: Class
    record: UUID
    version: int
    schema: str
    """What the content is written in: "cadre/v1"."""

    @property
    def octets(self) -> bytes:
        """The associated data. Raises OverflowError for a version that is no u64."""
        return (
            lp("ioc-vault/record/v1")
            + lp(self.tenant)
            + bytes([self.class_])
            + self.record.bytes
            + self.version.to_bytes(8, "big")
            + lp(self.schema)
        )


def seal(key: bytes | bytearray, place: Place, nonce: bytes, content: bytes | bytearray) -> bytes:
    """`content` as this version. `nonce` is 12 fresh random octets: all versions are under one key."""
    if len(nonce) != NONCE:
        raise ValueError("a nonce has 12 octets")
    return VERSION + nonce + AESGCM(key).encrypt(nonce, content, place.octets)


def unseal(key: bytes | bytearray, place: Place, sealed: bytes) -> bytearray:
    """The content, in a buffer that the caller wipes. Raises RecordUnreadable."""
    if len(sealed) < _HEAD + _TAG or not sealed.startswith(VERSION):
        raise RecordUnreadable("no octets of this version")
    content = bytearray(len(sealed) - _HEAD - _TAG)
    try:
        AESGCM(key).decrypt_into(sealed[len(VERSION) : _HEAD], sealed[_HEAD:], place.octets, content)
    except InvalidTag:
        wipe(content)
        raise RecordUnreadable("not sealed for this place") from None
    return content
