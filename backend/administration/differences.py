"""Which fields differ between two states of a thing."""

from collections.abc import Iterator
from typing import Any

import msgspec

from backend.administration.types import Difference, Fields


def differences(before: Fields | None, after: Fields) -> tuple[Difference, ...]:
    """Fields that differ, in alphabetical order; a field within an object is "object.field"."""
    old, new = dict(_flat("", before or {})), dict(_flat("", after))
    return tuple(
        Difference(field, _text(old, field), _text(new, field))
        for field in sorted(old.keys() | new.keys())
        if field not in old or field not in new or old[field] != new[field]
    )


def _flat(prefix: str, fields: Fields) -> Iterator[tuple[str, Any]]:
    for name, value in fields.items():
        if isinstance(value, dict):
            yield from _flat(f"{prefix}{name}.", value)
        else:
            yield f"{prefix}{name}", value


def _text(fields: dict[str, Any], field: str) -> str | None:
    return msgspec.json.encode(fields[field]).decode() if field in fields else None
