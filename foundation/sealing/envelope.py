"""Envelopes: a text under a data key of its own, the data key under a key that never leaves OpenBao.

Body: 0x01 ‖ nonce 12 ‖ AES-256-GCM. Purpose and object are bound twice: as associated data of the body, and
as the context of the derived key that wraps the data key.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Protocol

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from foundation.ids import RandomBytes
from foundation.sealing.bao import NotOpened

_VERSION = b"\x01"
_NONCE = 12
_KEY = 32


class KeyWrap(Protocol):
    """foundation.sealing.transit.Transit."""

    async def encrypt(self, items: Sequence[tuple[bytes, bytes]]) -> list[str]: ...

    async def decrypt(self, items: Sequence[tuple[str, bytes]]) -> list[bytes]: ...


@dataclass(frozen=True, slots=True)
class Envelope:
    """A sealed text. `wrapped` is OpenBao's own form: "vault:v<key version>:<base64>"."""

    wrapped: str
    body: bytes = field(repr=False)


class Envelopes:
    """Seals and opens for one purpose ("contact")."""

    def __init__(self, keys: KeyWrap, purpose: str, random_bytes: RandomBytes) -> None:
        self._keys = keys
        self._purpose = purpose
        self._random_bytes = random_bytes

    async def seal(self, text: bytes, about: str) -> Envelope:
        """Seal for the object `about`. Raises SealingUnavailable."""
        key, nonce = self._random_bytes(_KEY), self._random_bytes(_NONCE)
        bound = self._bound_to(about)
        (wrapped,) = await self._keys.encrypt([(key, bound)])
        return Envelope(wrapped, _VERSION + nonce + AESGCM(key).encrypt(nonce, text, bound))

    async def open(self, envelope: Envelope, about: str) -> bytes:
        """The text. Raises SealingUnavailable, NotOpened."""
        if envelope.body[:1] != _VERSION:
            raise NotOpened("unknown version")
        bound = self._bound_to(about)
        (key,) = await self._keys.decrypt([(envelope.wrapped, bound)])
        nonce, sealed = envelope.body[1 : 1 + _NONCE], envelope.body[1 + _NONCE :]
        try:
            return AESGCM(key).decrypt(nonce, sealed, bound)
        except (InvalidTag, ValueError) as error:
            raise NotOpened("not sealed for this") from error

    def _bound_to(self, about: str) -> bytes:
        return b"ioc/envelope/v1\0" + self._purpose.encode("ascii") + b"\0" + about.encode("utf-8")
