"""Vietnamese text: the order in which people expect names, and matching without diacritics.

The database has no ICU, and PyICU needs a system library; so keys are made here (docs/decisions/0008).
Order as in CLDR's `vi`: base letters first (a ă â b c d đ …), then tones (ngang huyền hỏi ngã sắc nặng).
"""

import re
import unicodedata

_ALPHABET = ("a", "ă", "â", "b", "c", "d", "đ", "e", "ê", "f", "g", "h", "i", "j", "k", "l", "m", "n", "o",
             "ô", "ơ", "p", "q", "r", "s", "t", "u", "ư", "v", "w", "x", "y", "z")  # fmt: skip
_RANK = {letter: chr(0x61 + place) for place, letter in enumerate(_ALPHABET)}
_TONES = {"\u0300": "2", "\u0309": "3", "\u0303": "4", "\u0301": "5", "\u0323": "6"}
_NO_TONE = "1"
_SPACE = " "
_TONES_FOLLOW = "!"
_WORD = re.compile(r"[^\W_]+")
_LONGEST_WORD = 40


def sort_key(text: str) -> str:
    """A key whose byte order (COLLATE "C") is the alphabetical order of `text`."""
    letters: list[str] = []
    tones: list[str] = []
    for character in unicodedata.normalize("NFC", " ".join(text.split()).lower()):
        base, tone = _split(character)
        letters.append(_RANK.get(base, base if base.isdigit() else _SPACE))
        tones.append(tone)
    return "".join(letters) + _TONES_FOLLOW + "".join(tones)


def person_key(name: str) -> str:
    """A key that sorts people as Vietnamese lists do: given name (the last word), family name, middle.

    The given name is compared whole, tones too, before the family name: all Hoa stand before all Hòa.
    """
    words = name.split()
    return f"{sort_key(words[-1])} {sort_key(' '.join(words[:-1]))}" if words else ""


def fold(text: str) -> str:
    """Lower case without diacritics, đ as d, single spaces: for finding, never for showing."""
    decomposed = unicodedata.normalize("NFD", text.lower().replace("đ", "d"))
    plain = "".join(character for character in decomposed if not unicodedata.combining(character))
    return " ".join(plain.split())


def words(text: str) -> tuple[str, ...]:
    """The distinct folded words of `text` in their order: letters and digits, at most 40 of a word."""
    return tuple(dict.fromkeys(word[:_LONGEST_WORD] for word in _WORD.findall(fold(text))))


def _split(character: str) -> tuple[str, str]:
    """A letter of the alphabet and its tone."""
    decomposed = unicodedata.normalize("NFD", character)
    tone = next((_TONES[mark] for mark in decomposed if mark in _TONES), _NO_TONE)
    rest = "".join(mark for mark in decomposed if mark not in _TONES)
    return unicodedata.normalize("NFC", rest), tone
