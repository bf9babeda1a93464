"""How long a request may run: until then it is cut, unless what it changes can no longer be taken back."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from contextvars import ContextVar

_current: ContextVar[asyncio.Timeout | None] = ContextVar("deadline", default=None)


@asynccontextmanager
async def deadline(seconds: float) -> AsyncIterator[None]:
    """Around the work of a request. Raises TimeoutError when `seconds` are over; nothing is kept then."""
    async with asyncio.timeout(seconds) as timeout:
        token = _current.set(timeout)
        try:
            yield
        finally:
            _current.reset(token)


def no_way_back() -> None:
    """Right before a commit: from here on the work goes on to its end, so that its answer is the truth.

    Raises RuntimeError when the time is over already: then there must be no commit.
    """
    timeout = _current.get()
    if timeout is not None:
        timeout.reschedule(None)
