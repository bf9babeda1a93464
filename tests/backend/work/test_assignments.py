"""In whose hand a report is: a handler of the handling unit, who is told; leaving and forwarding lose it."""

import asyncio
from uuid import UUID

import pytest

from backend.reports.types import ClosingReason
from backend.work.errors import NotAHandler, NotAssigned, ReportClosed, SameAssignee
from backend.work.types import EntryKind
from foundation.errors import Forbidden, IdempotencyMismatch, NotFound, VersionConflict
from foundation.idempotency import Idempotency
from foundation.paging import PageRequest
from tests.backend.work.conftest import Rig
from tests.backend.world import CONSTRUCTION, HOAN_KIEM, connect, key


async def test_handler_gives_the_report_to_a_colleague_who_is_told(rig: Rig) -> None:
    minh, thao = await rig.world.official("minh"), await rig.world.official("thao")
    code = (await rig.world.submitted()).code
    done = await rig.service.assign(minh, code, 0, rig.code_of(thao), key())
    ((entry,),) = rig.rows("SELECT id FROM work.entry")
    for _ in range(2):
        await rig.upkeep.tell_assigned(entry)
    seen = await rig.work(thao, code)
    assert seen is not None
    assert seen.assignee is not None
    assert (done.version, seen.version, seen.assignee.name) == (2, 2, "Trần Thị Thảo")
    assert [(one.kind, one.actor.name if one.actor else None) for one in seen.entries] == [
        (EntryKind.ASSIGNED, "Trần Văn Minh")
    ]
    inbox = await rig.world.inboxes.inbox(thao, PageRequest(10))
    assert [(item.kind, item.resource) for item in inbox.items] == [("report.assigned", f"report:{code}")]
    assert (await rig.world.inboxes.inbox(minh, PageRequest(10))).items == ()
    assert rig.actions(code) == ["report.submit", "report.assign", "report.tell_assigned"]


async def test_report_itself_says_nothing_of_it_to_its_citizen(rig: Rig) -> None:
    lan, minh = await rig.world.citizen(), await rig.world.official("minh")
    code = (await rig.world.submitted(lan)).code
    before = await rig.world.queries.one(lan, code)
    await rig.service.assign(minh, code, 0, rig.code_of(minh), key())
    await rig.service.write_note(minh, code, "Gọi điện lực.", key())
    assert await rig.world.queries.one(lan, code) == before
    assert [entry.step for entry in await rig.world.queries.timeline(lan, code)] == ["submitted"]
    assert await rig.work(lan, code) is None
    assert rig.rows("SELECT kind FROM changes.change") == [("report.submitted",)]


async def test_person_taken_away_is_nobody_and_the_timeline_keeps_both(rig: Rig) -> None:
    minh, thao = await rig.world.official("minh"), await rig.world.official("thao")
    code = (await rig.world.submitted()).code
    given = await rig.service.assign(minh, code, 0, rig.code_of(thao), key())
    await rig.service.take_away(thao, code, given.version, key())
    seen = await rig.work(minh, code)
    assert seen is not None
    assert seen.assignee is None
    assert [entry.kind for entry in seen.entries] == [EntryKind.ASSIGNED, EntryKind.UNASSIGNED]
    with pytest.raises(NotAssigned):
        await rig.service.take_away(minh, code, seen.version, key())


async def test_only_handlers_of_the_unit_itself_are_assigned(rig: Rig) -> None:
    minh = await rig.world.official("minh")
    code = (await rig.world.submitted()).code
    outside = [
        rig.code_of(await rig.world.official(name)) for name in ("dung", "ha", "quang", "yen", "phuong")
    ]
    for person in [*outside, "0" * 16, "", "lý do", "x" * 5_000, "\x00"]:
        with pytest.raises(NotAHandler):
            await rig.service.assign(minh, code, 0, person, key())
    assert rig.rows("SELECT 1 FROM work.entry") == []
    names = [person.name for person in await rig.queries.assignable(minh, code)]
    assert names == ["Trần Văn Minh", "Trần Thị Thảo"]


async def test_duty_that_ended_yesterday_or_begins_tomorrow_is_none(rig: Rig) -> None:
    minh, thao = await rig.world.official("minh"), await rig.world.official("thao")
    code = (await rig.world.submitted()).code
    rig.end_duties(thao)
    with pytest.raises(NotAHandler):
        await rig.service.assign(minh, code, 0, rig.code_of(thao), key())
    rig.rows(
        "UPDATE tenancy.duty SET until_day = NULL, from_day = '2026-11-25' WHERE official_id = %s",
        thao.official_id,
    )
    with pytest.raises(NotAHandler):
        await rig.service.assign(minh, code, 0, rig.code_of(thao), key())


