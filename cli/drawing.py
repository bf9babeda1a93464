"""Pictures of the demo: the photo that Lan takes, and any picture as a terminal shows it."""

import io

from PIL import ExifTags, Image, ImageDraw
from rich.console import Console
from rich.style import Style
from rich.text import Text

_WIDTH, _HEIGHT = 1600, 1200
_COLUMNS = 44
_LATITUDE, _LONGITUDE = (21.0, 1.0, 28.2), (105.0, 51.0, 5.8)
_UPPER_HALF = "▀"


def photo_of_a_dark_lamp() -> bytes:
    """A street at dusk with one lamp out, as a phone writes it: on its side, its place in the EXIF."""
    return _street(lit=False)


def photo_of_a_mended_lamp() -> bytes:
    """The same street when the lamp is lit again: what the officer shows."""
    return _street(lit=True)


def _street(*, lit: bool) -> bytes:
    image = Image.new("RGB", (_WIDTH, _HEIGHT))
    draw = ImageDraw.Draw(image)
    for row in range(_HEIGHT):
        shade = row / _HEIGHT
        draw.line([(0, row), (_WIDTH, row)], (int(20 + 190 * shade), int(24 + 90 * shade), 90))
    for left, top, width in ((0, 420, 300), (320, 520, 240), (1180, 380, 420), (900, 560, 260)):
        draw.rectangle((left, top, left + width, 960), fill=(28, 26, 40))
        for column in range(left + 40, left + width - 40, 90):
            draw.rectangle((column, top + 60, column + 40, top + 120), fill=(214, 170, 80))
    draw.rectangle((0, 950, _WIDTH, _HEIGHT), fill=(46, 46, 54))
    for left in range(60, _WIDTH, 320):
        draw.rectangle((left, 1070, left + 170, 1090), fill=(190, 190, 190))
    _lamp(draw, 230, lit=True)
    _lamp(draw, 790, lit=lit)
    _lamp(draw, 1350, lit=True)
    written = io.BytesIO()
    image.transpose(Image.Transpose.ROTATE_90).save(written, "JPEG", quality=90, exif=_exif())
    return written.getvalue()


def show(console: Console, octets: bytes) -> None:
    """The picture in coloured half blocks where the terminal has colours; elsewhere nothing."""
    if not console.is_terminal or console.color_system not in {"256", "truecolor"}:
        return
    with Image.open(io.BytesIO(octets)) as opened:
        rows = max(2, round(opened.height * _COLUMNS / opened.width) // 2 * 2)
        small = opened.convert("RGB").resize((_COLUMNS, rows))
    for row in range(0, rows, 2):
        line = Text("     ")
        for column in range(_COLUMNS):
            upper, lower = _colour(small, column, row), _colour(small, column, row + 1)
            line.append(_UPPER_HALF, Style(color=upper, bgcolor=lower))
        console.print(line)


def _lamp(draw: ImageDraw.ImageDraw, left: int, *, lit: bool) -> None:
    if lit:
        draw.polygon(((left + 70, 330), (left - 60, 950), (left + 210, 950)), fill=(150, 120, 80))
    draw.rectangle((left, 300, left + 18, 1000), fill=(12, 12, 14))
    draw.rectangle((left, 300, left + 110, 316), fill=(12, 12, 14))
    draw.ellipse((left + 50, 306, left + 120, 350), fill=(255, 236, 150) if lit else (40, 40, 46))


def _exif() -> Image.Exif:
    noted = Image.Exif()
    noted[ExifTags.Base.Orientation] = 6  # "turn it right": the api does, then drops this
    place = noted.get_ifd(ExifTags.IFD.GPSInfo)
    place[ExifTags.GPS.GPSLatitudeRef], place[ExifTags.GPS.GPSLatitude] = "N", _LATITUDE
    place[ExifTags.GPS.GPSLongitudeRef], place[ExifTags.GPS.GPSLongitude] = "E", _LONGITUDE
    return noted


def facts(octets: bytes) -> tuple[str, int, int, int]:
    """(format, width, height, number of EXIF entries) of a picture."""
    with Image.open(io.BytesIO(octets)) as opened:
        entries = opened.getexif()
        count = len(entries) + len(entries.get_ifd(ExifTags.IFD.GPSInfo))
        return str(opened.format), opened.width, opened.height, count


def _colour(image: Image.Image, column: int, row: int) -> str:
    pixel = image.getpixel((column, row))
    if not isinstance(pixel, tuple):
        raise TypeError("not a picture in colours")
    red, green, blue = (int(part) for part in pixel)
    return f"#{red:02x}{green:02x}{blue:02x}"
