"""Places in the city: H3 cells of a fixed resolution."""

import h3

from foundation.errors import InvalidInput

H3_RESOLUTION = 9
# The city after 1 July 2025, with a margin: a report from elsewhere is a mistake of the device.
LATITUDES = (20.4, 21.5)
LONGITUDES = (105.1, 106.2)


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


def metres_between(one: int | None, other: int | None) -> float | None:
    """The great circle between the centres of two cells; None where a cell is not known."""
    if one is None or other is None:
        return None
    centres = (h3.cell_to_latlng(h3.int_to_str(cell)) for cell in (one, other))
    return float(h3.great_circle_distance(*centres, unit="m"))
