"""Keys of the vault's call on one machine. In production two people hold the two roots, offline.

An app pins `vault/roots.json`; here the test client does.
"""

import json
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
    load_pem_private_key,
)

from foundation.settings import AuthoritySettings, VaultKeysSettings
from stack.home import Home
from stack.secret_files import random_key, write_secret
from vault.call.keyset import Certificate, certify

LIFE = timedelta(days=397)
RENEW_BEFORE = timedelta(days=30)
DEVICE_WAIT_SECONDS = 10
_NONCE_KEY = 32


@dataclass(frozen=True)
class VaultKeys:
    """The roots, the keyset key with its certificate, the nonces' key."""

    home: Home

    @property
    def roots(self) -> Path:
        """The roots' public keys: {"roots": [hex, hex]}."""
        return self.home.folder / "vault" / "roots.json"

    @property
    def log_key(self) -> Path:
        """What signs the log's checkpoints, until the vault's OpenBao signs."""
        return self.home.secret("vault-log.pem")

    @property
    def log_public(self) -> Path:
        """Its public half, for witnesses and readers."""
        return self.home.folder / "vault" / "log.pub.pem"

    @property
    def _certificate(self) -> Path:
        return self.home.folder / "vault" / "keyset-key.note"

    def settings(self) -> VaultKeysSettings:
        """Where the vault finds them."""
        return VaultKeysSettings(
            nonce_key_file=self.home.secret("vault-nonces"),
            keyset_key_file=self.home.secret("vault-keyset.pem"),
            certificate_file=self._certificate,
        )

    @property
    def genesis(self) -> Path:
        """The genesis of authority, as both roots signed it."""
        return self.home.secret("vault-genesis.json")

    def authority(self) -> AuthoritySettings:
        """Where the vault finds its authority. Here a new device waits 10 s."""
        return AuthoritySettings(
            roots_file=self.roots, genesis_file=self.genesis, device_wait_seconds=DEVICE_WAIT_SECONDS
        )

    def prepare(self, now: datetime | None = None) -> None:
        """Make what is missing; a certificate that ends within 30 days is made anew."""
        now = now or datetime.now(UTC)
        random_key(self.home.secret("vault-nonces"), _NONCE_KEY)
        roots = self.root_keys()
        signer = ed25519_key(self.home.secret("vault-keyset.pem"))
        self.roots.parent.mkdir(mode=0o700, exist_ok=True)
        self.log_public.write_bytes(public_pem(ed25519_key(self.log_key)))
        public = [root.public_key().public_bytes_raw().hex() for root in roots]
        self.roots.write_text(json.dumps({"roots": public}), encoding="utf-8")
        if self._certificate.exists() and self._ends() > now + RENEW_BEFORE:
            return
        # The second of its making: rising, as a keyset's version.
        made = Certificate(int(now.timestamp()), now + LIFE, signer.public_key().public_bytes_raw())
        self._certificate.write_text(certify(made, roots), encoding="utf-8")

    def root_keys(self) -> list[Ed25519PrivateKey]:
        """Both offline roots, which are not offline here; made when they are missing."""
        return [ed25519_key(self.home.secret(f"vault-root-{number}.pem")) for number in (1, 2)]

    def _ends(self) -> datetime:
        line = self._certificate.read_text(encoding="utf-8").splitlines()[2]
        return datetime.fromisoformat(line)


def ed25519_key(path: Path) -> Ed25519PrivateKey:
    """The Ed25519 key in `path` (PEM); made when there is none."""
    if not path.exists():
        pem = Ed25519PrivateKey.generate().private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
        write_secret(path, pem)
    key = load_pem_private_key(path.read_bytes(), None)
    if not isinstance(key, Ed25519PrivateKey):
        raise TypeError(f"{path} is not an Ed25519 key")
    return key


def public_pem(key: Ed25519PrivateKey) -> bytes:
    """The public half."""
    return key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
