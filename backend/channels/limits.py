"""Limits of what a channel may send. The database repeats the lengths."""

import re
import unicodedata

from foundation.errors import InvalidInput
from foundation.texts import MAX_TEXT, checked_text

LONGEST_BODY = 65_536
"""Octets of a message: a text of 4,000 characters, each written as \\uXXXX, and room."""
MAX_PLACE = 300
MAX_CODE = 40
CLOCK_SECONDS = 300
NOWHERE_KNOWN = "Chưa rõ địa điểm"
_OWN_ID = re.compile(r"[\x21-\x7e]{1,128}")


def checked_own_id(value: str) -> str:
    """The channel's own id. Raises InvalidInput."""
    if not _OWN_ID.fullmatch(value):
        raise InvalidInput("id")
    return value


def checked_words(field: str, value: str, longest: int = MAX_TEXT) -> str:
    """A text of a person, NFC. Raises InvalidInput as `checked_text`."""
    return unicodedata.normalize("NFC", checked_text(field, value, longest))


def checked_code(field: str, value: str | None) -> str | None:
    """A code that need not exist; none for an empty one. Raises InvalidInput for what can't be one."""
    if value is None or not value.strip():
        return None
    return checked_text(field, value, MAX_CODE)
