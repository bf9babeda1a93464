"""Supporting units: they see the report, do a part of their own, and closing waits for it."""

import asyncio
from typing import Any

import pytest

from backend.reports.errors import PartsOpen, SameUnit, UnknownUnit
from backend.reports.types import Changed, ClosingReason
from backend.work.errors import AlreadySupporting, ReportClosed, TooManyParts, WrongPartState
from backend.work.types import EntryKind, PartState
from foundation.errors import Forbidden, InvalidInput, NotFound
from foundation.ids import new_uuid
from foundation.paging import PageRequest
from tests.backend.work.conftest import Rig
from tests.backend.world import CONSTRUCTION, HOAN_KIEM, SOC_SON, connect, key, show_evidence

TASK = "Cắt điện đoạn phố này."


async def accepted(rig: Rig) -> Changed:
    """A report that Hoàn Kiếm works on."""
    minh = await rig.world.official("minh")
    report = await rig.world.submitted()
    return await rig.world.reports.accept(minh, report.code, 1, key())


async def refused(rig: Rig, report: Changed) -> Changed:
    """Close it on a ground of the law."""
    minh = await rig.world.official("minh")
    return await rig.world.reports.close(
        minh, report.code, report.version, ClosingReason.OUT_OF_SCOPE, "Đơn khiếu nại.", "complaint", key()
    )


async def states(rig: Rig, code: str) -> list[tuple[str, PartState]]:
    """Parts as the handling unit sees them."""
    seen = await rig.work(await rig.world.official("minh"), code)
    assert seen is not None
    return [(part.unit_code, part.state) for part in seen.parts]


async def test_unit_that_is_asked_sees_the_report_everywhere_and_does_its_part(rig: Rig) -> None:
    minh, ha = await rig.world.official("minh"), await rig.world.official("ha")
    report = await accepted(rig)
    with pytest.raises(NotFound):
        await rig.world.queries.one(ha, report.code)
    await rig.parts.add(minh, report.code, CONSTRUCTION, TASK, key())
    assert (await rig.world.queries.one(ha, report.code)).handler.code == HOAN_KIEM
    listed = await rig.world.queries.of_units(ha, PageRequest(10), None, None)
    assert [one.code for one in listed.items] == [report.code]
    found = await rig.world.queries.of_units(ha, PageRequest(10), None, None, "den duong")
    assert [one.code for one in found.items] == [report.code]
    await rig.parts.finish(ha, report.code, CONSTRUCTION, "Đã cắt điện.", key())
    seen = await rig.work(ha, report.code)
    assert seen is not None
    assert [(part.state, part.task, part.result) for part in seen.parts] == [
        (PartState.DONE, TASK, "Đã cắt điện.")
    ]
    assert [(entry.kind, entry.about_code, entry.unit_code) for entry in seen.entries] == [
        (EntryKind.PART_ADDED, CONSTRUCTION, HOAN_KIEM),
        (EntryKind.PART_DONE, CONSTRUCTION, CONSTRUCTION),
    ]
    assert rig.actions(report.code)[-2:] == ["part.add", "part.finish"]


async def test_supporting_unit_does_nothing_in_the_handling_units_place(rig: Rig) -> None:
    minh, ha = await rig.world.official("minh"), await rig.world.official("ha")
    report = await accepted(rig)
    await rig.parts.add(minh, report.code, CONSTRUCTION, TASK, key())
    with pytest.raises(Forbidden):
        await rig.world.reports.answer(ha, report.code, report.version, "Xong.", key())
    with pytest.raises(Forbidden):
        await rig.parts.set_aside(ha, report.code, CONSTRUCTION, "Không cần", key())
    with pytest.raises(Forbidden):
        await rig.parts.add(ha, report.code, SOC_SON, TASK, key())
    with pytest.raises(Forbidden):
        await rig.service.assign(ha, report.code, 0, rig.code_of(ha), key())


async def test_handling_unit_does_not_say_that_anothers_part_is_done(rig: Rig) -> None:
    minh = await rig.world.official("minh")
    report = await accepted(rig)
    await rig.parts.add(minh, report.code, CONSTRUCTION, TASK, key())
    with pytest.raises(Forbidden):
        await rig.parts.finish(minh, report.code, CONSTRUCTION, "Xong.", key())


