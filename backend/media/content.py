"""What a file is, by its first octets alone: no name and no header of the sender is looked at."""

from backend.media.errors import TooLarge, UnsupportedType
from backend.media.types import Content

MEBIBYTE = 1024 * 1024
LARGEST_PHOTO = 15
LARGEST_DOCUMENT = 20
"""In MiB."""
HEAD = 32
"""As many octets as `content_of` needs."""
PHOTOS = frozenset({Content.JPEG, Content.PNG, Content.WEBP, Content.HEIC})
OFFICE = "office"
_HEVC_BRANDS = frozenset({b"heic", b"heix", b"heim", b"heis", b"mif1"})


def content_of(head: bytes) -> Content | str:
    """The type that `head`, the first 32 octets, begins; OFFICE for a ZIP whose parts must decide.

    Raises UnsupportedType.
    """
    if head.startswith(b"\xff\xd8\xff"):
        return Content.JPEG
    if head.startswith(b"\x89PNG\r\n\x1a\n"):
        return Content.PNG
    if head[:4] == b"RIFF" and head[8:12] == b"WEBP":
        return Content.WEBP
    if head[4:8] == b"ftyp" and head[8:12] in _HEVC_BRANDS:
        return Content.HEIC
    if head.startswith(b"%PDF-"):
        return Content.PDF
    if head.startswith(b"PK\x03\x04"):
        return OFFICE
    raise UnsupportedType


def largest_of(content: Content | str) -> int:
    """The most MiB that a file of this type may have."""
    return LARGEST_PHOTO if content in PHOTOS else LARGEST_DOCUMENT


def check_size(content: Content | str, octets: int) -> None:
    """Raise TooLarge when a file of this type has too many octets."""
    largest = largest_of(content)
    if octets > largest * MEBIBYTE:
        raise TooLarge(largest)
