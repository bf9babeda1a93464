"""Pauses and urgency by officials: with a reason, within limits, by whom they may be."""

import asyncio

import pytest

from backend.deadlines.errors import (
    AlreadyPaused,
    NotPaused,
    NotRunning,
    SameUrgency,
    TooManyPauses,
    UnknownPauseReason,
)
from backend.deadlines.types import Urgency
from backend.reports.types import ReportState
from foundation.errors import Forbidden, IdempotencyMismatch, InvalidInput, NotFound, Refusal
from foundation.idempotency import Idempotency
from tests.backend.deadlines.rig import Rig
from tests.backend.world import CONSTRUCTION, key


async def test_pause_moves_the_deadline_and_resuming_moves_it_back(rig: Rig) -> None:
    report = await rig.accepted()
    minh = await rig.world.official("minh")
    rig.at("2026-11-25 08:00")
    await rig.service.pause(minh, report.code, "weather", key())
    paused = rig.clocks(report.code)["handle"]
    rig.at("2026-11-25 10:00")
    await rig.service.resume(minh, report.code, key())
    resumed = rig.clocks(report.code)["handle"]
    assert (paused["paused_since"], paused["due_at"]) == ("11-25 08:00", "12-04 12:00")
    assert (resumed["paused_since"], resumed["due_at"]) == (None, "12-01 15:00")
    assert rig.actions(report.code)[-2:] == ["deadline.pause", "deadline.resume"]


@pytest.mark.parametrize("reason", ["", "holiday", "AWAITING", "weather'--", "lý do", "x" * 5_000, "\x00"])
async def test_pause_without_a_known_reason_is_refused(rig: Rig, reason: str) -> None:
    report = await rig.accepted()
    with pytest.raises(UnknownPauseReason):
        await rig.service.pause(await rig.world.official("minh"), report.code, reason, key())
    assert rig.rows("SELECT 1 FROM deadlines.pause") == []


async def test_second_pause_is_refused_while_one_lasts(rig: Rig) -> None:
    report = await rig.accepted()
    minh = await rig.world.official("minh")
    await rig.service.pause(minh, report.code, "weather", key())
    with pytest.raises(AlreadyPaused):
        await rig.service.pause(minh, report.code, "survey", key())


async def test_two_officers_at_once_make_one_pause(rig: Rig) -> None:
    report = await rig.accepted()
    people = [await rig.world.official(name) for name in ("minh", "thao")] * 3
    done = await asyncio.gather(
        *(rig.service.pause(who, report.code, "weather", key()) for who in people), return_exceptions=True
    )
    refused = [one for one in done if isinstance(one, AlreadyPaused)]
    assert (len(done) - len(refused), rig.rows("SELECT count(*) FROM deadlines.pause")) == (1, [(1,)])


async def test_waiting_for_the_citizen_is_a_pause_already(rig: Rig) -> None:
    report = await rig.accepted()
    minh = await rig.world.official("minh")
    report = await rig.world.reports.ask(minh, report.code, report.version, "Ở đâu?", key())
    await rig.follow()
    with pytest.raises(AlreadyPaused):
        await rig.service.pause(minh, report.code, "weather", key())
    with pytest.raises(NotPaused):
        await rig.service.resume(minh, report.code, key())


async def test_fourth_pause_is_refused(rig: Rig) -> None:
    report = await rig.accepted()
    minh = await rig.world.official("minh")
    for hour in (9, 10, 11):
        rig.at(f"2026-11-25 {hour:02d}:00")
        await rig.service.pause(minh, report.code, "weather", key())
        rig.at(f"2026-11-25 {hour:02d}:30")
        await rig.service.resume(minh, report.code, key())
    with pytest.raises(TooManyPauses):
        await rig.service.pause(minh, report.code, "weather", key())


async def test_report_that_is_not_taken_up_yet_is_not_paused(rig: Rig) -> None:
    report = await rig.submitted()
    with pytest.raises(NotRunning):
        await rig.service.pause(await rig.world.official("minh"), report.code, "weather", key())


async def test_report_that_nothing_follows_yet_is_not_paused(rig: Rig) -> None:
    report = await rig.world.submitted()
    with pytest.raises(NotRunning):
        await rig.service.pause(await rig.world.official("minh"), report.code, "weather", key())


async def test_closed_report_is_not_paused(rig: Rig) -> None:
    report = await rig.closed(await rig.accepted())
    minh = await rig.world.official("minh")
    with pytest.raises(NotRunning):
        await rig.service.pause(minh, report.code, "weather", key())
    with pytest.raises(NotPaused):
        await rig.service.resume(minh, report.code, key())


async def test_closed_report_is_not_paused_before_any_job_has_followed(rig: Rig) -> None:
    report = await rig.accepted()
    minh = await rig.world.official("minh")
    await rig.world.reports.answer(minh, report.code, report.version, "Đã sửa.", key())
    with pytest.raises(NotRunning):
        await rig.service.pause(minh, report.code, "weather", key())


