"""Receipts' entries, as formats.md has them."""

import hashlib

import pytest

from verifier.receipts import entry_of, receipt_hash

STATEMENT = b'{"v":1,"kind":"report","code":"0123456789ABCDEF","state":"closed","version":3,"at":"2026"}'


def test_entry_and_leaf_are_those_of_the_formats() -> None:
    entry = hashlib.sha256(bytes(16) + STATEMENT).digest()
    assert entry_of(bytes(16), STATEMENT) == entry
    assert receipt_hash(bytes(16), STATEMENT) == hashlib.sha256(b"\x00" + entry).digest()


def test_salt_of_another_length_is_none() -> None:
    with pytest.raises(ValueError, match="16 octets"):
        entry_of(bytes(15), STATEMENT)
