"""The octets of what lies under an epoch key. Big-endian; `lp(x)` = u16 length ‖ x.

Data key: 0x01 ‖ epoch u32 ‖ nonce 12 ‖ ciphertext 48; associated data =
    lp("ioc-vault/datakey/v1") ‖ lp(tenant) ‖ class u8 ‖ epoch u32 ‖ record id 16.
Small things: 0x01 ‖ epoch u32 ‖ nonce 12 ‖ ciphertext; associated data =
    lp("ioc-vault/small/v1") ‖ lp(tenant) ‖ class u8 ‖ epoch u32 ‖ lp(name).
Context of the transit key that wraps an epoch key =
    lp("ioc-vault/epochkey/v1") ‖ lp(tenant) ‖ class u8 ‖ epoch u32.
"""

from dataclasses import dataclass
from uuid import UUID

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from vault.call.octets import lp
from vault.keyring.errors import EnvelopeRefused
from vault.keyring.memory import wipe
from vault.keyring.types import Class

VERSION = b"\x01"
KEY = 32
NONCE = 12
TAG = 16
HEAD = 1 + 4 + NONCE
DATA_KEY = HEAD + KEY + TAG
"""Octets of a wrapped data key."""


@dataclass(frozen=True, slots=True)
class Epoch:
    """An epoch key by its place: whose, of which class, the how manieth."""

    tenant: str
    class_: Class
    number: int

    @property
    def octets(self) -> bytes:
        """lp(tenant) ‖ class u8 ‖ epoch u32."""
        return lp(self.tenant.encode("ascii")) + bytes([self.class_]) + self.number.to_bytes(4, "big")

    @property
    def context(self) -> bytes:
        """What derives the key that wraps it."""
        return lp(b"ioc-vault/epochkey/v1") + self.octets


def of_data_key(epoch: Epoch, record: UUID) -> bytes:
    """What a data key is bound to."""
    return lp(b"ioc-vault/datakey/v1") + epoch.octets + record.bytes


def of_small_thing(epoch: Epoch, name: bytes) -> bytes:
    """What a small thing is bound to."""
    return lp(b"ioc-vault/small/v1") + epoch.octets + lp(name)


def number_of(envelope: bytes) -> int:
    """The epoch that an envelope names, nothing proven yet. Raises EnvelopeRefused."""
    if len(envelope) < HEAD + TAG or envelope[:1] != VERSION:
        raise EnvelopeRefused("not an envelope of this version")
    return int.from_bytes(envelope[1:5], "big")


def seal(key: bytearray, epoch: Epoch, nonce: bytes, content: bytes | bytearray, bound: bytes) -> bytes:
    """`content` under an epoch key."""
    return VERSION + epoch.number.to_bytes(4, "big") + nonce + AESGCM(key).encrypt(nonce, content, bound)


def unseal(key: bytearray, envelope: bytes, bound: bytes) -> bytearray:
    """The content, in a buffer that the caller wipes. Raises EnvelopeRefused."""
    found = bytearray(len(envelope) - HEAD - TAG)
    try:
        AESGCM(key).decrypt_into(envelope[5:HEAD], envelope[HEAD:], bound, found)
    except InvalidTag:
        wipe(found)
        raise EnvelopeRefused("not sealed for this place") from None
    return found
