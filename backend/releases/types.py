"""What the feature hands out: typed, frozen values."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum


class TextState(StrEnum):
    """`released`: anybody; `withdrawn`: shown to nobody any more."""

    RELEASED = "released"
    WITHDRAWN = "withdrawn"


@dataclass(frozen=True, slots=True)
class PublicText:
    """What anybody may read of a report's text: the officer's version, which leaves out what is private."""

    text: str
    version: int
    released_at: datetime


@dataclass(frozen=True, slots=True)
class TextChanged:
    """What a change answers."""

    report_code: str
    version: int
    state: TextState
