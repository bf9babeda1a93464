"""Limits of what people may send with a report. The database repeats the lengths."""

import h3

from foundation.errors import InvalidInput

MAX_TEXT = 4_000
MAX_PLACE = 300
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


def _is_control(character: str) -> bool:
    return (character < " " and character not in "\n\t") or character == "\x7f"
