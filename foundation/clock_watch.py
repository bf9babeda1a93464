"""Whether this process's clock is its database's: tokens, proofs, signatures and deadlines rest on it.

The difference is measured again and again; between two measurements a step of the clock shows against the
monotonic one, so that a clock that is set wrong is noticed at the next request, not at the next measurement.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable
from datetime import datetime

import structlog

from foundation.clock import Clock
from foundation.health import Unready
from foundation.limits.refusals import LimitRefusal

MOST_SECONDS = 2.0
"""A proof may be 60 s off, and several processes judge it: 2 s leave room for the caller's own clock."""
UNSURE_SECONDS = 1.0
"""A database that took longer to answer says too little of its clock."""
MEASURE_SECONDS = 5.0
LOOK_SECONDS = 0.5
RETRY_AFTER = 5

log = structlog.get_logger()

Ask = Callable[[], Awaitable[datetime]]
"""The database's present moment (`clock_timestamp()`)."""


class ClockOff(LimitRefusal):
    """This process's clock can't be trusted: it neither judges nor signs anything. No fault of the caller."""

    code = "service.clock_off"
    status = 503
    vi = "Đồng hồ của hệ thống đang lệch. Hãy thử lại sau {wait}."
    en = "The service's clock is off. Please try again in {wait}."

    def __init__(self) -> None:
        super().__init__(RETRY_AFTER)


class ClockWatch:
    """One a process. Before the first measurement nothing is known, and `check` refuses."""

    def __init__(self, clock: Clock, ask: Ask, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._ask = ask
        self._monotonic = monotonic
        self._measured: float | None = None
        self._wall = clock.now()
        self._ticks = monotonic()
        self._told = True

    @property
    def offset(self) -> float | None:
        """Seconds that this clock is ahead of the database's; None before the first measurement."""
        if self._measured is None:
            return None
        stepped = (self._clock.now() - self._wall).total_seconds() - (self._monotonic() - self._ticks)
        return self._measured + stepped

    @property
    def right(self) -> bool:
        """Whether the difference is known and at most 2 s."""
        offset = self.offset
        return offset is not None and abs(offset) <= MOST_SECONDS

    def check(self) -> None:
        """Raise ClockOff unless the clock is right."""
        if not self.right:
            raise ClockOff

    async def probe(self) -> None:
        """For `foundation.health`: says why a process is not ready."""
        if self.offset is None:
            raise Unready("not_measured")
        if not self.right:
            raise Unready("clock_off")

    async def measure(self) -> None:
        """Compare once. Raises what the database raises; an answer that took too long changes nothing."""
        wall, ticks = self._clock.now(), self._monotonic()
        theirs = await self._ask()
        took = self._monotonic() - ticks
        if took > UNSURE_SECONDS:
            return
        # Their moment lies somewhere between question and answer.
        self._measured = (wall - theirs).total_seconds() + took / 2
        self._wall, self._ticks = wall, ticks
        self._tell()

    async def measure_forever(self) -> None:
        """`measure` until cancelled. A database that is away leaves the last word standing."""
        while True:
            try:
                await self.measure()
            except Exception as error:
                log.debug("clock_not_compared", fault=type(error).__name__)
            await asyncio.sleep(MEASURE_SECONDS)

    async def until(self, *, right: bool) -> None:
        """Return when the clock is right, or when it no longer is."""
        while self.right is not right:  # noqa: ASYNC110 - a step of the clock tells nobody: it is looked for
            await asyncio.sleep(LOOK_SECONDS)

    def _tell(self) -> None:
        if self.right is not self._told:
            self._told = self.right
            tell = log.warning if self.right else log.critical
            tell(
                "clock_right_again" if self.right else "clock_off",
                offset_seconds=round(self._measured or 0, 3),
            )
