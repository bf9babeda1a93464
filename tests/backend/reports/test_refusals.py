"""What is refused, to whom, and that nothing is left behind."""

import pytest

from backend.reports.errors import IllegalTransition, SameUnit, UnknownUnit
from backend.reports.types import ClosingReason, ReportState, Submission
from backend.routing.errors import UnknownCategory, UnknownWard
from backend.tenancy.queries import TenancyQueries
from foundation.errors import Forbidden, InvalidInput, NotFound, VersionConflict
from foundation.paging import PageRequest
from tests.backend.world import CONSTRUCTION, HOAN_KIEM, SOC_SON, TEXT, World, connect, key
from tests.conftest import Database


def actions(database: Database) -> list[str]:
    """Action and decision of every recorded event, in order."""
    with connect(database.settings(database.superuser)) as connection:
        rows = connection.execute(
            "SELECT line::jsonb -> 'unmapped' ->> 'action',"
            " line::jsonb -> 'unmapped' ->> 'decision'"
            " FROM audit.event ORDER BY xid, id"
        )
        return [f"{action}={decision}" for action, decision in rows]


async def test_other_unit_can_not_see_report(world: World) -> None:
    code = (await world.submitted()).code
    with pytest.raises(NotFound):
        await world.queries.one(await world.official("dung"), code)


async def test_other_citizen_can_not_see_report(world: World) -> None:
    code = (await world.submitted()).code
    with pytest.raises(NotFound):
        await world.queries.one(await world.citizen("hung"), code)


async def test_party_officer_can_not_see_report(world: World) -> None:
    code = (await world.submitted()).code
    with pytest.raises(NotFound):
        await world.queries.one(await world.official("phuong"), code)


async def test_city_operator_sees_report(world: World) -> None:
    code = (await world.submitted()).code
    assert (await world.queries.one(await world.official("quang"), code)).code == code


async def test_city_operator_can_not_accept(world: World) -> None:
    code = (await world.submitted()).code
    with pytest.raises(Forbidden):
        await world.reports.accept(await world.official("quang"), code, 1, key())


async def test_city_operator_forwards(world: World) -> None:
    code = (await world.submitted()).code
    moved = await world.reports.forward(
        await world.official("quang"), code, 1, SOC_SON, "Nhầm phường.", key()
    )
    assert (moved.version, moved.state) == (2, ReportState.RECEIVED)


async def test_unit_that_forwarded_still_sees_the_report(world: World) -> None:
    code = (await world.submitted()).code
    officer = await world.official("minh")
    await world.reports.forward(officer, code, 1, CONSTRUCTION, "Thuộc thẩm quyền Sở.", key())
    assert (await world.queries.one(officer, code)).handler.code == CONSTRUCTION


async def test_unit_that_forwarded_can_not_work_on_it(world: World) -> None:
    code = (await world.submitted()).code
    officer = await world.official("minh")
    await world.reports.forward(officer, code, 1, CONSTRUCTION, "Thuộc thẩm quyền Sở.", key())
    with pytest.raises(Forbidden):
        await world.reports.accept(officer, code, 2, key())


async def test_forwarding_note_is_not_shown_to_the_citizen(world: World) -> None:
    citizen = await world.citizen()
    code = (await world.submitted(citizen)).code
    await world.reports.forward(await world.official("minh"), code, 1, CONSTRUCTION, "nội bộ", key())
    assert [entry.note for entry in await world.queries.timeline(citizen, code)] == [None, None]


async def test_forward_to_party_body_is_refused(world: World) -> None:
    code = (await world.submitted()).code
    with pytest.raises(UnknownUnit):
        await world.reports.forward(await world.official("minh"), code, 1, "P0002", "x", key())


async def test_forward_to_same_unit_is_refused(world: World) -> None:
    code = (await world.submitted()).code
    with pytest.raises(SameUnit):
        await world.reports.forward(await world.official("minh"), code, 1, HOAN_KIEM, "x", key())


async def test_second_officer_with_old_version_is_told(world: World) -> None:
    code = (await world.submitted()).code
    await world.reports.accept(await world.official("minh"), code, 1, key())
    with pytest.raises(VersionConflict) as refused:
        await world.reports.accept(await world.official("thao"), code, 1, key())
    assert refused.value.current == 2


async def test_answer_before_acceptance_is_refused(world: World) -> None:
    code = (await world.submitted()).code
    with pytest.raises(IllegalTransition):
        await world.reports.answer(await world.official("minh"), code, 1, "Xong.", key())


async def test_refused_step_leaves_nothing_but_its_event(world: World, database: Database) -> None:
    code = (await world.submitted()).code
    with pytest.raises(IllegalTransition):
        await world.reports.answer(await world.official("minh"), code, 1, "Xong.", key())
    assert actions(database) == ["report.submit=allow", "report.answer=deny"]


async def test_closing_against_the_citizen_needs_a_note(world: World) -> None:
    code = (await world.submitted()).code
    officer = await world.official("minh")
    await world.reports.accept(officer, code, 1, key())
    with pytest.raises(InvalidInput):
        await world.reports.close(
            officer, code, 2, ClosingReason.NO_JURISDICTION, None, "outside_city", key()
        )


async def test_unknown_category_is_refused(world: World) -> None:
    with pytest.raises(UnknownCategory):
        await world.submitted(category="spaceships")


async def test_department_is_not_a_ward(world: World) -> None:
    with pytest.raises(UnknownWard):
        await world.submitted(ward=CONSTRUCTION)


@pytest.mark.parametrize("body", ["", "   ", "x" * 4001, "a\x00b", "\ud800"])
async def test_body_outside_its_limits_is_refused(world: World, body: str) -> None:
    with pytest.raises(InvalidInput) as refused:
        await world.reports.submit(await world.citizen(), Submission("road", HOAN_KIEM, "Ngõ 1", body), key())
    assert refused.value.field == "body"


async def test_point_outside_the_city_is_refused(world: World) -> None:
    submission = Submission("road", HOAN_KIEM, "Sài Gòn", TEXT, 10.77, 106.7)
    with pytest.raises(InvalidInput):
        await world.reports.submit(await world.citizen(), submission, key())


async def test_malformed_code_is_refused(world: World) -> None:
    with pytest.raises(InvalidInput):
        await world.queries.one(await world.citizen(), "' OR 1=1 --")


async def test_units_asked_are_narrowed_to_those_granted(world: World) -> None:
    await world.submitted(ward=SOC_SON)
    page = await world.queries.of_units(
        await world.official("minh"), PageRequest(10), (SOC_SON, HOAN_KIEM), None
    )
    assert page.items == ()


async def test_what_can_be_no_code_of_a_unit_is_an_unknown_unit_and_no_fault(world: World) -> None:
    officer, code = await world.official("minh"), (await world.submitted()).code
    with pytest.raises(UnknownUnit):
        await world.reports.forward(officer, code, 1, "\x00", "x", key())
    with pytest.raises(NotFound):
        await TenancyQueries(world.database).unit(officer, "\x00")
    assert (await world.queries.of_units(officer, PageRequest(10), ("\x00",), None)).items == ()
