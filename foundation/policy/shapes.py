"""The types in a question: whether it fits the schema depends on them alone, so Cedar checks each once."""

from collections.abc import Mapping
from datetime import datetime
from typing import TypeAlias

from foundation.policy.entities import EntityRef, Resource, Scalar, Value

Shape: TypeAlias = tuple[object, ...]
_LONG = 1 << 63
_YEARS = range(1001, 9998)


def shape_of(resource: Resource, circumstances: Mapping[str, Value]) -> Shape | None:
    """The types of every attribute; None when a value might not be one of Cedar's (then it must check)."""
    shape: list[object] = [len(resource.attributes)]
    if not _is_text(resource.id):
        return None
    for values in (resource.attributes, circumstances):
        for name, value in values.items():
            kind = None if value is None else _kind(value)
            if kind is None and value is not None:
                return None
            shape.append(name)
            shape.append(kind)
    return tuple(shape)


def _kind(value: Value) -> object | None:
    """A value's type: a name, or a set of names for a set. None when it might not be one of Cedar's."""
    if isinstance(value, tuple | frozenset):
        kinds = frozenset(_kind(element) for element in value)
        return None if None in kinds else kinds
    return _scalar_kind(value)


def _scalar_kind(value: Scalar) -> object | None:
    match value:
        case EntityRef() if _is_text(value.id):
            return ("entity", value.type)
        case str() if _is_text(value):
            return "String"
        case bool():
            return "Bool"
        case int() if -_LONG <= value < _LONG:
            return "Long"
        case datetime() if value.tzinfo is not None and value.year in _YEARS:
            return "datetime"
    return None


def _is_text(value: str) -> bool:
    """Whether JSON can carry it: everything but half a surrogate pair."""
    if value.isascii():
        return True
    try:
        value.encode()
    except UnicodeEncodeError:
        return False
    return True
