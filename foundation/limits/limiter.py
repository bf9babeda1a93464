"""The limiter: the generic cell rate algorithm in one table for all processes, and leases of it in memory.

A process takes permits from the table and keeps what it did not spend at once for two seconds; how many it
takes doubles while a key is hot, up to a twentieth of the amount, and is one again as soon as it is not. A
permit is in the table's books before it is spent, so all processes together never allow more than the limit.
A refusal is remembered until its time has come, so a flood costs the database nothing.
Why so: `docs/decisions/0020-rate-limits.md`.
"""

import asyncio
import hashlib
import math
import time
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Protocol

import asyncpg
import structlog

from foundation.limits.refusals import LimitsUnavailable, TooManyRequests
from foundation.settings import Rate
from foundation.telemetry import metrics

MOST_KEYS = 20_000
"""Of whom a process remembers leases and refusals. Forgetting costs a round trip, never a limit."""
LEASE_SECONDS = 2.0
LEASE_SHARE = 20
"""A lease is at most this part of the amount: what a process may take and not spend."""
ANSWER_SECONDS = 2.0
TOLD_SECONDS = 60.0
RETRY_UNAVAILABLE = 5

_TAKE = "SELECT limits.take($1, $2, $3, $4, $5)"
_GIVE_BACK = "SELECT limits.give_back($1, $2, $3)"
_TROUBLE = (OSError, TimeoutError, asyncpg.PostgresError, asyncpg.InterfaceError)

log = structlog.get_logger()


class Executor(Protocol):
    """An asyncpg pool or connection."""

    async def fetchval(self, query: str, *args: Any) -> Any:
        """The first value of the first row."""
        ...


@dataclass(frozen=True, slots=True)
class Limit:
    """`rate.amount` at once, each coming back after `rate.seconds / rate.amount`, for each subject."""

    name: str
    rate: Rate

    @property
    def interval(self) -> int:
        """Microseconds until one permit is back."""
        return max(1, self.rate.seconds * 1_000_000 // self.rate.amount)

    def key(self, subject: str) -> bytes:
        """What the database knows of the subject."""
        name, whom = self.name.encode(), subject.encode()
        octets = len(name).to_bytes(2, "big") + name + len(whom).to_bytes(2, "big") + whom
        return hashlib.sha256(octets).digest()[:16]


@dataclass(slots=True)
class _Key:
    """What a process remembers of a key."""

    permits: int = 0
    lease_ends: float = 0.0
    lease: int = 1
    refused_until: float = 0.0
    told_at: float = -math.inf
    taking: asyncio.Lock = field(default_factory=asyncio.Lock)


class Limiter:
    """Counts. `executor` is asked with one statement a decision, each a transaction of its own."""

    def __init__(self, executor: Executor, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._executor = executor
        self._monotonic = monotonic
        self._keys: OrderedDict[bytes, _Key] = OrderedDict()
        self._away = False

    @property
    def remembered(self) -> int:
        """How many keys are in memory."""
        return len(self._keys)

    def check(self, limit: Limit, subject: str) -> None:
        """Raise TooManyRequests while a refusal of the subject is remembered. Takes nothing, asks nobody."""
        key = self._keys.get(limit.key(subject))
        if key is not None:
            self._refuse_remembered(limit, key)

    async def take(self, limit: Limit, subject: str, count: int = 1) -> None:
        """Spend `count` permits, or the whole amount if that is less.

        Raises TooManyRequests, with nothing spent, or LimitsUnavailable when the database does not answer.
        """
        count = min(count, limit.rate.amount)
        octets = limit.key(subject)
        key = self._remember(octets)
        self._refuse_remembered(limit, key)
        if self._spend(key, count):
            return
        async with key.taking:
            # Those who waited here find the lease or the refusal that the first of them brought.
            self._refuse_remembered(limit, key)
            if self._spend(key, count):
                return
            await self._lease(limit, octets, key, count)

    async def give_back(self, limit: Limit, subject: str, count: int = 1) -> None:
        """Return permits that were taken and not spent. In trouble the subject waits longer."""
        count = min(count, limit.rate.amount)
        try:
            await self._ask(_GIVE_BACK, limit.key(subject), count, limit.interval)
        except LimitsUnavailable:
            log.warning("permits_not_given_back", limit=limit.name)

    async def charge(self, limit: Limit, subject: str) -> None:
        """Spend a permit for what has already happened; when there is none, `check` refuses from now on."""
        try:
            await self.take(limit, subject)
        except (TooManyRequests, LimitsUnavailable):
            return

    async def _lease(self, limit: Limit, octets: bytes, key: _Key, count: int) -> None:
        now = self._monotonic()
        most = max(1, limit.rate.amount // LEASE_SHARE)
        # Spent before its end: hot. Otherwise one at a time, so that a rare caller is charged what he spends.
        key.lease = min(most, key.lease * 2) if now < key.lease_ends else 1
        interval = limit.interval
        tolerance = interval * limit.rate.amount
        granted = await self._ask(_TAKE, octets, count, max(count, key.lease), interval, tolerance)
        if granted > 0:
            # From before the question: a slow answer makes a lease shorter, not longer.
            key.permits, key.lease_ends = granted - count, now + LEASE_SECONDS
            return
        now = self._monotonic()
        key.permits, key.refused_until = 0, now - granted / 1_000_000
        raise self._refusal(limit, key, now)

    async def _ask(self, statement: str, *arguments: object) -> int:
        try:
            async with asyncio.timeout(ANSWER_SECONDS):
                answer = int(await self._executor.fetchval(statement, *arguments) or 0)
        except _TROUBLE as error:
            # One line at the beginning, one at the end: a flood must not fill the process's log either.
            if not self._away:
                log.warning("limits_unavailable", fault=type(error).__name__)
            self._away = True
            metrics.LIMITS_AWAY.inc()
            raise LimitsUnavailable(RETRY_UNAVAILABLE) from error
        if self._away:
            log.info("limits_available")
        self._away = False
        return answer

    def _refuse_remembered(self, limit: Limit, key: _Key) -> None:
        now = self._monotonic()
        if now < key.refused_until:
            raise self._refusal(limit, key, now)

    @staticmethod
    def _refusal(limit: Limit, key: _Key, now: float) -> TooManyRequests:
        new = now - key.told_at >= TOLD_SECONDS
        if new:
            key.told_at = now
        metrics.LIMITED.labels(metrics.LIMITS.of(limit.name)).inc()
        return TooManyRequests(limit.name, max(1, math.ceil(key.refused_until - now)), new=new)

    def _spend(self, key: _Key, count: int) -> bool:
        if key.permits < count or self._monotonic() >= key.lease_ends:
            return False
        key.permits -= count
        return True

    def _remember(self, octets: bytes) -> _Key:
        key = self._keys.get(octets)
        if key is None:
            key = self._keys[octets] = _Key()
            if len(self._keys) > MOST_KEYS:
                self._keys.popitem(last=False)
        self._keys.move_to_end(octets)
        return key
