"""The vault's own nonces: HMAC of a 120 s bucket, so that every copy of the process knows them."""

import hashlib
import hmac
from datetime import datetime

from foundation.ids import b64u
from vault.call.octets import VERSION, lp

BUCKET_SECONDS = 120
_MAC = 16


class Nonces:
    """Makes and knows nonces. One lives for what is left of its bucket and the next one: 120 to 240 s."""

    def __init__(self, key: bytes) -> None:
        if len(key) < 32:
            raise ValueError("the nonces' key has at least 32 octets")
        self._key = key

    def at(self, now: datetime) -> str:
        """The nonce of this bucket: b64u(0x01 ‖ 16 octets). Opaque to apps."""
        return self._of(int(now.timestamp()) // BUCKET_SECONDS)

    def knows(self, nonce: object, now: datetime) -> bool:
        """Whether it is of this bucket or the one before; the caller refuses."""
        bucket = int(now.timestamp()) // BUCKET_SECONDS
        if not (isinstance(nonce, str) and nonce.isascii()):
            return False
        return any(hmac.compare_digest(nonce, self._of(one)) for one in (bucket, bucket - 1))

    def _of(self, bucket: int) -> str:
        message = lp("ioc-vault/nonce/v1") + bucket.to_bytes(8, "big")
        return b64u(VERSION + hmac.digest(self._key, message, hashlib.sha256)[:_MAC])
