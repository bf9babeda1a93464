"""Texts that people write. An administrator's names are shown to everybody: nothing in them may mislead."""

import unicodedata

from foundation.errors import InvalidInput

MAX_NAME = 200
MAX_NOTE = 300
MAX_TEXT = 4_000
# Control, format (bidi, zero width), surrogate, private, unassigned; line and paragraph separators.
_HIDDEN = frozenset({"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"})
# They turn what follows around: somebody reads something else than stands there. Refused, not removed.
_DIRECTION = frozenset("\u061c\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")
# Vietnamese never needs more: a letter is one character in NFC, or a letter and its tone.
MOST_MARKS = 1


def checked_label(field: str, value: str, longest: int = MAX_NAME) -> str:
    """A name or note in its one form: NFC, single spaces, at least one letter, nothing invisible.

    Raises InvalidInput naming the field.
    """
    if len(value) > 4 * longest or any(unicodedata.category(letter) in _HIDDEN for letter in value):
        raise InvalidInput(field)
    label = unicodedata.normalize("NFC", " ".join(value.split()))
    if not 1 <= len(label) <= longest or not any(letter.isalpha() for letter in label):
        raise InvalidInput(field)
    marks = 0
    for letter in label:
        marks = marks + 1 if unicodedata.category(letter).startswith("M") else 0
        if marks > MOST_MARKS:
            raise InvalidInput(field)
    return label


def checked_text(field: str, value: str, longest: int = MAX_TEXT) -> str:
    """`value` trimmed. Raises InvalidInput: empty, too long, or controls, those of direction too."""
    trimmed = value.strip()
    if not 1 <= len(trimmed) <= longest or any(_is_control(character) for character in trimmed):
        raise InvalidInput(field)
    try:
        trimmed.encode("utf-8")
    except UnicodeEncodeError as error:  # a lone surrogate, which JSON lets through
        raise InvalidInput(field) from error
    return trimmed


def _is_control(character: str) -> bool:
    return (character < " " and character not in "\n\t") or character == "\x7f" or character in _DIRECTION


def checked_lines(field: str, value: str, longest: int) -> str:
    """A text of several lines that everybody may read: NFC, trimmed, nothing invisible but ends of lines.

    Raises InvalidInput naming the field.
    """
    text = value.replace("\r\n", "\n").strip()
    if len(text) > longest or any(
        unicodedata.category(letter) in _HIDDEN for letter in text if letter != "\n"
    ):
        raise InvalidInput(field)
    text = unicodedata.normalize("NFC", text)
    if not 1 <= len(text) <= longest or not any(letter.isalnum() for letter in text):
        raise InvalidInput(field)
    return text
