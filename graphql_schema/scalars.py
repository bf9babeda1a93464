"""Scalars of our own."""

from datetime import datetime

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
