"""X-Wing keys (draft-connolly-cfrg-xwing-kem) of the one suite: HPKE X-Wing, HKDF-SHA-256, AES-256-GCM."""

import hashlib
from dataclasses import dataclass, field

from cryptography.hazmat.primitives import hpke
from cryptography.hazmat.primitives.asymmetric.mlkem import MLKEM768PrivateKey, MLKEM768PublicKey
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey

SUITE = bytes.fromhex("647a00010002")
"""KEM, KDF, AEAD as HPKE numbers them (RFC 9180, 7)."""
HPKE = hpke.Suite(hpke.KEM.MLKEM768_X25519, hpke.KDF.HKDF_SHA256, hpke.AEAD.AES_256_GCM)
ENCAPSULATED = 1120
TAG = 16
KID = 8
SEED = 32
PUBLIC = 1216
_MLKEM_PUBLIC = 1184
_MLKEM_SEED = 64


def kid_of(public: bytes) -> bytes:
    """A key's id: the first 8 octets of SHA-256(suite ‖ key)."""
    return hashlib.sha256(SUITE + public).digest()[:KID]


@dataclass(frozen=True, slots=True)
class RequestKey:
    """A key that requests are sealed to, with its private half: the vault's alone."""

    private: hpke.MLKEM768X25519PrivateKey = field(repr=False)
    public: bytes

    @property
    def kid(self) -> bytes:
        """Its id."""
        return kid_of(self.public)

    @classmethod
    def of_seed(cls, seed: bytes) -> "RequestKey":
        """The key pair of a 32-octet seed. Raises ValueError."""
        if len(seed) != SEED:
            raise ValueError("a seed has 32 octets")
        both = hashlib.shake_256(seed).digest(_MLKEM_SEED + 32)
        lattice = MLKEM768PrivateKey.from_seed_bytes(both[:_MLKEM_SEED])
        curve = X25519PrivateKey.from_private_bytes(both[_MLKEM_SEED:])
        public = lattice.public_key().public_bytes_raw() + curve.public_key().public_bytes_raw()
        return cls(hpke.MLKEM768X25519PrivateKey(lattice, curve), public)


def public_key(octets: bytes) -> hpke.MLKEM768X25519PublicKey:
    """The key that is sealed to. Raises ValueError."""
    if len(octets) != PUBLIC:
        raise ValueError("a key has 1,216 octets")
    return hpke.MLKEM768X25519PublicKey(
        MLKEM768PublicKey.from_public_bytes(octets[:_MLKEM_PUBLIC]),
        X25519PublicKey.from_public_bytes(octets[_MLKEM_PUBLIC:]),
    )
