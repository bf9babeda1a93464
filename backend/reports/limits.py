"""Limits of what people may send with a report. The database repeats the lengths."""

import h3

from foundation.errors import InvalidInput
from foundation.ids import parse_report_code
from foundation.vietnamese import words

MAX_TEXT = 4_000
MAX_PLACE = 300
MIN_SEARCH, MAX_SEARCH, MAX_SEARCH_WORDS = 2, 100, 8
H3_RESOLUTION = 9
# The city after 1 July 2025, with a margin: a report from elsewhere is a mistake of the device.
LATITUDES = (20.4, 21.5)
LONGITUDES = (105.1, 106.2)


def checked_text(field: str, value: str, longest: int = MAX_TEXT) -> str:
    """`value` trimmed. Raises InvalidInput when it is empty, too long, or holds control characters."""
    trimmed = value.strip()
    if not 1 <= len(trimmed) <= longest or any(_is_control(character) for character in trimmed):
        raise InvalidInput(field)
    try:
        trimmed.encode("utf-8")
    except UnicodeEncodeError as error:  # a lone surrogate, which JSON lets through
        raise InvalidInput(field) from error
    return trimmed


def checked_cell(latitude: float | None, longitude: float | None) -> int | None:
    """The H3 res-9 cell of a point in Ha Noi, None without a point.

    Raises InvalidInput when only one of the two is given, or when the point is not in the city.
    """
    if latitude is None and longitude is None:
        return None
    if latitude is None or not LATITUDES[0] <= latitude <= LATITUDES[1]:
        raise InvalidInput("latitude")
    if longitude is None or not LONGITUDES[0] <= longitude <= LONGITUDES[1]:
        raise InvalidInput("longitude")
    return int(h3.str_to_int(h3.latlng_to_cell(latitude, longitude, H3_RESOLUTION)))


def checked_search(value: str) -> list[str]:
    """The folded words to search for: those typed, or a report's code as one word.

    Raises InvalidInput for less than 2 or more than 100 characters, no word at all, or more than 8.
    """
    typed = checked_text("search", value, MAX_SEARCH)
    if len(typed) < MIN_SEARCH:
        raise InvalidInput("search")
    found = list(words(_as_code(typed)))
    if not 1 <= len(found) <= MAX_SEARCH_WORDS:
        raise InvalidInput("search")
    return found


def _as_code(typed: str) -> str:
    """A code as one word. Four words of four letters may look like one, but then without a digit."""
    if " " in typed and not any(character.isdigit() for character in typed):
        return typed
    try:
        return parse_report_code(typed)
    except InvalidInput:
        return typed


def _is_control(character: str) -> bool:
    return (character < " " and character not in "\n\t") or character == "\x7f"
