"""What the citizen does with a report after it came in: taking it back, rating it, reopening it."""

from backend.reports.types import ClosingReason
from tests.backend.deadlines.rig import Rig
from tests.backend.world import key, show_evidence


def rounds(rig: Rig, code: str) -> list[tuple[object, ...]]:
    """(round, kind, late, stopped) of each clock of a report, in order."""
    return rig.rows(
        "SELECT c.round, c.kind, c.late, c.stopped_at IS NOT NULL FROM deadlines.clock c"
        " JOIN reports.report r ON r.id = c.report_id WHERE r.code = %s ORDER BY c.round, c.kind DESC",
        code,
    )


async def test_report_taken_back_in_time_stops_its_clocks_in_time(rig: Rig) -> None:
    report = await rig.submitted()
    lan = await rig.world.citizen()
    await rig.world.reports.take_back(lan, report.code, report.version, "Đã sáng.", key())
    await rig.follow()
    assert rounds(rig, report.code) == [(1, "receive", False, True), (1, "handle", False, True)]


async def test_report_taken_back_after_its_time_was_late(rig: Rig) -> None:
    report = await rig.submitted()  # to be received until 25 November at noon
    rig.at("2026-11-26 09:00")
    lan = await rig.world.citizen()
    await rig.world.reports.take_back(lan, report.code, report.version, None, key())
    await rig.follow()
    assert rounds(rig, report.code)[0] == (1, "receive", True, True)


async def test_nobody_is_warned_of_what_was_taken_back(rig: Rig) -> None:
    report = await rig.submitted()
    lan = await rig.world.citizen()
    await rig.world.reports.take_back(lan, report.code, report.version, None, key())
    await rig.follow()
    rig.at("2026-11-25 11:30")
    await rig.minutes(40)
    assert [kind for kind in rig.told("Minh") if kind.startswith("deadline")] == []


async def test_reopened_report_has_clocks_of_its_own_and_the_first_keep_their_verdict(rig: Rig) -> None:
    report = await rig.closed(await rig.accepted())
    rig.at("2026-11-27 09:00")
    lan = await rig.world.citizen()
    opened = await rig.world.reports.reopen(lan, report.code, report.version, "Lại tắt.", key())
    await rig.follow()
    assert rounds(rig, report.code) == [
        (1, "receive", False, True),
        (1, "handle", False, True),
        (2, "receive", False, False),
        (2, "handle", False, False),
    ]
    clocks = rig.clocks(report.code)
    assert (clocks["receive"]["started_at"], clocks["receive"]["due_at"]) == ("11-27 09:00", "11-30 09:00")
    assert opened.version == report.version + 1


async def test_reopened_report_that_is_late_is_late_in_its_second_round_alone(rig: Rig) -> None:
    report = await rig.closed(await rig.accepted())
    rig.at("2026-11-27 09:00")
    lan, minh = await rig.world.citizen(), await rig.world.official("minh")
    opened = await rig.world.reports.reopen(lan, report.code, report.version, "Lại tắt.", key())
    await rig.follow()
    rig.at("2026-12-31 09:00")
    taken = await rig.world.reports.accept(minh, report.code, opened.version, key())
    at = rig.world.clock.now()
    show_evidence(rig.database.settings(rig.database.superuser), report.code, at)
    await rig.world.reports.close(minh, report.code, taken.version, ClosingReason.RESOLVED, None, None, key())
    await rig.follow()
    assert [late for _, _, late, _ in rounds(rig, report.code)] == [False, False, True, True]


async def test_rating_moves_no_clock(rig: Rig) -> None:
    report = await rig.closed(await rig.accepted())
    before = rig.clocks(report.code)
    rig.at("2026-11-26 09:00")
    lan = await rig.world.citizen()
    await rig.world.reports.rate(lan, report.code, report.version, 1, "Lâu quá.", key())
    await rig.follow()
    assert rig.clocks(report.code) == before
