"""Lists show exactly what the policies allow; a list that does not is withheld and alarms."""

import os
import secrets
from collections.abc import Callable
from dataclasses import replace

import pytest
import structlog

from backend.reports.filters import FilterMismatch, Listable, ReportFilter
from backend.reports.queries import ReportQueries
from backend.reports.sql import MINE
from foundation.errors import Forbidden
from foundation.identity.principal import Duty, OfficialPrincipal
from foundation.paging import PageRequest
from foundation.policy.engine import PolicyEngine
from tests.backend.reports.random_world import (
    RandomWorld,
    afresh,
    decided,
    erroring,
    listed,
    random_world,
)
from tests.backend.reports.test_refusals import actions
from tests.backend.world import CITY, POLICIES, World
from tests.conftest import Database

PAGE = PageRequest(20)


@pytest.fixture
def seed() -> int:
    """Another world each time; a failure names the seed, and IOC_TEST_SEED brings its world back."""
    return int(os.environ.get("IOC_TEST_SEED") or secrets.randbits(32))


def queries(
    world: World,
    engine: PolicyEngine,
    share: float = 1.0,
    draw: Callable[[], float] = lambda: 0.0,
) -> ReportQueries:
    return ReportQueries(world.database, engine, world.clock, share, draw)


async def differences(world: World, engine: PolicyEngine, made: RandomWorld) -> list[str]:
    """People whose list, decisions and fresh decisions are not one set."""
    lists = queries(world, engine, share=0.0)
    fresh = afresh(engine, made)
    found = []
    with structlog.testing.capture_logs():  # thousands of refusals, each with its line
        for number, person in enumerate(made.people):
            three = (await listed(lists, person), decided(engine, made, person), fresh(person))
            if not three[0] == three[1] == three[2]:
                found.append(f"seed {made.seed}, person {number}: {[len(codes) for codes in three]}")
    return found


async def test_lists_decisions_and_fresh_decisions_agree(world: World, database: Database, seed: int) -> None:
    # 260 people on 400 reports: 104,000 decisions, each by the engine, by Cedar alone and by the lists.
    made = await random_world(world, database, seed, officials=240, citizens=20, reports=400)
    half = replace(made, people=made.people[::2]), replace(made, people=made.people[1::2])
    assert await differences(world, PolicyEngine.load(POLICIES), half[0]) == []
    assert await differences(world, erroring(), half[1]) == []


async def test_random_people_are_of_every_kind(world: World, database: Database) -> None:
    made = await random_world(world, database, 7, officials=120, citizens=4, reports=100)
    engine, with_errors = PolicyEngine.load(POLICIES), erroring()
    with structlog.testing.capture_logs():
        sets = [decided(engine, made, person) for person in made.people]
        changed = [sets[n] != decided(with_errors, made, person) for n, person in enumerate(made.people)]
    sizes = sorted(map(len, sets))
    # Some may read nothing, some everything, and many something between; errors cost some of them all.
    assert (sizes[0], sizes[-1]) == (0, 100)
    assert len(set(sizes)) > 8
    assert sum(changed) > 10


async def test_filter_by_city_level_alone_is_found_out(
    world: World, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = await random_world(world, database, 7, officials=60, citizens=2, reports=60)

    def naive(_: ReportFilter, principal: OfficialPrincipal) -> Listable:
        return Listable(principal.city_level, principal.units)

    monkeypatch.setattr(ReportFilter, "of_units", naive)
    assert await differences(world, PolicyEngine.load(POLICIES), made) != []


async def barred(world: World) -> OfficialPrincipal:
    """An operator of the city who also administers the platform: the database would show him everything."""
    operator = await world.official("quang")
    return replace(operator, duties=(*operator.duties, Duty("platform_admin", operator.unit_id, CITY)))


async def test_administrator_with_another_duty_lists_nothing(world: World) -> None:
    await world.submitted()
    with pytest.raises(Forbidden):
        await world.queries.of_units(await barred(world), PAGE, None, None)


async def test_party_officer_lists_nothing(world: World) -> None:
    await world.submitted()
    with pytest.raises(Forbidden):
        await world.queries.of_units(await world.official("phuong"), PAGE, None, None)


async def test_one_factor_lists_nothing(world: World) -> None:
    await world.submitted()
    minh = await world.official("minh")
    with pytest.raises(Forbidden):
        await world.queries.of_units(
            replace(minh, session=replace(minh.session, acr="aal1")), PAGE, None, None
        )


async def test_refused_list_is_recorded(world: World, database: Database) -> None:
    with pytest.raises(Forbidden):
        await world.queries.of_units(await world.official("phuong"), PAGE, None, None)
    assert actions(database)[-1] == "report.list=deny"


@pytest.fixture
def broken(monkeypatch: pytest.MonkeyPatch) -> None:
    """A filter that forgets the forbids; the database would show the operator everything."""
    monkeypatch.setattr(ReportFilter, "of_units", lambda *_: Listable(everything=True, units=frozenset()))


@pytest.mark.usefixtures("broken")
async def test_broken_filter_withholds_the_whole_answer(world: World) -> None:
    await world.submitted()
    with pytest.raises(FilterMismatch):
        await world.queries.of_units(await barred(world), PAGE, None, None)


@pytest.mark.usefixtures("broken")
async def test_broken_filter_raises_an_alarm_that_names_the_report(world: World, database: Database) -> None:
    await world.submitted()
    with structlog.testing.capture_logs() as lines, pytest.raises(FilterMismatch):
        await world.queries.of_units(await barred(world), PAGE, None, None)
    assert actions(database)[-1] == "policy.mismatch=deny"
    assert [line["event"] for line in lines] == ["policy.filter_mismatch"]


@pytest.mark.usefixtures("broken")
async def test_broken_filter_shows_everything_where_no_row_is_decided_again(world: World) -> None:
    code = (await world.submitted()).code
    engine = PolicyEngine.load(POLICIES)
    page = await queries(world, engine, share=0.0).of_units(await barred(world), PAGE, None, None)
    assert [report.code for report in page.items] == [code]


@pytest.mark.usefixtures("broken")
async def test_sample_decides_the_drawn_answers_again(world: World) -> None:
    await world.submitted()
    sampled = queries(world, PolicyEngine.load(POLICIES), 0.01, iter([0.01, 0.009]).__next__)
    await sampled.of_units(await barred(world), PAGE, None, None)
    with pytest.raises(FilterMismatch):
        await sampled.of_units(await barred(world), PAGE, None, None)


async def test_citizens_list_of_another_is_withheld(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    lan, hung = await world.citizen("lan"), await world.citizen("hung")
    await world.submitted(lan)
    # The list is asked as Lan (so row-level security agrees), and shown to Hung.
    lists = queries(world, PolicyEngine.load(POLICIES))
    scope = world.database.read_scope
    monkeypatch.setattr(world.database, "read_scope", lambda _, intent: scope(lan, intent))
    others = replace(MINE, first=MINE.first.replace("citizen_id = $1", "citizen_id <> $1"))
    monkeypatch.setattr("backend.reports.queries.MINE", others)
    with pytest.raises(FilterMismatch):
        await lists.mine(hung, PAGE)
