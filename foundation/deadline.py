"""How long a request may run: until then it is cut, unless what it changes can no longer be taken back."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from contextvars import ContextVar
from dataclasses import dataclass


@dataclass
class _Deadline:
    """What cuts, if anything still does, and the moment of the loop's clock at which the time is over."""

    timeout: asyncio.Timeout
    ends: float


_current: ContextVar[_Deadline | None] = ContextVar("deadline", default=None)


class OutOfTime(Exception):
    """The request's time is over: this one of several was not done, and nothing of it is kept."""


@asynccontextmanager
async def deadline(seconds: float) -> AsyncIterator[None]:
    """Around the work of a request. Raises TimeoutError when `seconds` are over; nothing is kept then."""
    async with _until(asyncio.get_running_loop().time() + seconds):
        yield


def no_way_back() -> None:
    """Right before a commit: from here on the work goes on to its end, so that its answer is the truth.

    Raises RuntimeError when the time is over already: then there must be no commit.
    """
    current = _current.get()
    if current is not None:
        current.timeout.reschedule(None)


@asynccontextmanager
async def one_of_many() -> AsyncIterator[None]:
    """Around each of several changes that stand by themselves, and whose answer says what became of each.

    From the first on the request itself is not cut any more: instead each is, at the same moment, whatever
    was committed before. Raises OutOfTime then.
    """
    current = _current.get()
    if current is None:
        yield
        return
    no_way_back()
    if asyncio.get_running_loop().time() >= current.ends:
        raise OutOfTime
    own = None
    try:
        async with _until(current.ends) as own:
            yield
    except TimeoutError as error:
        if own is not None and own.expired():
            raise OutOfTime from error
        raise


@asynccontextmanager
async def _until(ends: float) -> AsyncIterator[asyncio.Timeout]:
    async with asyncio.timeout_at(ends) as timeout:
        token = _current.set(_Deadline(timeout, ends))
        try:
            yield timeout
        finally:
            _current.reset(token)
