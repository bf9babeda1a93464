"""Which keys requests are sealed to: two offline roots sign the keyset key, that signs the daily keyset.

An app pins the roots and keeps the highest versions that it saw: it takes nothing older, whoever sends it.
"""

import base64
import re
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from vault.call.keys import KID, PUBLIC, SUITE, kid_of
from verifier.notes import NoteRefused, Verifier, lines_of, sign, unb64, verify

ROOT_NAME = "ioc.hanoi.gov.vn/vault/root"
KEYSET_NAME = "ioc.hanoi.gov.vn/vault/keyset"
LONGEST_LIFE = timedelta(hours=48)
SKEW = timedelta(minutes=5)
_CERTIFICATE = "ioc-vault/keyset-key/v1"
_KEYSET = "ioc-vault/keyset/v1"
_MOMENT = "%Y-%m-%dT%H:%M:%SZ"
_MOMENT_FORM = re.compile(r"[0-9]{4}(-[0-9]{2}){2}T[0-9]{2}(:[0-9]{2}){2}Z")
_NUMBER = re.compile(r"[1-9][0-9]{0,17}")
_KEY_LINE = re.compile(rf"([0-9a-f]{{{2 * KID}}}) {SUITE.hex()} ([A-Za-z0-9+/=]+) (\S+)")
_MOST_KEYS = 8


class KeysetRefused(ValueError):
    """Not the vault's keys of now. Nothing may be sealed to them."""


@dataclass(frozen=True, slots=True)
class ListedKey:
    """A key that requests may be sealed to until `not_after`."""

    public: bytes
    not_after: datetime


@dataclass(frozen=True, slots=True)
class Certificate:
    """The keyset key, as both roots signed it. `version` only rises."""

    version: int
    not_after: datetime
    public: bytes


@dataclass(frozen=True, slots=True)
class Keyset:
    """The keys of a day, the one to use first. `version` only rises."""

    version: int
    expires: datetime
    keys: tuple[ListedKey, ...]


def certify(certificate: Certificate, roots: Iterable[Ed25519PrivateKey]) -> str:
    """The keyset key's certificate: done offline, by the roots' holders."""
    key = base64.b64encode(certificate.public).decode("ascii")
    lines = [_CERTIFICATE, str(certificate.version), _written(certificate.not_after), key]
    return sign("".join(f"{line}\n" for line in lines), ROOT_NAME, roots)


def issue(keyset: Keyset, keyset_key: Ed25519PrivateKey) -> str:
    """The keyset as a note, signed by the keyset key."""
    lines = [_KEYSET, str(keyset.version), _written(keyset.expires)]
    for key in keyset.keys:
        public = base64.b64encode(key.public).decode("ascii")
        lines.append(f"{kid_of(key.public).hex()} {SUITE.hex()} {public} {_written(key.not_after)}")
    return sign("".join(f"{line}\n" for line in lines), KEYSET_NAME, [keyset_key])


@dataclass(frozen=True, slots=True)
class Seen:
    """The highest versions that an app has taken so far: kept with the app's data."""

    certificate: int = 0
    keyset: int = 0


def accept(
    certificate: str, keyset: str, *, roots: tuple[bytes, bytes], seen: Seen, now: datetime
) -> tuple[Keyset, Seen]:
    """The app's half: the keys of now, the first to be used, and the versions to keep. Raises KeysetRefused.

    `roots` are the two pinned public keys; both must have signed.
    """
    try:
        if roots[0] == roots[1]:
            raise NoteRefused("two roots are two keys")
        signer = _certificate(verify(certificate, [Verifier(ROOT_NAME, root) for root in roots]))
        found = _keyset(verify(keyset, [Verifier(KEYSET_NAME, signer.public)]))
    except NoteRefused as error:
        raise KeysetRefused(str(error)) from error
    if signer.version < seen.certificate or found.version < seen.keyset:
        raise KeysetRefused("older than what was seen")
    if signer.not_after <= now or found.expires <= now:
        raise KeysetRefused("it has run out")
    if found.expires > now + LONGEST_LIFE + SKEW:
        raise KeysetRefused("it would live longer than 48 hours")
    usable = tuple(key for key in found.keys if key.not_after > now)
    if not usable:
        raise KeysetRefused("no key of it lives")
    return Keyset(found.version, found.expires, usable), Seen(signer.version, found.version)


def _certificate(text: str) -> Certificate:
    lines = lines_of(text)
    if len(lines) != 4 or lines[0] != _CERTIFICATE:
        raise NoteRefused("not a keyset key's certificate")
    public = unb64(lines[3])
    if len(public) != 32:
        raise NoteRefused("a keyset key has 32 octets")
    return Certificate(_number(lines[1]), _read(lines[2]), public)


def _keyset(text: str) -> Keyset:
    lines = lines_of(text)
    if not 4 <= len(lines) <= 3 + _MOST_KEYS or lines[0] != _KEYSET:
        raise NoteRefused("not a keyset")
    return Keyset(_number(lines[1]), _read(lines[2]), tuple(map(_listed, lines[3:])))


def _listed(line: str) -> ListedKey:
    match = _KEY_LINE.fullmatch(line)
    if match is None:
        raise NoteRefused("not a key of this suite")
    public = unb64(match[2])
    if len(public) != PUBLIC or kid_of(public).hex() != match[1]:
        raise NoteRefused("a key that is not what its id says")
    return ListedKey(public, _read(match[3]))


def _number(text: str) -> int:
    if not _NUMBER.fullmatch(text):
        raise NoteRefused("not a version")
    return int(text)


def _read(text: str) -> datetime:
    if not _MOMENT_FORM.fullmatch(text):
        raise NoteRefused("not a moment")
    try:
        return datetime.strptime(text, _MOMENT).replace(tzinfo=UTC)
    except ValueError as error:
        raise NoteRefused("not a moment") from error


def _written(moment: datetime) -> str:
    return moment.astimezone(UTC).strftime(_MOMENT)
