"""Scalars of our own."""

import base64
from datetime import datetime
from typing import NewType

import strawberry
from strawberry.types.scalar import ScalarDefinition

from foundation.clock import HANOI


def _in_hanoi(moment: datetime) -> str:
    """ISO 8601 with the offset of Ha Noi. A moment without an offset is a fault."""
    if moment.tzinfo is None:
        raise TypeError("a moment without a time zone")
    return moment.astimezone(HANOI).isoformat()


def _moment(value: object) -> datetime:
    moment = datetime.fromisoformat(value) if isinstance(value, str) else None
    if moment is None or moment.tzinfo is None:
        raise ValueError("DateTime wants ISO 8601 with an offset")
    return moment


DATE_TIME: ScalarDefinition = strawberry.scalar(
    name="DateTime",
    description="Thời điểm theo ISO 8601, giờ Hà Nội (+07:00). / A moment, ISO 8601, Ha Noi time (+07:00).",
    specified_by_url="https://www.rfc-editor.org/rfc/rfc3339",
    serialize=_in_hanoi,
    parse_value=_moment,
)

Base64 = NewType("Base64", bytes)


def _octets(value: object) -> bytes:
    octets = base64.b64decode(value, validate=True) if isinstance(value, str) else b""
    if base64.b64encode(octets).decode("ascii") != value:
        raise ValueError("Base64 wants RFC 4648, 4, exactly as it is written")
    return octets


BASE64: ScalarDefinition = strawberry.scalar(
    name="Base64",
    description="Chuỗi octet viết theo base64. / Octets in base64 (RFC 4648, 4), with padding.",
    specified_by_url="https://www.rfc-editor.org/rfc/rfc4648#section-4",
    serialize=lambda octets: base64.b64encode(octets).decode("ascii"),
    parse_value=_octets,
)
