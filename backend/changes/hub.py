"""Live changes: one reader a process, one decision a class of subscribers, a bounded queue each.

A class is what a decision depends on: for officials their working unit, duties, units, level and kind of
network; a citizen is a class of one. A subscriber who does not keep up is dropped and resumes by cursor:
nothing is buffered without end, and nothing is lost.
"""

import asyncio
import random
import time
from collections import defaultdict
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import datetime
from uuid import UUID

import structlog

from backend.changes.errors import SessionOver, TokenOver, TooSlow
from backend.changes.reader import ChangeReader, Concern
from backend.changes.sessions import LiveSessions
from backend.changes.types import Change
from foundation.clock import Clock
from foundation.errors import Forbidden
from foundation.identity.principal import CitizenPrincipal, Duty, OfficialPrincipal, VerifiedSession
from foundation.policy.engine import PolicyEngine
from foundation.telemetry import metrics

QUEUE = 256
POLL_SECONDS = 0.25
RETRY_SECONDS = 1.0
TELL_SECONDS = 60.0
"""A fault that repeats at one and the same change is told once a minute; the metrics count each."""

Subscriber = CitizenPrincipal | OfficialPrincipal
OfficialClass = tuple[int, frozenset[int], tuple[Duty, ...], str, bool, str]

_WHY = {TooSlow: "too_slow", SessionOver: "session_over", TokenOver: "token_over"}

log = structlog.get_logger()


@dataclass(eq=False)
class Subscription:
    """One subscriber's queue. `over` is why it ended, once it did."""

    principal: Subscriber
    queue: asyncio.Queue[Change | None] = field(default_factory=lambda: asyncio.Queue(QUEUE))
    over: type[Exception] | None = None

    def offer(self, change: Change) -> None:
        """Queue a change; drop the subscriber when there is no room."""
        if self.over is not None:
            return
        if self.queue.qsize() >= QUEUE - 1:
            self.end(TooSlow)
            return
        self.queue.put_nowait(change)

    def end(self, why: type[Exception]) -> None:
        """Let the subscriber's iteration end with `why`. The last place of the queue is kept for this."""
        if self.over is None:
            self.over = why
            metrics.DROPPED.labels(_WHY.get(why, metrics.OTHER)).inc()
            self.queue.put_nowait(None)

    async def next(self) -> Change:
        """The next change. Raises TooSlow or SessionOver at once when it ended, whatever is queued."""
        if self.over is not None:
            raise self.over
        change = await self.queue.get()
        if change is None or self.over is not None:
            raise self.over or SessionOver
        return change


class Hub:
    """All subscribers of a process."""

    def __init__(self, reader: ChangeReader, policy: PolicyEngine, clock: Clock) -> None:
        self._reader = reader
        self._policy = policy
        self._clock = clock
        self._sessions = LiveSessions()
        self._citizens: dict[UUID, set[Subscription]] = defaultdict(set)
        self._officials: dict[OfficialClass, set[Subscription]] = defaultdict(set)
        self._draining = asyncio.Event()
        self._told_at = -TELL_SECONDS
        self.spread_seconds = 0.0
        self.interrupted = False
        """Whether the last reading failed: nobody is told of changes meanwhile."""

    def __len__(self) -> int:
        return sum(map(len, self._citizens.values())) + sum(map(len, self._officials.values()))

    @asynccontextmanager
    async def subscribed(self, principal: Subscriber) -> AsyncIterator[Subscription]:
        """A subscription from now on. Read what came before by cursor after this has begun."""
        subscription = Subscription(principal)
        members = self._members(principal)
        members.add(subscription)
        try:
            with self._sessions.connected(principal.session, subscription.end):
                yield subscription
        finally:
            members.discard(subscription)
            self._forget_empty(principal)

    async def ended(self, session: VerifiedSession) -> type[SessionOver]:
        """Return when the session's end is noted, or its token has run out: which of the two."""
        over: asyncio.Queue[type[SessionOver]] = asyncio.Queue()
        with self._sessions.connected(session, over.put_nowait):
            return await over.get()

    def drain(self) -> None:
        """This process is about to end: those who follow are asked to go to another one."""
        self._draining.set()

    async def moved(self) -> None:
        """Return some time after `drain` was called: who follows connects again, and not all at once."""
        await self._draining.wait()
        await asyncio.sleep(random.uniform(0, self.spread_seconds))  # noqa: S311 - a pause, no secret

    async def sample(self) -> None:
        """Tell the metrics how many follow."""
        metrics.SUBSCRIBERS.set(len(self))

    async def run(self) -> None:
        """Deliver until cancelled. A database that is away is waited for; nothing is skipped."""
        position = None
        while True:
            at = None
            try:
                if position is None:
                    position = await self._reader.head()
                concerns = await self._reader.after(position)
                for concern in concerns:
                    at = concern.change.at
                    self._deliver(concern)
                    position = concern.change.position
                self._sessions.end(await self._reader.ended_sessions())
                self._sessions.expire(self._clock.now())
            except Exception:
                self._interrupted(at)
                await asyncio.sleep(RETRY_SECONDS)
                continue
            self._went_on(at)
            if len(concerns) < self._reader.batch:
                await asyncio.sleep(POLL_SECONDS)

    def _interrupted(self, at: datetime | None) -> None:
        """`at` is the moment of the change whose delivery failed; None when it was another step."""
        self.interrupted = True
        metrics.FEED_FAULTS.inc()
        if at is not None:
            metrics.FEED_LAG.set(max(0.0, (self._clock.now() - at).total_seconds()))
        if time.monotonic() - self._told_at >= TELL_SECONDS:
            self._told_at = time.monotonic()
            log.exception("feed_interrupted")

    def _went_on(self, at: datetime | None) -> None:
        if self.interrupted:
            self.interrupted = False
            self._told_at = -TELL_SECONDS
            log.info("feed_goes_on")
        metrics.FEED_READ.set_to_current_time()
        metrics.FEED_LAG.set(0.0 if at is None else max(0.0, (self._clock.now() - at).total_seconds()))

    def _deliver(self, concern: Concern) -> None:
        for subscription in list(self._citizens.get(concern.citizen_id, ())):
            self._offer(concern, [subscription])
        for (_, units, _, _, city, _), members in list(self._officials.items()):
            if members and (city or units & concern.units):
                self._offer(concern, list(members))

    def _offer(self, concern: Concern, members: Sequence[Subscription]) -> None:
        """Decide once for `members`, who are one class to the policy; a forbidden change is not told."""
        someone = members[0].principal
        try:
            self._policy.authorise(someone, "report.read", concern.resource, now=self._clock.now())
        except Forbidden:
            return
        for subscription in members:
            subscription.offer(concern.change)

    def _members(self, principal: Subscriber) -> set[Subscription]:
        if isinstance(principal, CitizenPrincipal):
            return self._citizens[principal.citizen_id]
        return self._officials[_class_of(principal)]

    def _forget_empty(self, principal: Subscriber) -> None:
        if isinstance(principal, CitizenPrincipal):
            if not self._citizens[principal.citizen_id]:
                del self._citizens[principal.citizen_id]
        elif not self._officials[_class_of(principal)]:
            del self._officials[_class_of(principal)]


def _class_of(principal: OfficialPrincipal) -> OfficialClass:
    return (
        principal.unit_id,
        principal.units,
        principal.duties,
        principal.session.acr,
        principal.city_level,
        principal.origin.network_kind,
    )
