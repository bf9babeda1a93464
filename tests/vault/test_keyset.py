"""The chain root → keyset key → daily keyset, and what an app refuses of it."""

from datetime import datetime, timedelta

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from tests.vault.parts import KEY, NOW
from vault.call.keyset import (
    KEYSET_NAME,
    Certificate,
    Keyset,
    KeysetRefused,
    ListedKey,
    Seen,
    accept,
    certify,
    issue,
)
from verifier import notes

ROOTS = [Ed25519PrivateKey.generate(), Ed25519PrivateKey.generate()]
SIGNER = Ed25519PrivateKey.generate()
PINNED = (ROOTS[0].public_key().public_bytes_raw(), ROOTS[1].public_key().public_bytes_raw())
EXPIRES = NOW.replace(microsecond=0) + timedelta(hours=48)


def _certificate(version: int = 2, not_after: datetime = EXPIRES, roots: list = ROOTS) -> str:
    return certify(Certificate(version, not_after, SIGNER.public_key().public_bytes_raw()), roots)


def _keyset(version: int = 5, expires: datetime = EXPIRES, key_ends: datetime = EXPIRES) -> str:
    return issue(Keyset(version, expires, (ListedKey(KEY.public, key_ends),)), SIGNER)


def _accept(
    certificate: str | None = None, keyset: str | None = None, *, seen: Seen | None = None
) -> tuple[Keyset, Seen]:
    return accept(
        certificate or _certificate(), keyset or _keyset(), roots=PINNED, seen=seen or Seen(), now=NOW
    )


def test_keyset_of_the_chain_is_taken_and_remembered() -> None:
    keyset, seen = _accept()
    assert keyset.keys == (ListedKey(KEY.public, EXPIRES),)
    assert seen == Seen(2, 5)


def test_same_versions_are_taken_again() -> None:
    assert _accept(seen=Seen(2, 5))[1] == Seen(2, 5)


@pytest.mark.parametrize("seen", [Seen(3, 0), Seen(0, 6), Seen(3, 6)])
def test_lower_version_than_seen_is_refused(seen: Seen) -> None:
    with pytest.raises(KeysetRefused):
        _accept(seen=seen)


def test_certificate_of_one_root_is_refused() -> None:
    for roots in ([ROOTS[0]], [ROOTS[1]], [ROOTS[0], ROOTS[0]], [Ed25519PrivateKey.generate(), ROOTS[1]]):
        with pytest.raises(KeysetRefused):
            _accept(_certificate(roots=roots))


def test_one_root_pinned_twice_is_refused() -> None:
    with pytest.raises(KeysetRefused):
        accept(_certificate(roots=[ROOTS[0]]), _keyset(), roots=(PINNED[0], PINNED[0]), seen=Seen(), now=NOW)


def test_keyset_of_another_signer_is_refused() -> None:
    stranger = Ed25519PrivateKey.generate()
    with pytest.raises(KeysetRefused):
        _accept(keyset=issue(Keyset(5, EXPIRES, (ListedKey(KEY.public, EXPIRES),)), stranger))


def test_keyset_signed_by_a_root_is_refused() -> None:
    with pytest.raises(KeysetRefused):
        _accept(keyset=issue(Keyset(5, EXPIRES, (ListedKey(KEY.public, EXPIRES),)), ROOTS[0]))


def test_what_ran_out_is_refused() -> None:
    with pytest.raises(KeysetRefused):
        _accept(_certificate(not_after=NOW))
    with pytest.raises(KeysetRefused):
        _accept(keyset=_keyset(expires=NOW))
    with pytest.raises(KeysetRefused):
        _accept(keyset=_keyset(key_ends=NOW))


def test_keyset_that_would_live_longer_than_two_days_is_refused() -> None:
    with pytest.raises(KeysetRefused):
        _accept(keyset=_keyset(expires=EXPIRES + timedelta(minutes=6)))


def test_note_with_any_octet_changed_is_refused() -> None:
    for certificate, keyset, which in ((_certificate(), _keyset(), 0), (_certificate(), _keyset(), 1)):
        note = (certificate, keyset)[which].encode()
        taken = []
        for place in range(len(note)):
            changed = bytearray(note)
            changed[place] ^= 1
            text = bytes(changed).decode("utf-8", "replace")
            pair = (text, keyset) if which == 0 else (certificate, text)
            try:
                _accept(*pair)
            except KeysetRefused:
                continue
            taken.append(place)
        assert taken == []


def test_key_under_another_id_is_refused() -> None:
    text = notes.verify(
        _keyset(), [notes.Verifier(KEYSET_NAME, SIGNER.public_key().public_bytes_raw())]
    ).replace(KEY.kid.hex(), "00" * 8)
    with pytest.raises(KeysetRefused):
        _accept(keyset=notes.sign(text, KEYSET_NAME, [SIGNER]))


@pytest.mark.parametrize("change", [("v1", "v2"), ("647a00010002", "001000010001"), ("\n5\n", "\n05\n")])
def test_keyset_of_another_form_is_refused_though_signed(change: tuple[str, str]) -> None:
    text = notes.verify(_keyset(), [notes.Verifier(KEYSET_NAME, SIGNER.public_key().public_bytes_raw())])
    assert change[0] in text
    with pytest.raises(KeysetRefused):
        _accept(keyset=notes.sign(text.replace(*change), KEYSET_NAME, [SIGNER]))


def test_certificate_is_no_keyset() -> None:
    with pytest.raises(KeysetRefused):
        _accept(keyset=_certificate())
    with pytest.raises(KeysetRefused):
        _accept(certificate=_keyset())


def test_foreign_signature_beside_ours_is_passed_over() -> None:
    foreign = notes.sign("x\n", "somebody.else", [Ed25519PrivateKey.generate()]).rpartition("\n\n")[2]
    assert _accept(keyset=_keyset() + foreign)[1] == Seen(2, 5)