async def test_suspended_handler_is_not_assigned(rig: Rig) -> None:
    minh, thao = await rig.world.official("minh"), await rig.world.official("thao")
    code = (await rig.world.submitted()).code
    rig.rows("UPDATE tenancy.official SET state = 'suspended' WHERE id = %s", thao.official_id)
    with pytest.raises(NotAHandler):
        await rig.service.assign(minh, code, 0, rig.code_of(thao), key())


@pytest.mark.parametrize("name", ["dung", "ha", "phuong", "yen"])
async def test_officer_of_another_unit_finds_nothing(rig: Rig, name: str) -> None:
    who, minh = await rig.world.official(name), await rig.world.official("minh")
    code = (await rig.world.submitted()).code
    with pytest.raises(NotFound):
        await rig.service.assign(who, code, 0, rig.code_of(minh), key())
    with pytest.raises(NotFound):
        await rig.queries.assignable(who, code)
    assert await rig.work(who, code) is None


async def test_operator_of_the_city_does_not_assign_in_a_wards_place(rig: Rig) -> None:
    quang, minh = await rig.world.official("quang"), await rig.world.official("minh")
    code = (await rig.world.submitted()).code
    with pytest.raises(Forbidden):
        await rig.service.assign(quang, code, 0, rig.code_of(minh), key())


async def test_unit_that_had_it_before_assigns_no_more(rig: Rig) -> None:
    minh = await rig.world.official("minh")
    report = await rig.world.submitted()
    await rig.world.reports.forward(minh, report.code, 1, CONSTRUCTION, "Thuộc Sở", key())
    with pytest.raises(Forbidden):
        await rig.service.assign(minh, report.code, 0, rig.code_of(minh), key())


async def test_head_assigns_without_a_handlers_duty(rig: Rig) -> None:
    minh, yen = await rig.world.official("minh"), await rig.world.official("yen")
    rig.duty(yen, "lead", HOAN_KIEM)
    head = await rig.world.official("yen")
    code = (await rig.world.submitted()).code
    await rig.service.assign(head, code, 0, rig.code_of(minh), key())
    assert rig.rows("SELECT assignee_id FROM work.file") == [(minh.official_id,)]


async def test_forwarded_report_is_in_nobodys_hand(rig: Rig) -> None:
    minh, ha = await rig.world.official("minh"), await rig.world.official("ha")
    report = await rig.world.submitted()
    await rig.service.assign(minh, report.code, 0, rig.code_of(minh), key())
    await rig.world.reports.forward(minh, report.code, 1, CONSTRUCTION, "Thuộc Sở", key())
    seen = await rig.work(ha, report.code)
    assert seen is not None
    assert seen.assignee is None
    assert [(entry.kind, entry.actor) for entry in seen.entries][-1] == (EntryKind.RELEASED, None)


async def test_who_leaves_loses_what_he_had_and_who_stays_keeps_it(rig: Rig) -> None:
    minh, thao = await rig.world.official("minh"), await rig.world.official("thao")
    codes = [(await rig.world.submitted()).code for _ in range(3)]
    for code, person in zip(codes, (thao, thao, minh), strict=True):
        await rig.service.assign(minh, code, 0, rig.code_of(person), key())
    rig.end_duties(thao)
    assert (await rig.upkeep.release(), await rig.upkeep.release()) == (2, 0)
    assert rig.rows("SELECT assignee_id FROM work.file WHERE assignee_id IS NOT NULL") == [
        (minh.official_id,)
    ]
    seen = await rig.work(minh, codes[0])
    assert seen is not None
    assert [entry.kind for entry in seen.entries] == [EntryKind.ASSIGNED, EntryKind.RELEASED]
    assert rig.actions(codes[0])[-1] == "report.release"


async def test_who_lost_it_before_the_job_ran_is_not_told(rig: Rig) -> None:
    minh, thao = await rig.world.official("minh"), await rig.world.official("thao")
    code = (await rig.world.submitted()).code
    given = await rig.service.assign(minh, code, 0, rig.code_of(thao), key())
    ((entry,),) = rig.rows("SELECT id FROM work.entry")
    await rig.service.assign(minh, code, given.version, rig.code_of(minh), key())
    await rig.upkeep.tell_assigned(entry)
    assert (await rig.world.inboxes.inbox(thao, PageRequest(10))).items == ()


async def test_two_at_once_give_it_to_one(rig: Rig) -> None:
    minh, thao = await rig.world.official("minh"), await rig.world.official("thao")
    code = (await rig.world.submitted()).code
    people = [minh, thao] * 3
    done = await asyncio.gather(
        *(rig.service.assign(who, code, 0, rig.code_of(who), key()) for who in people), return_exceptions=True
    )
    refused = [one for one in done if isinstance(one, VersionConflict)]
    assert (len(refused), rig.rows("SELECT count(*) FROM work.entry")) == (5, [(1,)])


