"""Keys from files: Ed25519, PEM."""

from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import load_pem_private_key, load_pem_public_key


class KeyFileError(Exception):
    """No such file, or no such key in it. The message names the file alone."""


def private_key(file: Path) -> Ed25519PrivateKey:
    """A private key. Raises KeyFileError."""
    try:
        key = load_pem_private_key(file.read_bytes(), None)
    except (OSError, ValueError, TypeError) as error:
        raise KeyFileError(f"{file}: {type(error).__name__}") from error
    if not isinstance(key, Ed25519PrivateKey):
        raise KeyFileError(f"{file}: not an Ed25519 key")
    return key


def public_key(file: Path) -> bytes:
    """The 32 octets of a public key. Raises KeyFileError."""
    try:
        key = load_pem_public_key(file.read_bytes())
    except (OSError, ValueError) as error:
        raise KeyFileError(f"{file}: {type(error).__name__}") from error
    if not isinstance(key, Ed25519PublicKey):
        raise KeyFileError(f"{file}: not an Ed25519 public key")
    return key.public_bytes_raw()
