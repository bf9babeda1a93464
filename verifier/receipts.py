"""Receipts: entries of the third, public log. Whoever has a statement and its salt finds it in the tree."""

import hashlib

from verifier.merkle import leaf_hash

SALT = 16
"""Octets."""


def entry_of(salt: bytes, statement: bytes) -> bytes:
    """SHA-256(salt ‖ statement): what stands in the log. `statement` is its JSON, byte for byte."""
    if len(salt) != SALT:
        raise ValueError("a salt has 16 octets")
    return hashlib.sha256(salt + statement).digest()


def receipt_hash(salt: bytes, statement: bytes) -> bytes:
    """The leaf hash (RFC 6962) of a receipt's entry."""
    return leaf_hash(entry_of(salt, statement))
