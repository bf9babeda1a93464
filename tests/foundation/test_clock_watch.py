"""A process whose clock is not its database's judges and signs nothing, and says so."""

from datetime import UTC, datetime, timedelta

import pytest

from foundation.clock import FrozenClock
from foundation.clock_watch import ClockOff, ClockWatch
from foundation.health import Unready

NOW = datetime(2026, 11, 27, 3, tzinfo=UTC)


class Ticks:
    """A monotonic clock that is turned by hand."""

    now = 50.0

    def __call__(self) -> float:
        return self.now


class Theirs:
    """The database's clock: `ahead` of the process's true time."""

    def __init__(self, ticks: Ticks, takes: float = 0.0) -> None:
        self.ticks = ticks
        self.takes = takes
        self.moment = NOW

    async def __call__(self) -> datetime:
        self.ticks.now += self.takes
        return self.moment


async def watch_of(ahead: float, takes: float = 0.0) -> tuple[ClockWatch, FrozenClock, Ticks]:
    ticks = Ticks()
    clock = FrozenClock(NOW + timedelta(seconds=ahead))
    watch = ClockWatch(clock, Theirs(ticks, takes), ticks)
    await watch.measure()
    return watch, clock, ticks


@pytest.mark.parametrize("ahead", [0.0, 1.9, -1.9, 2.0, -2.0])
async def test_clock_within_two_seconds_is_right(ahead: float) -> None:
    watch, _, _ = await watch_of(ahead)
    watch.check()
    await watch.probe()


@pytest.mark.parametrize("ahead", [2.001, -2.001, 3_600.0, -86_400.0])
async def test_clock_more_than_two_seconds_off_refuses_and_says_why(ahead: float) -> None:
    watch, _, _ = await watch_of(ahead)
    with pytest.raises(ClockOff) as refusal:
        watch.check()
    with pytest.raises(Unready) as unready:
        await watch.probe()
    assert (refusal.value.code, refusal.value.status, refusal.value.retry_after) == (
        "service.clock_off",
        503,
        5,
    )
    assert unready.value.reason == "clock_off"


async def test_step_between_two_measurements_is_noticed_at_once_and_so_is_its_end() -> None:
    watch, clock, ticks = await watch_of(0.0)
    clock.advance(timedelta(seconds=10))
    ticks.now += 10  # ten seconds went by: no step
    watch.check()
    clock.advance(timedelta(seconds=3))  # set forward
    with pytest.raises(ClockOff):
        watch.check()
    clock.advance(timedelta(seconds=-3))
    watch.check()


async def test_before_the_first_measurement_nothing_is_judged() -> None:
    watch = ClockWatch(FrozenClock(NOW), Theirs(Ticks()))
    with pytest.raises(ClockOff):
        watch.check()
    with pytest.raises(Unready, match="not_measured"):
        await watch.probe()


async def test_slow_answer_says_too_little_to_change_anything() -> None:
    _, clock, ticks = await watch_of(0.0)
    slow = ClockWatch(clock, Theirs(ticks, takes=1.5), ticks)
    await slow.measure()
    assert slow.offset is None


async def test_half_of_the_way_is_taken_off() -> None:
    watch, _, _ = await watch_of(0.0, takes=0.8)
    # Asked at 0, answered at 0.8: their clock was read at about 0.4, so ours, read at 0, seems 0.4 behind.
    assert watch.offset is not None
    assert watch.offset == pytest.approx(0.4 - 0.8, abs=1e-6)


async def test_database_that_is_away_leaves_the_last_word_standing() -> None:
    ticks, clock = Ticks(), FrozenClock(NOW)
    answers = [NOW]

    async def ask() -> datetime:
        if not answers:
            raise OSError("away")
        return answers.pop()

    watch = ClockWatch(clock, ask, ticks)
    await watch.measure()
    with pytest.raises(OSError, match="away"):
        await watch.measure()
    watch.check()


async def test_who_waits_for_a_right_clock_goes_on_when_it_is(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("foundation.clock_watch.LOOK_SECONDS", 0.001)
    watch, clock, _ = await watch_of(5.0)
    await watch.until(right=False)
    clock.advance(timedelta(seconds=-5))
    await watch.until(right=True)
