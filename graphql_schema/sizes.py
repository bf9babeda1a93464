"""How many rows a list has, stated where the list stands: what the cost of a document is reckoned with."""

from collections.abc import Mapping
from typing import Any

_KEY = "rows"
UNSTATED = 100
"""A list that says nothing is dear: whoever adds one states what it holds."""


def rows(usual: int) -> Mapping[str, int]:
    """Field metadata: a list without `first` that usually has at most so many rows."""
    return {_KEY: usual}


def rows_of(metadata: Mapping[Any, Any]) -> int:
    """What a list field's metadata states."""
    stated = metadata.get(_KEY, UNSTATED)
    if not isinstance(stated, int):
        raise TypeError("field metadata 'rows' is not a number")
    return stated