async def test_missed_deadline_is_not_mended_by_a_pause(rig: Rig) -> None:
    report = await rig.accepted()
    rig.at("2026-12-01 12:00")
    with pytest.raises(NotRunning):
        await rig.service.pause(await rig.world.official("minh"), report.code, "weather", key())


async def test_pause_ends_with_the_work(rig: Rig) -> None:
    report = await rig.accepted()
    minh = await rig.world.official("minh")
    await rig.service.pause(minh, report.code, "procurement", key())
    await rig.closed(report)
    clock = rig.clocks(report.code)["handle"]
    assert (clock["paused_since"], clock["late"]) == (None, False)


@pytest.mark.parametrize("who", ["dung", "ha", "quang", "phuong"])
async def test_nobody_else_pauses(rig: Rig, who: str) -> None:
    report = await rig.accepted()
    official = await rig.world.official(who)
    with pytest.raises(Refusal) as refused:
        await rig.service.pause(official, report.code, "weather", key())
    assert isinstance(refused.value, NotFound if who != "quang" else Forbidden)


async def test_unit_that_had_it_before_sees_it_and_does_not_pause(rig: Rig) -> None:
    report = await rig.accepted()
    minh = await rig.world.official("minh")
    await rig.world.reports.forward(minh, report.code, report.version, CONSTRUCTION, "Của Sở", key())
    await rig.follow()
    with pytest.raises(Forbidden):
        await rig.service.pause(minh, report.code, "weather", key())


async def test_head_without_the_handlers_duty_does_not_pause(rig: Rig) -> None:
    report = await rig.accepted()
    with pytest.raises(Forbidden):
        await rig.service.pause(await rig.head(), report.code, "weather", key())


async def test_key_sent_again_is_one_pause_and_with_another_body_refused(rig: Rig) -> None:
    report = await rig.accepted()
    minh = await rig.world.official("minh")
    once = key()
    for _ in range(2):
        await rig.service.pause(minh, report.code, "weather", once)
    with pytest.raises(IdempotencyMismatch):
        await rig.service.pause(minh, report.code, "weather", Idempotency(once.key, b"\x02" * 32))
    assert rig.rows("SELECT count(*) FROM deadlines.pause") == [(1,)]


@pytest.mark.parametrize("code", ["", "x", "0" * 16 + "0", "' OR 1=1", "\x00" * 16])
async def test_what_is_no_code_is_refused(rig: Rig, code: str) -> None:
    with pytest.raises(InvalidInput):
        await rig.service.pause(await rig.world.official("minh"), code, "weather", key())


async def test_urgent_counts_from_when_it_was_said(rig: Rig) -> None:
    report = await rig.accepted()
    minh = await rig.world.official("minh")
    rig.at("2026-11-25 09:00")
    await rig.service.set_urgency(minh, report.code, Urgency.URGENT, key())
    clock = rig.clocks(report.code)["handle"]
    assert (clock["due_at"], clock["urgency"]) == ("11-25 14:00", "urgent")


async def test_handler_gives_himself_no_time_and_the_head_does(rig: Rig) -> None:
    report = await rig.accepted()
    minh = await rig.world.official("minh")
    await rig.service.set_urgency(minh, report.code, Urgency.URGENT, key())
    with pytest.raises(Forbidden):
        await rig.service.set_urgency(minh, report.code, Urgency.NORMAL, key())
    await rig.service.set_urgency(await rig.head(), report.code, Urgency.NORMAL, key())
    assert rig.clocks(report.code)["handle"]["due_at"] == "12-01 12:00"


async def test_lowering_after_the_deadline_makes_nothing_good(rig: Rig) -> None:
    report = await rig.accepted()
    quang = await rig.world.official("quang")
    await rig.service.set_urgency(quang, report.code, Urgency.URGENT, key())
    rig.at("2026-11-25 09:00")
    await rig.service.set_urgency(quang, report.code, Urgency.NORMAL, key())
    clock = rig.clocks(report.code)["handle"]
    assert (clock["due_at"], clock["late"]) == ("11-24 17:00", True)


async def test_same_urgency_again_is_refused(rig: Rig) -> None:
    report = await rig.accepted()
    with pytest.raises(SameUrgency):
        await rig.service.set_urgency(await rig.world.official("minh"), report.code, Urgency.NORMAL, key())


async def test_urgency_of_a_closed_report_is_not_changed(rig: Rig) -> None:
    report = await rig.closed(await rig.accepted())
    assert report.state is ReportState.CLOSED
    with pytest.raises(NotRunning):
        await rig.service.set_urgency(await rig.head(), report.code, Urgency.URGENT, key())
