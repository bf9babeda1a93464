"""What the media feature hands out: typed, frozen values."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from uuid import UUID

CITIZENS_PLACES = range(1, 11)
UNITS_PLACES = range(11, 31)
"""Renditions among them. Of one report; as in migration 0033."""
MOST_FILES = len(CITIZENS_PLACES) + len(UNITS_PLACES)


class MediaKind(StrEnum):
    """A photo (ảnh) or a document (tài liệu)."""

    PHOTO = "photo"
    DOCUMENT = "document"


class MediaState(StrEnum):
    """`private`: who may read the report; `released`: anybody; `lost`: its object is gone."""

    PRIVATE = "private"
    RELEASED = "released"
    LOST = "lost"


class Size(StrEnum):
    """The forms of a photo by the longest edge, 320, 1,280 and 4,096 pixels; a document has its one own."""

    THUMB = "thumb"
    LARGE = "large"
    FULL = "full"
    DOCUMENT = "document"


class Content(StrEnum):
    """What a file is, decided by its octets."""

    JPEG = "image/jpeg"
    PNG = "image/png"
    WEBP = "image/webp"
    HEIC = "image/heic"
    PDF = "application/pdf"
    DOCX = "application/vnd.openxmlformats-officedocument.wordprocessingml.document"
    XLSX = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"


@dataclass(frozen=True, slots=True)
class Media:
    """A file of a report. Photos have a width and height, those of their largest form."""

    id: UUID
    report_code: str
    kind: MediaKind
    state: MediaState
    content: Content
    """Of what is stored: photos are JPEG whatever they came as."""
    width: int | None
    height: int | None
    octets: int
    created_at: datetime
    version: int = 1
    """Rises when it is released or taken back."""

    @property
    def sizes(self) -> tuple[Size, ...]:
        """The forms that can be read."""
        if self.kind is MediaKind.DOCUMENT:
            return (Size.DOCUMENT,)
        return (Size.THUMB, Size.LARGE, Size.FULL)


@dataclass(frozen=True, slots=True)
class Area:
    """A rectangle of a photo's largest form, in pixels from its upper left corner."""

    x: int
    y: int
    width: int
    height: int


@dataclass(frozen=True, slots=True)
class MediaChanged:
    """What a change of a file answers."""

    id: UUID
    report_code: str
    version: int
    state: MediaState


@dataclass(frozen=True, slots=True)
class Prepared:
    """A file made fit to be kept. `forms` are the octets of each size."""

    kind: MediaKind
    content: Content
    forms: dict[Size, bytes]
    width: int | None = None
    height: int | None = None

    @property
    def octets(self) -> int:
        """Of the largest form."""
        return max(len(form) for form in self.forms.values())


@dataclass(frozen=True, slots=True)
class Opened:
    """The octets of one form of a file, as they are handed out."""

    content: Content
    octets: bytes
