"""Limits of what people may send with a report. The database repeats the lengths."""

from foundation.errors import InvalidInput
from foundation.ids import parse_report_code
from foundation.places import checked_cell
from foundation.texts import MAX_TEXT, checked_text
from foundation.vietnamese import words

__all__ = ["MAX_PLACE", "MAX_TEXT", "checked_cell", "checked_search", "checked_text"]

MAX_PLACE = 300
MIN_SEARCH, MAX_SEARCH, MAX_SEARCH_WORDS = 2, 100, 8


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
