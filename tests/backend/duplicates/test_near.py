"""Officers' near reports: within 1,000 m, of the category, open, and only what the official may read."""

import h3
import pytest

from backend.duplicates.near import NEAR, RADIUS, NearQueries, cells_around
from backend.reports.types import ReportState, Submission
from foundation.errors import Forbidden, InvalidInput, NotFound
from foundation.places import checked_cell
from foundation.policy.engine import PolicyEngine
from foundation.recording import AuditEvent
from tests.backend.world import CONSTRUCTION, HOAN_KIEM, POLICIES, SOC_SON, TEXT, World, connect, key
from tests.conftest import Database

LATITUDE, LONGITUDE = 21.0245, 105.8516


@pytest.fixture
def near(world: World) -> NearQueries:
    return NearQueries(world.database, PolicyEngine.load(POLICIES), world.clock)


async def sent(
    world: World, north: float | None = 0.0, ward: str = HOAN_KIEM, category: str = "street_light"
) -> str:
    """The code of a report `north` degrees from the place, None: without a point."""
    point = (None, None) if north is None else (LATITUDE + north, LONGITUDE)
    submission = Submission(category, ward, "Phố Hàng Bài", TEXT, *point)
    return (await world.reports.submit(await world.citizen("hung"), submission, key())).code


async def test_open_reports_of_the_category_within_the_radius_come_nearest_first(
    world: World, near: NearQueries
) -> None:
    far, same = await sent(world, 0.006), await sent(world)
    await sent(world, 0.03)
    await sent(world, category="waste")
    await sent(world, None)
    code = (await world.submitted()).code
    found = await near.around(await world.official("minh"), code)
    assert [report.code for report in found] == [same, far]
    assert (found[0].distance, found[0].version, found[0].state) == (0, 1, ReportState.RECEIVED)
    assert 500 < found[1].distance <= RADIUS
    assert found[0].handler.code == HOAN_KIEM


async def test_closed_report_is_not_near(world: World, near: NearQueries, database: Database) -> None:
    code, other = await sent(world), (await world.submitted()).code
    minh = await world.official("minh")
    before = [report.code for report in await near.around(minh, code)]
    with connect(database.settings(database.superuser)) as superuser:
        superuser.execute(
            "UPDATE reports.report SET state = 'closed', closing_reason = 'no_reply', closed_at = updated_at"
            " WHERE code = %s",
            (other,),
        )
    assert (before, await near.around(minh, code)) == ([other], ())


async def test_report_of_another_unit_is_near_for_the_city_alone(world: World, near: NearQueries) -> None:
    code, other = await sent(world), await sent(world, ward=SOC_SON)
    assert await near.around(await world.official("minh"), code) == ()
    found = await near.around(await world.official("quang"), code)
    assert [report.code for report in found] == [other]


async def test_unit_that_had_a_report_before_finds_it_near(world: World, near: NearQueries) -> None:
    code, other = await sent(world), await sent(world)
    minh = await world.official("minh")
    await world.reports.forward(minh, other, 1, CONSTRUCTION, "Thuộc Sở Xây dựng.", key())
    assert [report.code for report in await near.around(minh, code)] == [other]
    assert await near.around(await world.official("ha"), other) == ()


async def test_hidden_and_absent_report_are_refused_alike(world: World, near: NearQueries) -> None:
    code = await sent(world)
    dung = await world.official("dung")
    with pytest.raises(NotFound):
        await near.around(dung, code)
    with pytest.raises(NotFound):
        await near.around(dung, "0000000000000000")
    with pytest.raises(InvalidInput):
        await near.around(dung, "nothing")


async def test_row_that_the_policies_refuse_is_not_shown_whatever_the_walls_say(
    world: World, near: NearQueries, monkeypatch: pytest.MonkeyPatch
) -> None:
    code = await sent(world)
    await sent(world)
    minh = await world.official("minh")
    allowed = near._policy.authorise
    asked: list[str] = []

    def once(principal: object, action: str, resource: object, **more: object) -> object:
        asked.append(action)
        if len(asked) > 1:
            raise Forbidden
        return allowed(principal, action, resource, **more)  # type: ignore[arg-type] # passed on as it came

    monkeypatch.setattr(near._policy, "authorise", once)
    with pytest.raises(Forbidden):
        await near.around(minh, code)
    assert asked == ["report.read", "report.read"]


async def test_report_without_a_point_is_near_nothing(world: World, near: NearQueries) -> None:
    code = await sent(world, None)
    await sent(world)
    assert await near.around(await world.official("minh"), code) == ()


def test_cells_are_all_those_within_the_radius_nearest_first() -> None:
    cell = checked_cell(LATITUDE, LONGITUDE)
    found = cells_around(cell)
    here = h3.cell_to_latlng(h3.int_to_str(cell))
    wide = {
        h3.str_to_int(near): h3.great_circle_distance(here, h3.cell_to_latlng(near), unit="m")
        for near in h3.grid_disk(h3.int_to_str(cell), 12)
    }
    assert set(found) == {near for near, metres in wide.items() if metres <= RADIUS}
    assert list(found.values()) == sorted(found.values())
    assert next(iter(found.items())) == (cell, 0.0)


async def test_cells_are_looked_up_in_the_index(world: World) -> None:
    minh = await world.official("minh")
    cells = list(cells_around(checked_cell(LATITUDE, LONGITUDE)))
    async with world.database.read_scope(minh, AuditEvent("report.near_officers")) as scope:
        # The table is small: without the choice the planner shows what it can use at all.
        await scope.rows("SELECT set_config($1, 'off', true)", "enable_seqscan")
        plan = await scope.rows(f"EXPLAIN {NEAR}", "street_light", cells, minh.official_id)
    lines = "\n".join(row[0] for row in plan)
    assert "report_near" in lines
    assert "Index Cond: ((category = " in lines
