"""Any sequence of steps keeps state, version and timeline consistent."""

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from backend.reports.errors import IllegalTransition
from backend.reports.transitions import TRANSITIONS, after
from backend.reports.types import ClosingReason, ReportState, ReportStep
from foundation.errors import Refusal
from foundation.identity.principal import CitizenPrincipal, OfficialPrincipal
from tests.backend.world import CONSTRUCTION, HOAN_KIEM, World, connect, key, show_evidence
from tests.conftest import Database

STEPS = [step for step in ReportStep if step is not ReportStep.SUBMITTED]


@given(st.lists(st.sampled_from(STEPS), max_size=30))
def test_closed_is_left_only_by_the_citizen_who_reopens(steps: list[ReportStep]) -> None:
    state, left_by = ReportState.RECEIVED, set()
    for step in steps:
        try:
            reached = after(state, step)
        except IllegalTransition:
            continue
        if state is ReportState.CLOSED is not reached:
            left_by.add(step)
        state = reached
    assert left_by <= {ReportStep.REOPENED}


def test_every_state_can_be_reached_and_closed_from_work() -> None:
    reached = {to for moves in TRANSITIONS.values() for to in moves.values()} | {ReportState.RECEIVED}
    assert reached == set(ReportState)


async def take(
    world: World,
    step: ReportStep,
    code: str,
    version: int,
    citizen: CitizenPrincipal,
    officer: OfficialPrincipal,
    to: str,
) -> None:
    """One step by whoever takes it."""
    service = world.reports
    match step:
        case ReportStep.ACCEPTED:
            await service.accept(officer, code, version, key())
        case ReportStep.FORWARDED:
            await service.forward(officer, code, version, to, "x", key())
        case ReportStep.ASKED:
            await service.ask(officer, code, version, "?", key())
        case ReportStep.REPLIED:
            await service.reply(citizen, code, version, "!", key())
        case ReportStep.ANSWERED:
            await service.answer(officer, code, version, "Xong.", key())
        case ReportStep.CLOSED:
            await service.close(officer, code, version, ClosingReason.RESOLVED, None, None, key())
        case ReportStep.ADDED:
            await service.add(citizen, code, version, "Thêm.", key())
        case ReportStep.WITHDRAWN:
            await service.take_back(citizen, code, version, None, key())
        case ReportStep.RATED:
            await service.rate(citizen, code, version, 4, None, key())
        case ReportStep.REOPENED:
            await service.reopen(citizen, code, version, "Vẫn tắt.", key())


@pytest.mark.parametrize("seed", range(6))
async def test_random_steps_keep_the_timeline_consistent(world: World, database: Database, seed: int) -> None:
    chance = random.Random(seed)
    changed_by_refusal: list[bool] = []
    citizen = await world.citizen()
    officers = {HOAN_KIEM: await world.official("minh"), CONSTRUCTION: await world.official("ha")}
    code = (await world.submitted(citizen)).code
    show_evidence(database.settings(database.superuser), code)
    for _ in range(25):
        report = await world.queries.one(citizen, code)
        officer = officers[report.handler.code]
        to = CONSTRUCTION if report.handler.code == HOAN_KIEM else HOAN_KIEM
        step = chance.choice(STEPS)
        try:
            await take(world, step, code, report.version, citizen, officer, to)
        except Refusal:
            changed_by_refusal.append(await world.queries.one(citizen, code) != report)
    assert not any(changed_by_refusal)
    final = await world.queries.one(citizen, code)
    timeline = await world.queries.timeline(officers[final.handler.code], code)
    assert [entry.version for entry in timeline] == list(range(1, final.version + 1))
    assert [entry.from_state for entry in timeline[1:]] == [entry.to_state for entry in timeline[:-1]]
    assert (timeline[-1].to_state, timeline[-1].unit) == (final.state, final.handler)
    with connect(database.settings(database.superuser)) as connection:
        row = connection.execute(
            "SELECT (SELECT count(*) FROM changes.change), (SELECT count(*) FROM jobs.procrastinate_jobs),"
            " (SELECT array_agg(unit_id ORDER BY unit_id) FROM reports.report_visibility),"
            " (SELECT array_agg(u ORDER BY u) FROM reports.report, unnest(visible_units) u)"
        ).fetchone()
    assert row is not None
    assert (row[0], row[1], row[2]) == (final.version, final.version, row[3])
