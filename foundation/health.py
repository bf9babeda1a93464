"""Whether a process lives and whether it can do its work.

*Live*: its loop turns, and what it does again and again was done lately. *Ready*: everything that it cannot
do without answers. What it can do without, for a time, makes it *degraded*: ready all the same, and said so.
A process that drains is not ready, and lives.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from enum import StrEnum

import structlog

PROBE_SECONDS = 2.0
REMEMBERED_SECONDS = 1.0
"""Asked a thousand times a second, it asks its database once."""

log = structlog.get_logger()


class State(StrEnum):
    """Of a check, and of all of them."""

    READY = "ready"
    DEGRADED = "degraded"
    UNREADY = "unready"
    DRAINING = "draining"


class Unready(Exception):
    """A probe's answer: the part does not do what it is needed for. `reason` is a word of ours."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


Probe = Callable[[], Awaitable[None]]
"""Returns when the part does its work. Whatever it raises means that it does not; so does 2 s of silence."""


@dataclass(frozen=True, slots=True)
class Check:
    """A need of a process. Not `needed`: the process works on without, which is worth saying."""

    name: str
    probe: Probe
    needed: bool = True


@dataclass(frozen=True, slots=True)
class Report:
    """The state of a process; `checks` are pairs of state and reason ("" when ready)."""

    state: State
    checks: dict[str, tuple[State, str]]

    @property
    def ready(self) -> bool:
        """Whether it is to be given work."""
        return self.state in (State.READY, State.DEGRADED)


class Pulse:
    """The beat of something done again and again; none for `seconds` and the process does not live."""

    def __init__(self, name: str, seconds: float, monotonic: Callable[[], float] = time.monotonic) -> None:
        self.name = name
        self.seconds = seconds
        self._monotonic = monotonic
        self._last = monotonic()

    def beat(self) -> None:
        """It was done."""
        self._last = self._monotonic()

    @property
    def beats(self) -> bool:
        """Whether it was done lately."""
        return self._monotonic() - self._last <= self.seconds


@dataclass
class Health:
    """One a process."""

    service: str
    checks: list[Check] = field(default_factory=list)
    pulses: list[Pulse] = field(default_factory=list)
    monotonic: Callable[[], float] = time.monotonic
    draining: bool = False
    _asked_at: float | None = None
    _asking: "asyncio.Task[Report] | None" = None
    _told: dict[str, tuple[State, str]] = field(default_factory=dict)
    _on_drain: list[Callable[[], None]] = field(default_factory=list)

    def add(self, name: str, probe: Probe, *, needed: bool = True) -> None:
        """One more need."""
        self.checks.append(Check(name, probe, needed))

    def pulse(self, name: str, seconds: float) -> Pulse:
        """One more thing that must go on being done."""
        pulse = Pulse(name, seconds, self.monotonic)
        self.pulses.append(pulse)
        return pulse

    def drain(self) -> None:
        """No more work for this process: what is under way is finished."""
        if not self.draining:
            self.draining = True
            log.info("draining", of=self.service)
            for tell in self._on_drain:
                tell()

    def on_drain(self, tell: Callable[[], None]) -> None:
        """Call this once when draining begins."""
        self._on_drain.append(tell)

    def silent(self) -> list[str]:
        """What was not done lately; empty when the process lives."""
        return [pulse.name for pulse in self.pulses if not pulse.beats]

    async def report(self) -> Report:
        """Ask everything at once, or answer as a moment ago."""
        now = self.monotonic()
        if self._asking is None or self._asked_at is None or now - self._asked_at > REMEMBERED_SECONDS:
            self._asked_at = now
            self._asking = asyncio.create_task(self._ask())
        found = await asyncio.shield(self._asking)
        return Report(State.DRAINING, found.checks) if self.draining else found

    async def _ask(self) -> Report:
        states = await asyncio.gather(*(_state_of(check) for check in self.checks))
        worst = State.READY
        for check, (state, reason) in zip(self.checks, states, strict=True):
            self._tell(check, state, reason)
            if state is State.UNREADY or worst is State.UNREADY:
                worst = State.UNREADY
            elif state is State.DEGRADED:
                worst = State.DEGRADED
        return Report(worst, {check.name: state for check, state in zip(self.checks, states, strict=True)})

    def _tell(self, check: Check, state: State, reason: str) -> None:
        """A line for each change, not for each question."""
        before = self._told.get(check.name, (State.READY, ""))
        if before == (state, reason):
            return
        self._told[check.name] = (state, reason)
        if state is State.READY:
            log.info("ready_again", part=check.name)
        else:
            log.warning("not_ready", part=check.name, reason=reason, needed=check.needed)


async def _state_of(check: Check) -> tuple[State, str]:
    failed = State.UNREADY if check.needed else State.DEGRADED
    try:
        async with asyncio.timeout(PROBE_SECONDS):
            await check.probe()
    except Unready as error:
        return failed, error.reason
    except TimeoutError:
        return failed, "no_answer"
    except Exception as error:
        # Whatever it is, the part can't be used. Its words may hold what was written: its kind is enough.
        return failed, type(error).__name__
    return State.READY, ""