async def test_same_person_again_is_refused(rig: Rig) -> None:
    minh = await rig.world.official("minh")
    code = (await rig.world.submitted()).code
    given = await rig.service.assign(minh, code, 0, rig.code_of(minh), key())
    with pytest.raises(SameAssignee):
        await rig.service.assign(minh, code, given.version, rig.code_of(minh), key())


async def test_closed_report_is_not_assigned(rig: Rig) -> None:
    minh = await rig.world.official("minh")
    report = await rig.world.submitted()
    await rig.world.reports.accept(minh, report.code, 1, key())
    await rig.world.reports.close(
        minh, report.code, 2, ClosingReason.OUT_OF_SCOPE, "Đơn khiếu nại.", "complaint", key()
    )
    with pytest.raises(ReportClosed):
        await rig.service.assign(minh, report.code, 0, rig.code_of(minh), key())


async def test_repeated_key_gives_it_once(rig: Rig) -> None:
    minh, again = await rig.world.official("minh"), key()
    code = (await rig.world.submitted()).code
    first = await rig.service.assign(minh, code, 0, rig.code_of(minh), again)
    assert await rig.service.assign(minh, code, 0, rig.code_of(minh), again) == first
    with pytest.raises(IdempotencyMismatch):
        await rig.service.assign(minh, code, 0, rig.code_of(minh), Idempotency(again.key, b"\x02" * 32))


# The database's own walls: what holds when the service forgets.
def _as(rig: Rig, who: tuple[str, str], statement: str, *values: object) -> None:
    subject, units = who
    with connect(rig.database.settings("backend_app")) as app, app.transaction():
        app.execute(
            "SELECT set_config('ioc.subject', %s, true), set_config('ioc.units', %s, true)", (subject, units)
        )
        app.execute(statement.encode(), values)


@pytest.fixture
async def scene(rig: Rig) -> dict[str, object]:
    """A report in nobody's hand, and whom there is."""
    minh, dung = await rig.world.official("minh"), await rig.world.official("dung")
    code = (await rig.world.submitted()).code
    given = await rig.service.assign(minh, code, 0, rig.code_of(minh), key())
    await rig.service.take_away(minh, code, given.version, key())
    ((report, unit),) = rig.rows("SELECT id, handler_id FROM reports.report")
    return {"report": report, "unit": unit, "minh": minh, "dung": dung}


async def test_wall_lets_nobody_be_assigned_who_is_no_handler_there(
    rig: Rig, scene: dict[str, object]
) -> None:
    minh, dung = scene["minh"], scene["dung"]
    with pytest.raises(Exception, match="row-level security"):
        _as(
            rig, (str(minh.official_id), str(scene["unit"])),
            "UPDATE work.file SET assignee_id = %s, unit_id = %s, assigned_at = now()",
            dung.official_id, scene["unit"],
        )  # fmt: skip


async def test_wall_lets_nobody_write_in_anothers_name_or_for_anothers_unit(
    rig: Rig, scene: dict[str, object]
) -> None:
    minh, dung = scene["minh"], scene["dung"]
    insert = (
        "INSERT INTO work.entry (id, report_id, at, kind, actor_id, unit_id, note)"
        " VALUES (uuidv7(), %s, now(), 'note', %s, %s, 'x')"
    )
    mine = (str(minh.official_id), str(scene["unit"]))
    with pytest.raises(Exception, match="row-level security"):
        _as(rig, mine, insert, scene["report"], dung.official_id, scene["unit"])
    other_unit = min(dung.units)
    with pytest.raises(Exception, match="row-level security"):
        _as(rig, mine, insert, scene["report"], minh.official_id, other_unit)
    _as(rig, mine, insert, scene["report"], minh.official_id, scene["unit"])


async def test_wall_hides_the_work_from_the_reports_citizen(rig: Rig, scene: dict[str, object]) -> None:
    ((citizen,),) = rig.rows("SELECT citizen_id FROM reports.report")
    with connect(rig.database.settings("backend_app")) as app, app.transaction():
        app.execute(
            "SELECT set_config('ioc.subject', %s, true), set_config('ioc.citizen', %s, true)",
            (str(citizen), str(citizen)),
        )
        assert app.execute("SELECT count(*) FROM reports.report").fetchone() == (1,)
        assert app.execute("SELECT count(*) FROM work.entry").fetchone() == (0,)
        assert app.execute("SELECT count(*) FROM work.file").fetchone() == (0,)
        ids: list[UUID] = [scene["minh"].official_id]
        assert app.execute("SELECT count(*) FROM work.people(%s)", (ids,)).fetchone() == (0,)


@pytest.mark.parametrize("statement", ["UPDATE work.entry SET note = 'x'", "DELETE FROM work.entry"])
async def test_wall_lets_nobody_change_the_timeline(
    rig: Rig, scene: dict[str, object], statement: str
) -> None:
    minh = scene["minh"]
    with pytest.raises(Exception, match="permission denied"):
        _as(rig, (str(minh.official_id), str(scene["unit"])), statement)
