"""A calendar that changes moves the deadlines of open reports; what has stopped stays."""

from datetime import date

from backend.deadlines.types import DayKind, Interval, SpecialDay
from tests.backend.deadlines.calendars import OFFICE
from tests.backend.deadlines.rig import Rig
from tests.backend.world import key

OFF = SpecialDay(date(2026, 11, 27), DayKind.OFF, "Nghỉ bù", "Day off")


def jobs(rig: Rig) -> int:
    """How many jobs wait that reckon all clocks anew."""
    found = rig.rows("SELECT count(*) FROM jobs.procrastinate_jobs WHERE task_name = 'deadlines.reckon_all'")
    return int(found[0][0])


async def test_confirmed_day_off_moves_open_deadlines_by_a_day(rig: Rig) -> None:
    report = await rig.accepted()  # due on Tuesday 1 December, noon
    await rig.office.calendars.confirm_year(
        await rig.office.administrator(), 2026, 0, "Thông báo 1", [OFF], key()
    )
    assert jobs(rig) == 1
    moved = await rig.following.reckon_all()
    assert (moved, rig.clocks(report.code)["handle"]["due_at"]) == (1, "12-02 12:00")
    assert await rig.following.reckon_all() == 0
    assert rig.actions(report.code)[-1] == "deadline.follow"


async def test_stopped_clock_stays_as_it_was(rig: Rig) -> None:
    report = await rig.accepted()
    rig.at("2026-12-01 16:00")
    await rig.closed(report)
    await rig.office.calendars.confirm_year(
        await rig.office.administrator(), 2026, 0, "Thông báo 1", [OFF], key()
    )
    assert await rig.following.reckon_all() == 0
    assert rig.clocks(report.code)["handle"]["late"] is True


async def test_deadline_that_moves_away_is_warned_of_again(rig: Rig) -> None:
    report = await rig.accepted()
    rig.at("2026-12-01 12:00")
    await rig.reminders.look()
    assert rig.clocks(report.code)["handle"]["late"] is True
    await rig.office.calendars.confirm_year(
        await rig.office.administrator(), 2026, 0, "Thông báo 1", [OFF], key()
    )
    await rig.following.reckon_all()
    assert rig.clocks(report.code)["handle"]["late"] is False
    rig.at("2026-12-02 12:00")
    await rig.reminders.look()
    assert rig.told("Minh") == ["deadline.late", "deadline.late"]


async def test_other_hours_move_what_is_open(rig: Rig) -> None:
    report = await rig.accepted()
    mornings = tuple(one for one in OFFICE if one.opens < 720)
    await rig.office.calendars.set_hours(
        await rig.office.administrator(), "office", 1, date(2026, 11, 30), mornings, key()
    )
    assert jobs(rig) == 1
    await rig.following.reckon_all()
    # Twelve hours are left on Monday morning, four a day; a working day is what it was when it began.
    assert rig.clocks(report.code)["handle"]["due_at"] == "12-02 12:00"


async def test_report_of_a_closed_register_goes_on_when_a_year_is_not_confirmed(rig: Rig) -> None:
    rig.at("2026-12-31 16:00")
    report = await rig.submitted()
    assert rig.clocks(report.code)["receive"]["due_at"] == "01-01 16:00"
    new_year = SpecialDay(date(2027, 1, 1), DayKind.OFF, "Tết Dương lịch", "New Year's Day")
    await rig.office.calendars.confirm_year(
        await rig.office.administrator(), 2027, 0, "Thông báo 2", [new_year], key()
    )
    await rig.following.reckon_all()
    assert rig.clocks(report.code)["receive"]["due_at"] == "01-04 16:00"


def test_office_hours_of_the_tests_are_those_that_are_seeded(rig: Rig) -> None:
    rows = rig.rows(
        "SELECT lower(r), upper(r) FROM deadlines.hours, unnest(week) r WHERE calendar = 'office' ORDER BY 1"
    )
    assert rows == [(day_of(one) + one.opens, day_of(one) + one.closes) for one in OFFICE]


def day_of(one: Interval) -> int:
    """Minutes from Monday to the interval's day."""
    return (one.weekday - 1) * 1440
