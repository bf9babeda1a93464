"""Identifiers: inside (uuidv7) and outside (codes, global ids). Formats: `docs/architecture/formats.md`."""

import base64
import binascii
import contextlib
import re
import secrets
from collections.abc import Callable
from uuid import UUID

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESSIV
from uuid_utils.compat import uuid7

from foundation.errors import InvalidInput

RandomBytes = Callable[[int], bytes]
NewId = Callable[[], UUID]

_CROCKFORD = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
_LOOKALIKES = str.maketrans({"I": "1", "L": "1", "O": "0"})
_LONGEST_CODE = 64
_CODE = re.compile(rf"[{_CROCKFORD}]{{16}}")
_UNIT_CODE = re.compile(r"[0-9]{5}|[CDP][0-9]{4}")
_SEALED_VERSION = b"\x01"


def new_uuid() -> UUID:
    """A uuidv7 (RFC 9562, 5.7). Never public: it tells the moment of its making."""
    return uuid7()


def b64u(octets: bytes) -> str:
    """Base64url without padding (RFC 4648, 5)."""
    return base64.urlsafe_b64encode(octets).rstrip(b"=").decode("ascii")


def unb64u(text: str) -> bytes:
    """Inverse of `b64u`. Raises InvalidInput on anything that `b64u` would not have written."""
    try:
        octets = base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True)
    except (binascii.Error, ValueError) as error:
        raise InvalidInput("id") from error
    if b64u(octets) != text:
        raise InvalidInput("id")
    return octets


def new_report_code(random_bytes: RandomBytes = secrets.token_bytes) -> str:
    """A report's public code: 16 Crockford base32 characters, 80 random bits."""
    number = int.from_bytes(random_bytes(10), "big")
    return "".join(_CROCKFORD[(number >> (5 * place)) & 31] for place in range(15, -1, -1))


def parse_report_code(text: str) -> str:
    """The canonical code behind what a person typed: case, dashes, spaces ignored; I, L read as 1, O as 0.

    Raises InvalidInput when it can't be one.
    """
    code = text.upper().replace("-", "").replace(" ", "").translate(_LOOKALIKES)
    # Some other letters become ASCII in upper case.
    if len(text) > _LONGEST_CODE or not text.isascii() or not _CODE.fullmatch(code):
        raise InvalidInput("code")
    return code


def show_report_code(code: str) -> str:
    """A code as people read it: 4-4-4-4."""
    return "-".join(code[start : start + 4] for start in range(0, 16, 4))


def is_unit_code(text: str) -> bool:
    """Whether `text` can be the code of a unit; what can't is none, and not asked of the database."""
    return _UNIT_CODE.fullmatch(text) is not None


class GlobalIds:
    """Relay global ids. Objects with a public code carry it; others are sealed with AES-SIV (RFC 5297)."""

    def __init__(self, key: bytes, accepted: tuple[bytes, ...] = ()) -> None:
        self._siv = AESSIV(key)
        self._open = tuple(AESSIV(one) for one in (key, *accepted))

    @staticmethod
    def of_code(kind: str, code: str) -> str:
        """b64u(kind ":" code)."""
        return b64u(f"{kind}:{code}".encode())

    @staticmethod
    def parse_code(global_id: str) -> tuple[str, str]:
        """(kind, code). Raises InvalidInput."""
        try:
            kind, separator, code = unb64u(global_id[:256]).decode("ascii").partition(":")
        except UnicodeDecodeError as error:
            raise InvalidInput("id") from error
        if not (kind and separator and code):
            raise InvalidInput("id")
        return kind, code

    def of_uuid(self, kind: str, uuid: UUID) -> str:
        """b64u(0x01 ‖ AES-SIV(kind ‖ uuid))."""
        return b64u(_SEALED_VERSION + self._siv.encrypt(kind.encode("ascii") + uuid.bytes, None))

    def parse_uuid(self, kind: str, global_id: str) -> UUID:
        """The uuid of an id of this kind. Raises InvalidInput for any other."""
        octets = unb64u(global_id[:256])
        if octets[:1] != _SEALED_VERSION:
            raise InvalidInput("id")
        plain = self._opened(octets[1:])
        if plain[:-16] != kind.encode("ascii"):
            raise InvalidInput("id")
        return UUID(bytes=plain[-16:])

    def _opened(self, sealed: bytes) -> bytes:
        for siv in self._open:
            with contextlib.suppress(InvalidTag, ValueError):
                return siv.decrypt(sealed, None)
        raise InvalidInput("id")
