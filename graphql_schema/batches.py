"""Timelines of the reports of one request: what a whole list asks for is one call, one transaction."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence

from backend.reports.types import TimelineEntry

Timeline = tuple[TimelineEntry, ...]
Read = Callable[[Sequence[str]], Awaitable[Mapping[str, Timeline]]]


class Timelines:
    """Collects the codes that resolvers ask for in the same turn of the loop, then reads them at once.

    The first who asks reads for all, in its own task: cut off, it leaves no reading behind.
    """

    def __init__(self, read: Read) -> None:
        self._read = read
        self._codes: set[str] = set()
        self._found: asyncio.Future[Mapping[str, Timeline]] | None = None

    async def of(self, code: str) -> Timeline | None:
        """One report's timeline, None when it may not be read. Raises what the reading raised."""
        self._codes.add(code)
        if self._found is not None:
            return (await asyncio.shield(self._found)).get(code)
        self._found = found = asyncio.get_running_loop().create_future()
        try:
            try:
                await asyncio.sleep(0)  # the other rows ask now
            finally:
                codes, self._codes, self._found = sorted(self._codes), set(), None
            timelines = await self._read(codes)
        except BaseException as error:
            found.set_exception(error if isinstance(error, Exception) else RuntimeError("reading was cut"))
            found.exception()  # looked at: that nobody else waited is no fault
            raise
        found.set_result(timelines)
        return timelines.get(code)
