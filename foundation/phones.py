"""Citizens' phone numbers: read, compared without being kept, sealed while somebody must send to them.

A number is never stored in the backend as it is. There are some 10⁹ Vietnamese mobile numbers, so a plain
hash of one is the number; what is stored is HMAC under a key that lies outside the database, and while
somebody must send to it a sealed form (docs/decisions/0026-phone-numbers.md).
"""

import contextlib
import hashlib
import hmac
import secrets
from dataclasses import dataclass, field
from pathlib import Path
from uuid import UUID

import phonenumbers
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from foundation.errors import InvalidInput
from foundation.ids import RandomBytes, b64u, unb64u
from foundation.keyring import KeyRing

REGION = "VN"
SHOWN_DIGITS = 3
KEY_BYTES = 32
_LONGEST = 20
_VERSION = b"\x01"
_NONCE = 12
_MOBILE = (phonenumbers.PhoneNumberType.MOBILE, phonenumbers.PhoneNumberType.FIXED_LINE_OR_MOBILE)


class NotOpened(ValueError):
    """A sealed number was made with another key, for another purpose or another object."""


@dataclass(frozen=True, slots=True)
class Phone:
    """A Vietnamese mobile number. Its text stays out of logs: `repr` shows the ending alone."""

    e164: str = field(repr=False)

    @classmethod
    def parse(cls, text: str, field_name: str = "phone") -> "Phone":
        """The number behind what a person typed: "0912 345 678", "+84912345678".

        Raises InvalidInput for anything that is no Vietnamese mobile number: fixed lines and premium numbers
        get no code, for whoever owns one earns by each message.
        """
        if len(text) > _LONGEST or not text.isascii():
            raise InvalidInput(field_name)
        try:
            number = phonenumbers.parse(text, REGION)
        except phonenumbers.NumberParseException as error:
            raise InvalidInput(field_name) from error
        if (
            not phonenumbers.is_valid_number_for_region(number, REGION)
            or phonenumbers.number_type(number) not in _MOBILE
            or number.extension
        ):
            raise InvalidInput(field_name)
        return cls(phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164))

    @property
    def ending(self) -> str:
        """The last digits: enough for its owner to know which one is meant."""
        return self.e164[-SHOWN_DIGITS:]

    def __repr__(self) -> str:
        return f"Phone(…{self.ending})"

    __str__ = __repr__


class PhoneDigests:
    """HMAC-SHA-256 of numbers and codes. `key` has 32 bytes or more and lies outside the database."""

    def __init__(self, key: bytes) -> None:
        if len(key) < KEY_BYTES:
            raise ValueError("the key of phone digests is too short")
        self._key = key

    @classmethod
    def from_file(cls, path: Path) -> "PhoneDigests":
        """The digests under a key file's key, which is taken as it lies there."""
        return cls(path.read_bytes())

    def of(self, phone: Phone) -> bytes:
        """32 bytes that stand for the number: the same for the same number, for as long as the key."""
        return self._hmac(b"ioc/phone/v1", phone.e164.encode("ascii"))

    def of_code(self, about: UUID, digest: bytes, code: str) -> bytes:
        """32 bytes that stand for a code sent about `about` to the number of `digest`, and for no other."""
        return self._hmac(b"ioc/phone-code/v1", about.bytes + digest + code.encode())

    def _hmac(self, purpose: bytes, message: bytes) -> bytes:
        return hmac.new(self._key, bytes((len(purpose),)) + purpose + message, hashlib.sha256).digest()


class PhoneSeal:
    """Seals short texts for minutes: 0x01 ‖ nonce 12 ‖ AES-256-GCM, bound to a purpose and an object's id."""

    def __init__(
        self,
        key: bytes,
        random_bytes: RandomBytes = secrets.token_bytes,
        accepted: tuple[bytes, ...] = (),
    ) -> None:
        if any(len(one) != KEY_BYTES for one in (key, *accepted)):
            raise ValueError("the key of sealed numbers has 32 bytes")
        self._cipher = AESGCM(key)
        self._ciphers = tuple(AESGCM(one) for one in (key, *accepted))
        self._random_bytes = random_bytes

    @classmethod
    def from_file(cls, path: Path) -> "PhoneSeal":
        """The seal under a key file's key, which is taken as it lies there, with those accepted beside it."""
        ring = KeyRing.read(path)
        return cls(ring.newest, accepted=ring.accepted)

    def seal(self, text: str, purpose: str, about: UUID) -> bytes:
        """The sealed text."""
        nonce = self._random_bytes(_NONCE)
        return _VERSION + nonce + self._cipher.encrypt(nonce, text.encode(), _bound_to(purpose, about))

    def open(self, sealed: bytes, purpose: str, about: UUID) -> str:
        """The text. Raises NotOpened."""
        if sealed[:1] != _VERSION:
            raise NotOpened("unknown version")
        nonce, body = sealed[1 : 1 + _NONCE], sealed[1 + _NONCE :]
        for cipher in self._ciphers:
            with contextlib.suppress(InvalidTag, ValueError):
                return cipher.decrypt(nonce, body, _bound_to(purpose, about)).decode()
        raise NotOpened("not sealed for this")

    def seal_text(self, text: str, purpose: str, about: UUID) -> str:
        """As `seal`, base64url."""
        return b64u(self.seal(text, purpose, about))

    def open_text(self, sealed: str, purpose: str, about: UUID) -> str:
        """Inverse of `seal_text`. Raises NotOpened."""
        try:
            octets = unb64u(sealed)
        except InvalidInput as error:
            raise NotOpened("not base64url") from error
        return self.open(octets, purpose, about)


def _bound_to(purpose: str, about: UUID) -> bytes:
    return b"ioc/phone-seal/v1\0" + purpose.encode("ascii") + b"\0" + about.bytes
