"""What a report owes by when: reckoned anew from its steps, pauses and rules each time. Pure.

The same facts give the same clocks in whatever order and however often somebody asks. Nothing depends on the
present but `late` and "is it paused now" (`ClockRow.at`).
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta

from backend.deadlines.types import ClockKind, Length, Rule, Urgency
from backend.deadlines.working import Span, WorkingTime
from foundation.clock import HANOI

RECEIVED, AWAITING, MERGED = "received", "awaiting_citizen", "merged"
RUNNING = frozenset({RECEIVED, "in_progress", AWAITING})
"""States in which the city owes something. Whatever else there is or will be stops the clocks, but for
`MERGED`: the report stands still, and what is owed is owed again when it is taken apart."""


@dataclass(frozen=True, slots=True)
class Step:
    """One change of a report: when, into which state, with which unit."""

    at: datetime
    state: str
    unit: int


@dataclass(frozen=True, slots=True)
class Terms:
    """A rule with its set and its calendar."""

    rule_set: int
    rule: Rule
    calendar: WorkingTime = field(compare=False, repr=False)

    def amount(self, length: Length, day: datetime) -> timedelta:
        """A length in working time, its days as long as they are on that day."""
        return timedelta(minutes=length.minutes(self.calendar.day_minutes(day.astimezone(HANOI).date())))


TermsOf = Callable[[datetime, Urgency], Terms]
"""The terms of a report that came in at a moment, at an urgency."""


@dataclass(frozen=True, slots=True)
class OfficerPause:
    """A pause by an officer; `end` is its limit while nobody ended it."""

    start: datetime
    end: datetime
    open: bool


@dataclass(frozen=True, slots=True)
class Reckoned:
    """A clock as the facts have it. `pause`: one that nobody has ended, with its limit."""

    kind: ClockKind
    round: int
    unit: int
    terms: Terms
    urgency: Urgency
    allowed: timedelta
    started_at: datetime
    due_at: datetime
    stopped_at: datetime | None
    pause: Span | None
    without: tuple[Span, ...]
    """When it stood still."""
    waited: tuple[Span, ...] = ()
    """When it stood still for the citizen's reply."""

    @property
    def overran(self) -> bool:
        """Whether it stopped late."""
        return self.stopped_at is not None and self.stopped_at > self.due_at


@dataclass(frozen=True, slots=True)
class Round:
    """The steps from when something is owed until it is done."""

    number: int
    steps: tuple[Step, ...]

    @property
    def begins(self) -> datetime:
        return self.steps[0].at

    @property
    def stop(self) -> Step | None:
        """The step that ended it."""
        return None if self.steps[-1].state in RUNNING or self.merged else self.steps[-1]

    @property
    def merged(self) -> bool:
        """Whether the report stands still within the round."""
        return self.steps[-1].state == MERGED

    @property
    def received(self) -> Step | None:
        """The step by which the report was received, or ended without."""
        return next((step for step in self.steps if step.state not in {RECEIVED, MERGED}), None)


def rounds_of(steps: Iterable[Step]) -> tuple[Round, ...]:
    """A report that is taken up again after it was done begins a round."""
    found: list[list[Step]] = []
    for step in steps:
        if found and (found[-1][-1].state in RUNNING or found[-1][-1].state == MERGED):
            found[-1].append(step)
        elif step.state in RUNNING:
            found.append([step])
    return tuple(Round(number, tuple(steps)) for number, steps in enumerate(found, start=1))


def reckon(
    steps: Sequence[Step],
    pauses: Sequence[OfficerPause],
    levels: Sequence[tuple[datetime, Urgency]],
    terms_of: TermsOf,
) -> tuple[Reckoned, ...]:
    """All clocks of a report; of a merged one those that have stopped.

    `levels`: changes of its urgency, oldest first; before them it is normal.
    """
    clocks: list[Reckoned] = []
    for one in rounds_of(steps):
        receive = _receive(one, levels, terms_of) if one.steps[0].state == RECEIVED else None
        if receive is not None:
            clocks.append(receive)
        clocks.append(_handle(one, receive, pauses, levels, terms_of))
        if one.merged:
            clocks = [clock for clock in clocks if clock.stopped_at is not None]
    return tuple(clocks)


def level_at(levels: Sequence[tuple[datetime, Urgency]], moment: datetime) -> Urgency:
    """The urgency at a moment."""
    return next((level for at, level in reversed(levels) if at <= moment), Urgency.NORMAL)


