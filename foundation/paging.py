"""Keyset pages: constant work at any depth, no offsets."""

from dataclasses import dataclass
from datetime import datetime
from typing import Generic, TypeVar
from uuid import UUID

from foundation.errors import InvalidInput

T = TypeVar("T")

MAX_PAGE = 100


@dataclass(frozen=True, slots=True)
class Position:
    """Where a row stands in a list ordered by (at, id)."""

    at: datetime
    id: UUID


@dataclass(frozen=True, slots=True)
class PageRequest:
    """`first` rows after `after`. Raises InvalidInput when `first` is not 1–100."""

    first: int
    after: Position | None = None

    def __post_init__(self) -> None:
        if not 1 <= self.first <= MAX_PAGE:
            raise InvalidInput("first")


@dataclass(frozen=True, slots=True)
class Page(Generic[T]):
    """Rows with their positions, and whether more follow."""

    items: tuple[T, ...]
    positions: tuple[Position, ...]
    has_next: bool
