"""A merged report owes nothing, and what it owed before is owed again without the time in between."""

import psycopg
import pytest

from backend.deadlines.types import DueScope, Urgency
from backend.reports.errors import ReportMerged
from backend.reports.types import Asked, Changed, ClosingReason, Merge
from foundation.paging import PageRequest
from tests.backend.deadlines.rig import Rig
from tests.backend.world import connect, key, merging_of, show_evidence


async def merged(rig: Rig, report: Changed) -> Changed:
    """The report, merged into a fresh one."""
    minh, main = await rig.world.official("minh"), await rig.submitted()
    merge = Merge(Asked(main.code, 1), (Asked(report.code, report.version),))
    done = await merging_of(rig.world).merge(minh, merge, key())
    await rig.follow()
    return done.reports[0].changed


async def apart(rig: Rig, report: Changed) -> Changed:
    minh = await rig.world.official("minh")
    done = await merging_of(rig.world).unmerge(minh, report.code, report.version, "Khác nhau.", key())
    await rig.follow()
    return done


async def test_handling_stands_still_while_merged_and_goes_on_afterwards(rig: Rig) -> None:
    report = await rig.accepted()  # due on 1 December at noon
    rig.at("2026-11-25 08:00")
    report = await merged(rig, report)
    assert set(rig.clocks(report.code)) == {"receive"}
    rig.at("2026-11-26 08:00")
    await apart(rig, report)
    clock = rig.clocks(report.code)["handle"]
    assert (clock["due_at"], clock["stopped_at"], clock["late"]) == ("12-02 12:00", None, False)


async def test_receiving_stands_still_too(rig: Rig) -> None:
    report = await merged(rig, await rig.submitted())  # due on 25 November at noon
    assert rig.clocks(report.code) == {}
    rig.at("2026-11-25 12:00")
    await apart(rig, report)
    assert rig.clocks(report.code)["receive"]["due_at"] == "11-26 12:00"


async def test_merging_is_no_receipt(rig: Rig) -> None:
    report = await merged(rig, await rig.submitted())
    report = await apart(rig, report)
    assert rig.clocks(report.code)["receive"]["stopped_at"] is None


async def test_what_was_late_before_stays_late_and_merging_makes_no_verdict(rig: Rig) -> None:
    report = await rig.accepted()
    rig.at("2026-12-01 12:01")
    report = await merged(rig, report)
    verdicts = "SELECT sum(on_time), sum(late) FROM statistics.delta"
    assert rig.rows(verdicts) == [(0, 0)]
    rig.at("2026-12-02 08:00")
    report = await apart(rig, report)
    assert rig.clocks(report.code)["handle"]["late"] is True
    await rig.closed(report)
    assert rig.rows(verdicts) == [(0, 1)]


async def test_answered_report_owes_nothing_before_and_after(rig: Rig) -> None:
    report, minh = await rig.accepted(), await rig.world.official("minh")
    report = await rig.world.reports.answer(minh, report.code, report.version, "Đã sửa.", key())
    await rig.follow()
    before = rig.clocks(report.code)
    report = await merged(rig, report)
    between = rig.clocks(report.code)
    await apart(rig, report)
    assert (between, rig.clocks(report.code)) == (before, before)


async def test_merged_report_is_in_no_list_of_what_is_due(rig: Rig) -> None:
    report = await rig.accepted()
    minh = await rig.world.official("minh")
    merging = await merged(rig, report)
    due = await rig.queries.due(minh, None, DueScope.ALL, PageRequest(20))
    assert merging.code not in {one.report_code for one in due.items}


async def test_reopened_after_the_others_closing_it_owes_again(rig: Rig) -> None:
    minh, lan = await rig.world.official("minh"), await rig.world.citizen()
    report, main = await rig.accepted(), await rig.submitted()
    merge = Merge(Asked(main.code, 1), (Asked(report.code, report.version),))
    report = (await merging_of(rig.world).merge(minh, merge, key())).reports[0].changed
    show_evidence(rig.database.settings(rig.database.superuser), main.code)
    await rig.world.reports.accept(minh, main.code, 1, key())
    await rig.world.reports.close(minh, main.code, 2, ClosingReason.RESOLVED, None, None, key())
    await rig.follow()
    assert set(rig.clocks(report.code)) == {"receive"}
    await rig.world.reports.reopen(lan, report.code, report.version, "Vẫn tắt.", key())
    await rig.follow()
    assert rig.clocks(report.code)["handle"]["stopped_at"] is None


@pytest.mark.parametrize("deed", ["pause", "resume", "urgency"])
async def test_clocks_of_a_merged_report_are_not_changed(rig: Rig, deed: str) -> None:
    report = await merged(rig, await rig.accepted())
    minh = await rig.world.official("minh")
    deeds = {
        "pause": lambda: rig.service.pause(minh, report.code, "weather", key()),
        "resume": lambda: rig.service.resume(minh, report.code, key()),
        "urgency": lambda: rig.service.set_urgency(minh, report.code, Urgency.URGENT, key()),
    }
    with pytest.raises(ReportMerged):
        await deeds[deed]()


async def test_worker_removes_no_clock_that_has_stopped(rig: Rig) -> None:
    await rig.accepted()
    stopped = "SELECT count(*) FROM deadlines.clock WHERE stopped_at IS NOT NULL"
    before = rig.rows(stopped)
    with connect(rig.database.settings("backend_worker")) as worker:
        worker.execute("DELETE FROM deadlines.clock WHERE kind = 'receive'")
    assert rig.rows(stopped) == before == [(1,)]


async def test_api_removes_no_clock(rig: Rig) -> None:
    await rig.accepted()
    with (
        connect(rig.database.settings("backend_app")) as app,
        pytest.raises(psycopg.errors.InsufficientPrivilege),
    ):
        app.execute("DELETE FROM deadlines.clock")
