"""What belongs to each report of one request: what a whole list asks for is one call, one transaction."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Generic, TypeVar

V = TypeVar("V")


class Batch(Generic[V]):
    """Collects the codes that resolvers ask for in the same turn of the loop, then reads them at once.

    The first who asks reads for all, in its own task: cut off, it leaves no reading behind.
    """

    def __init__(self, read: Callable[[Sequence[str]], Awaitable[Mapping[str, V]]]) -> None:
        self._read = read
        self._codes: set[str] = set()
        self._found: asyncio.Future[Mapping[str, V]] | None = None

    async def of(self, code: str) -> V | None:
        """What is a report's, None when it may not be read. Raises what the reading raised."""
        self._codes.add(code)
        if self._found is not None:
            return (await asyncio.shield(self._found)).get(code)
        self._found = found = asyncio.get_running_loop().create_future()
        try:
            try:
                await asyncio.sleep(0)  # the other rows ask now
            finally:
                codes, self._codes, self._found = sorted(self._codes), set(), None
            read = await self._read(codes)
        except BaseException as error:
            found.set_exception(error if isinstance(error, Exception) else RuntimeError("reading was cut"))
            found.exception()  # looked at: that nobody else waited is no fault
            raise
        found.set_result(read)
        return read.get(code)
