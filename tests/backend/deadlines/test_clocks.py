"""What a report owes, by random histories: never two verdicts, no time won by tricks."""

from datetime import datetime, timedelta

from hypothesis import given, settings
from hypothesis import strategies as st

from backend.deadlines.clocks import OfficerPause, Reckoned, Step, Terms, reckon, rounds_of
from backend.deadlines.stages import Stage, plan_of, to_say
from backend.deadlines.types import ClockKind, Length, LengthUnit, Rule, Urgency
from tests.backend.deadlines.calendars import moment, office

CALENDAR = office()
HOURS = {Urgency.NORMAL: (8, 40), Urgency.HIGH: (4, 16), Urgency.URGENT: (2, 4)}
STATES = ("received", "in_progress", "awaiting_citizen", "answered", "closed", "withdrawn")


def terms_of(at: datetime, urgency: Urgency) -> Terms:
    receive, handle = (Length(amount, LengthUnit.HOURS) for amount in HOURS[urgency])
    rule = Rule(str(urgency), None, urgency, 1, "office", receive, handle, handle, receive)
    return Terms(1, rule, CALENDAR)


@st.composite
def histories(draw: st.DrawFn) -> list[Step]:
    """A report that came in, and whatever happened then."""
    at = draw(st.integers(0, 2_000))
    steps = [Step(moment(at), "received", 1)]
    for _ in range(draw(st.integers(0, 7))):
        at += draw(st.integers(1, 4_000))
        steps.append(Step(moment(at), draw(st.sampled_from(STATES)), draw(st.integers(1, 3))))
    return steps


pauses = st.lists(
    st.tuples(st.integers(0, 12_000), st.integers(1, 3_000), st.booleans()).map(
        lambda p: OfficerPause(moment(p[0]), moment(p[0] + p[1]), p[2])
    ),
    max_size=3,
)
levels = st.lists(st.tuples(st.integers(0, 12_000).map(moment), st.sampled_from(Urgency)), max_size=3).map(
    lambda found: sorted(found, key=lambda one: one[0])
)


@settings(max_examples=150, deadline=None)
@given(histories(), pauses, levels)
def test_every_round_has_one_handling_clock_that_begins_and_stops_in_order(steps, halts, urgencies) -> None:
    clocks = reckon(steps, halts, urgencies, terms_of)
    rounds = rounds_of(steps)
    handles = [clock for clock in clocks if clock.kind is ClockKind.HANDLE]
    assert [clock.round for clock in handles] == [one.number for one in rounds]
    for clock in clocks:
        assert clock.due_at > clock.started_at
        assert clock.stopped_at is None or clock.stopped_at >= clock.started_at
    assert all(clock.stopped_at is not None for clock in handles[:-1])


@settings(max_examples=150, deadline=None)
@given(histories(), pauses, st.integers(0, 7), st.integers(1, 4_000))
def test_time_in_which_a_report_was_merged_does_not_count(steps, halts, where, long) -> None:
    """Merged and taken apart: as many rounds, the same time allowed, no verdict of before changed."""
    index = min(where, len(steps) - 1)
    before, later = steps[: index + 1], steps[index + 1 :]
    at = before[-1].at + timedelta(minutes=1)
    back = Step(at + timedelta(minutes=long), before[-1].state, before[-1].unit)
    late = [Step(step.at + timedelta(minutes=long + 2), step.state, step.unit) for step in later]
    merged = [*before, Step(at, "merged", before[-1].unit)]
    plain, stood = reckon(before, halts, [], terms_of), reckon([*merged, back], halts, [], terms_of)
    assert len(rounds_of([*merged, back, *late])) == len(rounds_of([*before, *late]))
    assert [(c.kind, c.round, c.allowed) for c in plain] == [(c.kind, c.round, c.allowed) for c in stood]
    assert all(new.due_at >= old.due_at for old, new in zip(plain, stood, strict=True))
    for clock in stood:
        assert CALENDAR.between(clock.started_at, clock.due_at, clock.without) == clock.allowed
    # While it is merged there is what had stopped, as it was.
    ended = [verdict(clock) for clock in plain if clock.stopped_at is not None]
    assert [verdict(clock) for clock in reckon(merged, halts, [], terms_of)] == ended


