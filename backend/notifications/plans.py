"""What is done with a delivery now, and after an answer: decisions without a database.

Push first. When no push can arrive, SMS or letter, as far as the person wants that for something so urgent
and an address is known. What nobody can be told by stands in the inbox all the same.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from uuid import UUID

from backend.notifications.push import Outcome, PushAnswer
from backend.notifications.quiet import quiet_until
from backend.notifications.types import Fallback, Platform, Preferences

TOGETHER = {False: timedelta(minutes=5), True: timedelta(minutes=1)}
"""By urgency: what happens to one thing within so long is told once more, together."""
MOST_AN_HOUR = 30
"""Not urgent ones, to one person; the rest comes together later."""
BREATH = timedelta(minutes=10)
MOST_SMS_A_DAY = 5
MOST_TRIES = {False: 8, True: 3}
"""By urgency: an urgent one takes another way after seconds, another after about an hour."""
OLDEST = timedelta(hours=24)
_BACKOFF = timedelta(seconds=2)
_LONGEST_BACKOFF = timedelta(minutes=30)


class Channel(StrEnum):
    """Ways to a person, in the order in which they are tried."""

    PUSH = "push"
    SMS = "sms"
    EMAIL = "email"


@dataclass(frozen=True, slots=True)
class Target:
    """One app that a push is to reach."""

    id: UUID
    platform: Platform
    token: str


@dataclass(frozen=True, slots=True)
class Circumstances:
    """All that a decision depends on."""

    urgent: bool
    channel: Channel
    created_at: datetime
    tries: int
    reachable: bool
    """The person is still there: an active official, a citizen who has not left."""
    unread: bool
    told_at: datetime | None
    """When something was sent about the same thing last."""
    told_lately: int
    """How often something was sent in the last hour."""
    sms_lately: int
    """How many messages by SMS in the last day."""
    preferences: Preferences
    targets: tuple[Target, ...]
    """Apps that have not taken it yet."""
    sent_before: bool
    """An app has taken it already."""
    has_phone: bool
    has_address: bool


@dataclass(frozen=True, slots=True)
class Send:
    """Send it now, this way."""

    channel: Channel


@dataclass(frozen=True, slots=True)
class Wait:
    """Look again then."""

    until: datetime


@dataclass(frozen=True, slots=True)
class End:
    """It is done. `state`: "sent", "dropped" (nothing to be told, or nobody who wants it), "failed"."""

    state: str
    outcome: str


@dataclass(frozen=True, slots=True)
class Turn:
    """Go on another way, at once."""

    channel: Channel


def plan(about: Circumstances, now: datetime) -> Send | Wait | End:
    """What is done now."""
    end = _end(about, now)
    if end is not None:
        return end
    until = None if about.tries else _later(about, now)
    if until is not None:
        return Wait(until)
    if about.channel is Channel.PUSH and about.preferences.push and about.targets:
        return Send(Channel.PUSH)
    channel = about.channel if _open(about, about.channel) else _next(about)
    return End("dropped", "no_way") if channel is None else Send(channel)


def after_push(about: Circumstances, answers: Sequence[PushAnswer], now: datetime) -> Wait | End | Turn:
    """What follows from the answers to all messages of one delivery."""
    outcomes = {answer.outcome for answer in answers}
    arrived = about.sent_before or Outcome.SENT in outcomes
    if Outcome.LATER in outcomes and about.tries < MOST_TRIES[about.urgent]:
        told = [answer.after for answer in answers if answer.outcome is Outcome.LATER and answer.after]
        return Wait(now + max([backoff(about.tries), *told]))
    return End("sent", "push") if arrived else _otherwise(about)


def after_message(about: Circumstances, outcome: Outcome, now: datetime) -> Wait | End | Turn:
    """What follows from the answer of an SMS gateway or mail server."""
    if outcome is Outcome.SENT:
        return End("sent", about.channel.value)
    if outcome is Outcome.LATER and about.tries < MOST_TRIES[about.urgent]:
        return Wait(now + backoff(about.tries))
    return _otherwise(about)


def backoff(tries: int) -> timedelta:
    """After the first try 2 s, then four times as long each, at most half an hour."""
    grown: timedelta = _BACKOFF * int(4 ** min(max(tries - 1, 0), 8))
    return min(grown, _LONGEST_BACKOFF)


def _end(about: Circumstances, now: datetime) -> End | None:
    """Whether there is nothing left to be done."""
    if not about.reachable:
        return End("dropped", "person_gone")
    if not about.unread:
        return End("dropped", "read_already")
    if about.created_at < now - OLDEST and about.tries:
        return End("failed", "too_old")
    if about.channel is Channel.PUSH and about.sent_before and not about.targets:
        return End("sent", "push")
    return None


def _otherwise(about: Circumstances) -> Turn | End:
    channel = _next(about)
    return End("failed", "nobody_reached") if channel is None else Turn(channel)


def _later(about: Circumstances, now: datetime) -> datetime | None:
    """When it may go out, if not now."""
    quiet = about.preferences.quiet
    if not about.urgent and quiet is not None:
        until = quiet_until(now, quiet.begin, quiet.end)
        if until is not None:
            return until
    if about.told_at is not None and about.told_at + TOGETHER[about.urgent] > now:
        return about.told_at + TOGETHER[about.urgent]
    if not about.urgent and about.told_lately >= MOST_AN_HOUR:
        return now + BREATH
    return None


def _next(about: Circumstances) -> Channel | None:
    order = list(Channel)
    later = order[order.index(about.channel) + 1 :]
    return next((channel for channel in later if _open(about, channel)), None)


def _open(about: Circumstances, channel: Channel) -> bool:
    match channel:
        case Channel.SMS:
            wanted = _wants(about.preferences.sms, about.urgent)
            return wanted and about.has_phone and about.sms_lately < MOST_SMS_A_DAY
        case Channel.EMAIL:
            return _wants(about.preferences.email, about.urgent) and about.has_address
        case _:
            return False


def _wants(fallback: Fallback, urgent: bool) -> bool:
    return fallback is Fallback.ALWAYS or (fallback is Fallback.URGENT and urgent)
