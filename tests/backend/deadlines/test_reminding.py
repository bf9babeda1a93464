"""Each minute: warnings to the officers, then the head, then the city; each once."""

import pytest

from foundation.errors import Forbidden
from foundation.identity.principal import Origin, SystemPrincipal
from tests.backend.deadlines.rig import Rig
from tests.backend.world import CONSTRUCTION, key


async def test_officers_are_warned_then_the_head_then_the_city(rig: Rig) -> None:
    report = await rig.submitted()  # to be received by 25 November, noon
    told = []
    for moment in ("11-25 09:59", "11-25 10:00", "11-25 11:00", "11-25 12:00", "11-26 12:00"):
        rig.at(f"2026-{moment}")
        await rig.reminders.look()
        told.append([len(rig.told(name)) for name in ("Minh", "Tuấn", "Quang", "Dũng")])
    assert told == [[0, 0, 0, 0], [1, 0, 0, 0], [2, 0, 0, 0], [3, 1, 0, 0], [3, 2, 1, 0]]
    assert rig.told("Minh") == ["deadline.warned", "deadline.warned", "deadline.late"]
    assert rig.told("Quang") == ["deadline.escalated"]
    assert rig.clocks(report.code)["receive"]["late"] is True


async def test_nothing_is_said_twice(rig: Rig) -> None:
    await rig.submitted()
    rig.at("2026-11-25 12:00")
    first = await rig.reminders.look()
    again = [await rig.reminders.look() for _ in range(3)]
    await rig.minutes(3)
    assert (first > 0, again, rig.told("Minh")) == (True, [0, 0, 0], ["deadline.late"])


async def test_job_that_was_away_says_what_went_up_the_ladder_and_no_overtaken_warning(rig: Rig) -> None:
    await rig.submitted()
    rig.at("2026-11-27 12:00")
    await rig.reminders.look()
    assert (rig.told("Minh"), rig.told("Quang")) == (["deadline.late"], ["deadline.escalated"])
    assert rig.told("Tuấn") == ["deadline.late", "deadline.escalated"]


async def test_paused_report_is_not_warned_of_until_it_goes_on(rig: Rig) -> None:
    report = await rig.accepted()  # due on 1 December, noon
    minh = await rig.world.official("minh")
    rig.at("2026-11-25 08:00")
    await rig.service.pause(minh, report.code, "procurement", key())
    await rig.follow()
    rig.at("2026-12-10 08:00")
    await rig.reminders.look()
    assert (rig.told("Minh"), rig.clocks(report.code)["handle"]["late"]) == ([], False)
    await rig.service.resume(minh, report.code, key())
    await rig.follow()
    assert rig.clocks(report.code)["handle"]["due_at"] == "12-16 12:00"
    rig.at("2026-12-16 12:00")
    await rig.reminders.look()
    assert rig.told("Minh")[-1:] == ["deadline.late"]


async def test_pause_that_nobody_ended_ends_by_itself(rig: Rig) -> None:
    report = await rig.accepted()
    minh = await rig.world.official("minh")
    rig.at("2026-11-25 08:00")
    await rig.service.pause(minh, report.code, "survey", key())
    await rig.follow()
    assert rig.clocks(report.code)["handle"]["paused_until"] == "11-27 17:00"
    rig.at("2026-11-30 08:00")
    await rig.reminders.look()
    clock = rig.clocks(report.code)["handle"]
    assert (clock["paused_since"], clock["due_at"]) == (None, "12-04 12:00")


async def test_stopped_clock_is_not_spoken_of(rig: Rig) -> None:
    report = await rig.accepted()
    rig.at("2026-11-30 10:00")
    await rig.closed(report)
    told = rig.told("Minh")
    rig.at("2027-01-10 10:00")
    assert (await rig.reminders.look(), rig.told("Minh")) == (0, told)


async def test_step_that_no_job_has_followed_yet_stops_the_warning(rig: Rig) -> None:
    report = await rig.submitted()
    minh = await rig.world.official("minh")
    await rig.world.reports.accept(minh, report.code, report.version, key())
    rig.at("2026-11-25 12:00")
    await rig.reminders.look()
    clock = rig.clocks(report.code)["receive"]
    assert (rig.told("Minh"), clock["late"], clock["stopped_at"]) == ([], False, "11-24 12:00")


async def test_unit_without_a_head_goes_up_to_the_next(rig: Rig) -> None:
    report = await rig.submitted()
    quang = await rig.world.official("quang")
    await rig.world.reports.forward(quang, report.code, report.version, CONSTRUCTION, "Của Sở", key())
    await rig.follow()
    rig.at("2026-11-27 12:00")
    await rig.reminders.look()
    assert (rig.told("Hà"), rig.told("Tuấn"), rig.told("Quang")) == (
        ["deadline.late"],
        [],
        ["deadline.escalated"],
    )


async def test_who_was_suspended_is_told_nothing(rig: Rig) -> None:
    await rig.submitted()
    rig.rows("UPDATE tenancy.official SET state = 'suspended' WHERE name LIKE '%%Tuấn' RETURNING 1")
    rig.at("2026-11-25 12:00")
    await rig.reminders.look()
    assert (rig.told("Tuấn"), rig.told("Minh")) == ([], ["deadline.late"])


async def test_every_word_is_recorded(rig: Rig) -> None:
    report = await rig.submitted()
    rig.at("2026-11-25 10:00")
    await rig.reminders.look()
    rig.at("2026-11-25 12:00")
    await rig.reminders.look()
    said = [
        action for action in rig.actions(report.code) if action not in ("deadline.follow", "deadline.remind")
    ]
    assert said == ["deadline.warned", "deadline.late"]


async def test_one_report_that_fails_keeps_no_other_from_being_looked_at(rig: Rig) -> None:
    broken, sound = await rig.submitted(), await rig.submitted()
    rig.rows(
        "UPDATE reports.timeline t SET to_unit_id = 999999 FROM reports.report r"
        " WHERE r.id = t.report_id AND r.code = %s RETURNING 1",
        broken.code,
    )
    rig.at("2026-11-25 12:00")
    await rig.reminders.look()
    assert rig.clocks(sound.code)["receive"]["late"] is True
    assert rig.clocks(broken.code)["receive"]["late"] is False


async def test_no_other_job_reminds(rig: Rig) -> None:
    await rig.submitted()
    rig.at("2026-11-25 12:00")
    report = rig.rows("SELECT report_id FROM deadlines.clock LIMIT 1")[0][0]
    other = SystemPrincipal(Origin("x", "203.0.113.0"), "fan_out")
    with pytest.raises(Forbidden):
        await rig.reminders._remind(other, report, rig.world.clock.now())
    assert rig.told("Minh") == []
