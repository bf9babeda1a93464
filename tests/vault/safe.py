"""Small secrets as the keyring seals them, without OpenBao."""

import secrets

from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from foundation.errors import Refusal


class SafeAway(Refusal):
    """As vault.keyring.errors.KeyringUnavailable."""

    code = "vault.keyring_unavailable"
    vi = "Không phục vụ."
    en = "Away."


class Safe:
    """Seals and opens by name; counts openings; or is away."""

    def __init__(self) -> None:
        self._key = AESGCM(AESGCM.generate_key(256))
        self.opened = 0
        self.away = False

    async def seal_secret(self, name: bytes, plaintext: bytes | bytearray) -> bytes:
        """As vault.keyring.service.Keyring."""
        if self.away:
            raise SafeAway
        nonce = secrets.token_bytes(12)
        return nonce + self._key.encrypt(nonce, bytes(plaintext), name)

    async def unseal_secret(self, name: bytes, sealed: bytes) -> bytearray:
        """As vault.keyring.service.Keyring."""
        if self.away:
            raise SafeAway
        self.opened += 1
        return bytearray(self._key.decrypt(sealed[:12], sealed[12:], name))