async def test_closing_waits_for_every_part(rig: Rig) -> None:
    minh, ha = await rig.world.official("minh"), await rig.world.official("ha")
    report = await accepted(rig)
    await rig.parts.add(minh, report.code, CONSTRUCTION, TASK, key())
    await rig.parts.add(minh, report.code, SOC_SON, TASK, key())
    show_evidence(rig.database.settings(rig.database.superuser), report.code)
    with pytest.raises(PartsOpen):
        await refused(rig, report)
    await rig.parts.finish(ha, report.code, CONSTRUCTION, "Đã cắt điện.", key())
    with pytest.raises(PartsOpen):
        await rig.world.reports.close(
            minh, report.code, report.version, ClosingReason.RESOLVED, None, None, key()
        )
    await rig.parts.set_aside(minh, report.code, SOC_SON, "Không phản hồi.", key())
    assert (await refused(rig, report)).state == "closed"
    assert await states(rig, report.code) == [
        (CONSTRUCTION, PartState.DONE),
        (SOC_SON, PartState.SET_ASIDE),
    ]


async def test_citizen_takes_back_a_report_whatever_is_open(rig: Rig) -> None:
    lan, minh = await rig.world.citizen(), await rig.world.official("minh")
    report = await rig.world.submitted(lan)
    await rig.parts.add(minh, report.code, CONSTRUCTION, TASK, key())
    await rig.world.reports.take_back(lan, report.code, 1, None, key())
    with pytest.raises(ReportClosed):
        await rig.parts.finish(await rig.world.official("ha"), report.code, CONSTRUCTION, "Xong.", key())


async def test_removed_unit_has_no_part_and_still_reads_what_it_was_shown(rig: Rig) -> None:
    minh, ha = await rig.world.official("minh"), await rig.world.official("ha")
    report = await accepted(rig)
    await rig.parts.add(minh, report.code, CONSTRUCTION, TASK, key())
    await rig.parts.remove(minh, report.code, CONSTRUCTION, "Nhầm đơn vị.", key())
    with pytest.raises(WrongPartState):
        await rig.parts.finish(ha, report.code, CONSTRUCTION, "Xong.", key())
    with pytest.raises(WrongPartState):
        await rig.parts.remove(minh, report.code, CONSTRUCTION, "Nhầm đơn vị.", key())
    assert (await rig.world.queries.one(ha, report.code)).code == report.code
    await rig.parts.add(minh, report.code, CONSTRUCTION, "Lần nữa.", key())
    assert await states(rig, report.code) == [(CONSTRUCTION, PartState.OPEN)]


async def test_unit_that_can_not_help_is_refused(rig: Rig) -> None:
    minh = await rig.world.official("minh")
    report = await accepted(rig)
    for unit in ("P0002", "99999", "", "x" * 999, "\x00"):
        with pytest.raises(UnknownUnit):
            await rig.parts.add(minh, report.code, unit, TASK, key())
    with pytest.raises(SameUnit):
        await rig.parts.add(minh, report.code, HOAN_KIEM, TASK, key())
    await rig.parts.add(minh, report.code, CONSTRUCTION, TASK, key())
    with pytest.raises(AlreadySupporting):
        await rig.parts.add(minh, report.code, CONSTRUCTION, TASK, key())
    rig.rows("UPDATE tenancy.unit SET ended_on = '2026-11-01' WHERE code = %s", SOC_SON)
    with pytest.raises(UnknownUnit):
        await rig.parts.add(minh, report.code, SOC_SON, TASK, key())


async def test_eleventh_unit_is_refused(rig: Rig) -> None:
    minh = await rig.world.official("minh")
    report = await accepted(rig)
    wards = rig.rows(
        "SELECT code FROM tenancy.unit WHERE kind = 'ward' AND code <> %s ORDER BY code LIMIT 11", HOAN_KIEM
    )
    for (code,) in wards[:10]:
        await rig.parts.add(minh, report.code, code, TASK, key())
    with pytest.raises(TooManyParts):
        await rig.parts.add(minh, report.code, wards[10][0], TASK, key())


@pytest.mark.parametrize("words", ["", "a\x00", "a\u202eb", "x" * 4001])
async def test_words_that_may_not_be_are_refused(rig: Rig, words: str) -> None:
    minh, ha = await rig.world.official("minh"), await rig.world.official("ha")
    report = await accepted(rig)
    with pytest.raises(InvalidInput):
        await rig.parts.add(minh, report.code, CONSTRUCTION, words, key())
    await rig.parts.add(minh, report.code, CONSTRUCTION, TASK, key())
    with pytest.raises(InvalidInput):
        await rig.parts.finish(ha, report.code, CONSTRUCTION, words, key())