@settings(max_examples=150, deadline=None)
@given(histories(), pauses, levels)
def test_a_due_time_is_the_time_allowed_after_the_start(steps, halts, urgencies) -> None:
    for clock in reckon(steps, halts, [], terms_of):
        worked = CALENDAR.between(clock.started_at, clock.due_at, clock.without)
        assert worked == clock.allowed


@settings(max_examples=150, deadline=None)
@given(
    histories(), pauses, st.integers(0, 12_000).map(moment), st.sampled_from([Urgency.HIGH, Urgency.URGENT])
)
def test_raising_urgency_never_gives_time(steps, halts, at, urgency) -> None:
    plain = reckon(steps, halts, [], terms_of)
    raised = reckon(steps, halts, [(at, urgency)], terms_of)
    assert all(new.due_at <= old.due_at for old, new in zip(plain, raised, strict=True))


@settings(max_examples=150, deadline=None)
@given(histories(), pauses, st.integers(0, 20_000).map(moment))
def test_lowering_urgency_after_the_deadline_changes_no_verdict(steps, halts, at) -> None:
    urgent = [(moment(-1), Urgency.URGENT)]
    before = reckon(steps, halts, urgent, terms_of)
    after = reckon(steps, halts, [*urgent, (at, Urgency.NORMAL)], terms_of)
    for old, new in zip(before, after, strict=True):
        missed = old.due_at <= at and old.started_at < at
        assert not missed or new.due_at == old.due_at


@settings(max_examples=150, deadline=None)
@given(histories(), pauses, levels, st.integers(1, 7))
def test_what_came_later_changes_no_stopped_clock(steps, halts, urgencies, cut) -> None:
    early = steps[:cut]
    end = early[-1].at
    known = [pause for pause in halts if pause.start <= end]
    said = [level for level in urgencies if level[0] <= end]
    then = {(c.kind, c.round): c for c in reckon(early, known, said, terms_of) if c.stopped_at is not None}
    now = {(c.kind, c.round): c for c in reckon(steps, halts, urgencies, terms_of)}
    for name, clock in then.items():
        assert verdict(now[name]) == verdict(clock)


def verdict(clock: Reckoned) -> tuple[object, ...]:
    """What statistics and the public see of a stopped clock."""
    return clock.unit, clock.started_at, clock.due_at, clock.stopped_at, clock.overran


@settings(max_examples=150, deadline=None)
@given(histories(), pauses, levels)
def test_stages_come_in_order_and_the_deadline_is_the_third(steps, halts, urgencies) -> None:
    for clock in reckon(steps, halts, urgencies, terms_of):
        moments = plan_of(clock).moments
        assert list(moments) == sorted(moments)
        assert (moments[2], moments[0] >= clock.started_at) == (clock.due_at, True)


@given(st.sampled_from(Stage), st.sampled_from(Stage))
def test_what_is_said_is_new_and_ends_with_what_was_reached(said, reached) -> None:
    words = to_say(said, reached)
    assert all(said < word <= reached for word in words)
    assert (reached > said) == (words[-1:] == (reached,))


def test_pause_of_an_earlier_round_does_not_stop_the_next() -> None:
    steps = [
        Step(moment(480), "received", 1),
        Step(moment(540), "in_progress", 1),
        Step(moment(600), "closed", 1),
        Step(moment(660), "in_progress", 1),
    ]
    open_pause = OfficerPause(moment(570), moment(20_000), True)
    last = reckon(steps, [open_pause], [], terms_of)[-1]
    assert (last.round, last.pause, last.due_at - last.started_at > timedelta(0)) == (2, None, True)
