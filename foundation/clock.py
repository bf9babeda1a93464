"""Time as a parameter, so that tests own it."""

from datetime import UTC, datetime, timedelta
from typing import Protocol
from zoneinfo import ZoneInfo

HANOI = ZoneInfo("Asia/Ho_Chi_Minh")


class Clock(Protocol):
    """Something that knows the present moment."""

    def now(self) -> datetime:
        """The present, aware, in UTC."""
        ...


class SystemClock:
    """The machine's clock."""

    def now(self) -> datetime:
        return datetime.now(UTC)


class FrozenClock:
    """A clock that tests turn by hand."""

    def __init__(self, at: datetime) -> None:
        self._at = at

    def now(self) -> datetime:
        return self._at

    def advance(self, by: timedelta) -> None:
        """Move forward by `by`."""
        self._at += by


def quarter_of(moment: datetime) -> str:
    """The calendar quarter in Ha Noi, such as `2026Q4`: the life of a pseudonym key."""
    local = moment.astimezone(HANOI)
    return f"{local.year}Q{(local.month - 1) // 3 + 1}"