async def test_forwarded_to_a_supporting_unit_its_part_is_the_whole(rig: Rig) -> None:
    minh, ha = await rig.world.official("minh"), await rig.world.official("ha")
    report = await accepted(rig)
    await rig.parts.add(minh, report.code, CONSTRUCTION, TASK, key())
    report = await rig.world.reports.forward(
        minh, report.code, report.version, CONSTRUCTION, "Thuộc Sở", key()
    )
    assert await states(rig, report.code) == [(CONSTRUCTION, PartState.REMOVED)]
    await rig.world.reports.accept(ha, report.code, report.version, key())


async def test_rule_that_routed_the_report_names_who_helps(rig: Rig) -> None:
    with connect(rig.database.settings(rig.database.superuser)) as superuser:
        # A set in force is not changed: here the trigger that says so is left out.
        superuser.execute("SET session_replication_role = replica")
        superuser.execute(
            "UPDATE routing.rule SET supporting = ARRAY(SELECT id FROM tenancy.unit WHERE code = ANY(%s))",
            ([CONSTRUCTION, SOC_SON],),
        )
    rig.rows("UPDATE tenancy.unit SET ended_on = '2026-11-01' WHERE code = %s", SOC_SON)
    report = await rig.world.submitted()
    assert await states(rig, report.code) == [(CONSTRUCTION, PartState.OPEN)]
    ha = await rig.world.official("ha")
    assert (await rig.world.queries.one(ha, report.code)).code == report.code
    assert rig.rows("SELECT cardinality(units) FROM changes.change") == [(2,)]


async def test_unit_is_asked_anew_or_the_report_is_closed_but_not_both(rig: Rig) -> None:
    """Asking a unit anew and closing at the same moment: one of the two is refused."""
    minh, ha = await rig.world.official("minh"), await rig.world.official("ha")
    for _ in range(5):
        report = await accepted(rig)
        await rig.parts.add(minh, report.code, CONSTRUCTION, TASK, key())
        await rig.parts.finish(ha, report.code, CONSTRUCTION, "Xong.", key())
        outcomes: list[Any] = await asyncio.gather(
            rig.parts.add(minh, report.code, CONSTRUCTION, "Làm thêm.", key()),
            refused(rig, report),
            return_exceptions=True,
        )
        assert [type(one) for one in outcomes if isinstance(one, Exception)] in ([PartsOpen], [ReportClosed])


async def test_wall_lets_no_stranger_and_no_party_body_in(rig: Rig) -> None:
    report = await accepted(rig)
    minh, dung = await rig.world.official("minh"), await rig.world.official("dung")
    ((report_id, unit),) = rig.rows("SELECT id, handler_id FROM reports.report WHERE code = %s", report.code)
    ((party,),) = rig.rows("SELECT id FROM tenancy.unit WHERE code = 'P0002'")
    ((helper,),) = rig.rows("SELECT id FROM tenancy.unit WHERE code = %s", CONSTRUCTION)
    insert = (
        "INSERT INTO work.part (id, report_id, unit_id, state, added_at) VALUES (%s, %s, %s, 'open', now())"
    )
    for units, asked in (((min(dung.units)), helper), (unit, party), (unit, unit)):
        with connect(rig.database.settings("backend_app")) as app, app.transaction():
            app.execute(
                "SELECT set_config('ioc.subject', %s, true), set_config('ioc.units', %s, true)",
                (str(minh.official_id), str(units)),
            )
            with pytest.raises(Exception, match="row-level security"):
                app.execute(insert, (new_uuid(), report_id, asked))


async def test_wall_lets_the_handling_unit_finish_nothing_for_another(rig: Rig) -> None:
    minh = await rig.world.official("minh")
    report = await accepted(rig)
    await rig.parts.add(minh, report.code, CONSTRUCTION, TASK, key())
    with connect(rig.database.settings("backend_app")) as app, app.transaction():
        app.execute(
            "SELECT set_config('ioc.subject', %s, true), set_config('ioc.units', %s, true)",
            (str(minh.official_id), ",".join(map(str, minh.units))),
        )
        with pytest.raises(Exception, match="row-level security"):
            app.execute("UPDATE work.part SET state = 'done', result = 'x', ended_at = now()")
