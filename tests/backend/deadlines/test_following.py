"""Clocks follow reports: begun, stopped, paused while the citizen is asked, whatever the order of jobs."""

import random

import pytest

from backend.reports.types import ReportState
from foundation.errors import Forbidden
from tests.backend.deadlines.rig import Rig
from tests.backend.world import CONSTRUCTION, change_ids, key


async def test_new_report_is_to_be_received_in_eight_working_hours(rig: Rig) -> None:
    report = await rig.submitted()  # Tuesday 24 November, noon
    clocks = rig.clocks(report.code)
    assert (clocks["receive"]["due_at"], clocks["receive"]["stopped_at"]) == ("11-25 12:00", None)
    assert (clocks["handle"]["started_at"], clocks["handle"]["due_at"]) == ("11-25 12:00", "12-02 12:00")


async def test_accepted_report_is_received_in_time_and_handling_begins(rig: Rig) -> None:
    report = await rig.submitted()
    rig.at("2026-11-24 14:00")
    minh = await rig.world.official("minh")
    await rig.world.reports.accept(minh, report.code, report.version, key())
    await rig.follow()
    clocks = rig.clocks(report.code)
    assert (clocks["receive"]["stopped_at"], clocks["receive"]["late"]) == ("11-24 14:00", False)
    assert (clocks["handle"]["started_at"], clocks["handle"]["due_at"]) == ("11-24 14:00", "12-01 14:00")


async def test_late_receipt_is_late_and_buys_no_time_for_handling(rig: Rig) -> None:
    report = await rig.submitted()
    rig.at("2026-11-30 09:00")
    minh = await rig.world.official("minh")
    await rig.world.reports.accept(minh, report.code, report.version, key())
    await rig.follow()
    clocks = rig.clocks(report.code)
    assert clocks["receive"]["late"] is True
    assert clocks["handle"]["due_at"] == "12-02 12:00"


async def test_forwarding_moves_the_clock_to_the_other_unit_and_gives_no_time(rig: Rig) -> None:
    report = await rig.submitted()
    due = rig.clocks(report.code)["receive"]["due_at"]
    rig.at("2026-11-25 09:00")
    quang = await rig.world.official("quang")
    await rig.world.reports.forward(quang, report.code, report.version, CONSTRUCTION, "Của Sở", key())
    await rig.follow()
    assert rig.clocks(report.code)["receive"]["due_at"] == due
    units = rig.rows("SELECT DISTINCT u.code FROM deadlines.clock c JOIN tenancy.unit u ON u.id = c.unit_id")
    assert units == [(CONSTRUCTION,)]


async def test_question_to_the_citizen_pauses_until_the_reply(rig: Rig) -> None:
    report = await rig.accepted()  # due on 1 December at noon
    minh, lan = await rig.world.official("minh"), await rig.world.citizen()
    rig.at("2026-11-25 08:00")
    report = await rig.world.reports.ask(minh, report.code, report.version, "Ở cột nào?", key())
    await rig.follow()
    paused = rig.clocks(report.code)["handle"]
    assert (paused["paused_since"], paused["paused_until"]) == ("11-25 08:00", "12-01 17:00")
    rig.at("2026-11-26 08:00")
    await rig.world.reports.reply(lan, report.code, report.version, "Cột số 5", key())
    await rig.follow()
    going_on = rig.clocks(report.code)["handle"]
    assert (going_on["paused_since"], going_on["due_at"]) == (None, "12-02 12:00")


async def test_waiting_for_the_citizen_lasts_no_longer_than_the_rule_allows_in_all(rig: Rig) -> None:
    report = await rig.accepted()
    minh, lan = await rig.world.official("minh"), await rig.world.citizen()
    rig.at("2026-11-25 08:00")
    report = await rig.world.reports.ask(minh, report.code, report.version, "Ở cột nào?", key())
    rig.at("2026-12-10 08:00")  # far beyond five working days
    report = await rig.world.reports.reply(lan, report.code, report.version, "Cột số 5", key())
    await rig.world.reports.ask(minh, report.code, report.version, "Cột nào nữa?", key())
    await rig.follow()
    clock = rig.clocks(report.code)["handle"]
    assert (clock["due_at"], clock["late"], clock["paused_since"]) == ("12-08 12:00", True, None)


async def test_answer_stops_handling_and_closing_afterwards_changes_nothing(rig: Rig) -> None:
    report = await rig.accepted()
    minh = await rig.world.official("minh")
    rig.at("2026-11-27 10:00")
    report = await rig.world.reports.answer(minh, report.code, report.version, "Đã sửa xong.", key())
    await rig.follow()
    rig.at("2026-12-20 10:00")
    await rig.closed(report)
    clock = rig.clocks(report.code)["handle"]
    assert (clock["stopped_at"], clock["late"], clock["next_at"]) == ("11-27 10:00", False, None)


async def test_report_closed_after_its_deadline_is_late(rig: Rig) -> None:
    report = await rig.accepted()
    rig.at("2026-12-01 12:01")
    await rig.closed(report)
    assert rig.clocks(report.code)["handle"]["late"] is True


async def test_report_closed_at_its_very_deadline_is_in_time(rig: Rig) -> None:
    report = await rig.accepted()
    rig.at("2026-12-01 12:00")
    await rig.closed(report)
    assert rig.clocks(report.code)["handle"]["late"] is False


async def test_changes_in_any_order_any_number_of_times_give_the_same_clocks(rig: Rig) -> None:
    report = await rig.accepted()
    minh, lan = await rig.world.official("minh"), await rig.world.citizen()
    report = await rig.world.reports.ask(minh, report.code, report.version, "Ở đâu?", key())
    rig.at("2026-11-26 10:00")
    report = await rig.world.reports.reply(lan, report.code, report.version, "Ở đây", key())
    await rig.follow()
    rows = "SELECT c::text FROM deadlines.clock c ORDER BY kind, round"
    before = rig.rows(rows)
    changes = change_ids(rig.database.settings(rig.database.superuser)) * 3
    random.Random(6).shuffle(changes)
    for change in changes:
        await rig.following.react(rig.world.system(), change)
    assert (rig.rows(rows), report.state) == (before, ReportState.IN_PROGRESS)


async def test_repeated_job_records_nothing(rig: Rig) -> None:
    report = await rig.submitted()
    actions = rig.actions(report.code)
    await rig.following.react(
        rig.world.system(), change_ids(rig.database.settings(rig.database.superuser))[0]
    )
    assert (actions, rig.actions(report.code)) == (["deadline.follow"], ["deadline.follow"])


async def test_only_the_job_of_the_fan_out_may_follow(rig: Rig) -> None:
    report = await rig.world.submitted()
    change = change_ids(rig.database.settings(rig.database.superuser))[0]
    with pytest.raises(Forbidden):
        await rig.following.react(rig.world.system("reminders"), change)
    assert rig.clocks(report.code) == {}


async def test_change_of_something_else_is_none_of_its_business(rig: Rig) -> None:
    rig.rows(
        "INSERT INTO changes.change (id, kind, resource, version, at, units)"
        " VALUES (uuidv7(), 'x.y', 'unit:00070', 1, now(), '{}')"
    )
    await rig.follow()
    assert rig.rows("SELECT 1 FROM deadlines.clock") == []