def _receive(one: Round, levels: Sequence[tuple[datetime, Urgency]], terms_of: TermsOf) -> Reckoned:
    stop = one.received
    unit = (stop or one.steps[-1]).unit
    clock = _clock(
        ClockKind.RECEIVE, one, unit, one.begins, None if stop is None else stop.at, terms_of, levels
    )
    end = datetime.max.replace(tzinfo=UTC) if stop is None else stop.at
    still = tuple(span for span in _merged(one) if span[1] <= end)
    return _due(replace(clock, without=still), levels, one, terms_of)


def _handle(
    one: Round,
    receive: Reckoned | None,
    pauses: Sequence[OfficerPause],
    levels: Sequence[tuple[datetime, Urgency]],
    terms_of: TermsOf,
) -> Reckoned:
    """Begins when the report is received; whoever receives it late gains nothing by it."""
    start = one.begins
    if receive is not None:
        start = receive.due_at if receive.stopped_at is None else min(receive.stopped_at, receive.due_at)
    stopped = None if one.stop is None else one.stop.at
    clock = _clock(ClockKind.HANDLE, one, one.steps[-1].unit, start, stopped, terms_of, levels)
    waits, waiting = _waits(one, clock.terms)
    until = stopped or datetime.max.replace(tzinfo=UTC)
    # A pause is its round's: what was still open when the work was done ended with it.
    of_round = [pause for pause in pauses if one.begins <= pause.start < until]
    halts = [(pause.start, min(pause.end, until)) for pause in of_round]
    stood = (*waits, *halts, *_merged(one))
    without = tuple((max(begin, start), end) for begin, end in stood if max(begin, start) < end)
    running = [(pause.start, pause.end) for pause in of_round if pause.open]
    held = [] if stopped else [*([waiting] if waiting else []), *running]
    # Of two that are open, the one that holds longest is what people should see.
    pause = max(held, key=lambda span: span[1], default=None)
    return _due(replace(clock, without=without, pause=pause, waited=tuple(waits)), levels, one, terms_of)


def _clock(
    kind: ClockKind,
    one: Round,
    unit: int,
    start: datetime,
    stopped: datetime | None,
    terms_of: TermsOf,
    levels: Sequence[tuple[datetime, Urgency]],
) -> Reckoned:
    urgency = level_at(levels, start)
    terms = terms_of(one.begins, urgency)
    return Reckoned(
        kind=kind,
        round=one.number,
        unit=unit,
        terms=terms,
        urgency=urgency,
        allowed=timedelta(0),
        started_at=start,
        due_at=start,
        stopped_at=stopped,
        pause=None,
        without=(),
    )


def _due(
    clock: Reckoned, levels: Sequence[tuple[datetime, Urgency]], one: Round, terms_of: TermsOf
) -> Reckoned:
    """With the due time. A higher urgency counts from when it was set and never gives more time; a lower
    one counts from the start. What is set after the deadline changes nothing."""
    allowed = _allowed(clock)
    reckoned = replace(
        clock, allowed=allowed, due_at=clock.terms.calendar.add(clock.started_at, allowed, clock.without)
    )
    for at, level in levels:
        end = reckoned.due_at if clock.stopped_at is None else min(clock.stopped_at, reckoned.due_at)
        if not clock.started_at < at < end:
            continue
        changed = replace(reckoned, urgency=level, terms=terms_of(one.begins, level))
        allowed = _allowed(changed)
        shorter = allowed < reckoned.allowed
        begin = at if shorter else clock.started_at
        due = changed.terms.calendar.add(begin, allowed, clock.without)
        reckoned = replace(changed, allowed=allowed, due_at=min(due, reckoned.due_at) if shorter else due)
    return reckoned


def _allowed(clock: Reckoned) -> timedelta:
    rule = clock.terms.rule
    length = rule.receive if clock.kind is ClockKind.RECEIVE else rule.handle
    return clock.terms.amount(length, clock.started_at)


def _merged(one: Round) -> list[Span]:
    """When the report stood still because it was merged into another."""
    pairs = zip(one.steps, one.steps[1:], strict=False)
    return [(step.at, following.at) for step, following in pairs if step.state == MERGED]


def _waits(one: Round, terms: Terms) -> tuple[list[Span], Span | None]:
    """When the report waited for the citizen, as long as that may last in all; and the wait that goes on."""
    left = terms.amount(terms.rule.wait, one.begins)
    waits: list[Span] = []
    for step, following in zip(one.steps, (*one.steps[1:], None), strict=True):
        if step.state != AWAITING or left <= timedelta(0):
            continue
        limit = terms.calendar.add(step.at, left)
        end = limit if following is None else min(limit, following.at)
        left -= terms.calendar.between(step.at, end)
        waits.append((step.at, end))
        if following is None:
            return waits, (step.at, end)
    return waits, None
