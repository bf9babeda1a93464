"""Calendars as administrators change them, days off as they are proposed and confirmed, the alarm."""

from datetime import date, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from backend.administration.errors import CodeTaken
from backend.deadlines.alarms import alarms_on
from backend.deadlines.errors import HoursOverlap
from backend.deadlines.hours import checked_hours, intervals_of, minutes_of, multirange_of, time_of
from backend.deadlines.proposal import proposed_days
from backend.deadlines.types import DayKind, Interval, SpecialDay, YearState
from foundation.errors import Forbidden, InvalidInput, NotFound, VersionConflict
from foundation.paging import PageRequest
from tests.backend.offices import Office
from tests.backend.world import key

TODAY = date(2026, 11, 24)
MORNING, AFTERNOON = Interval(1, 480, 720), Interval(1, 780, 1020)
TET = SpecialDay(date(2027, 2, 6), DayKind.OFF, "Tết Nguyên Đán", "Lunar New Year")
intervals = st.builds(
    lambda weekday, low, length: Interval(weekday, low, min(low + length, 1440)),
    st.integers(1, 7),
    st.integers(0, 1439),
    st.integers(1, 600),
)


@given(st.lists(intervals, min_size=1, max_size=12))
def test_checked_hours_never_overlap_and_say_the_same_minutes(given_: list[Interval]) -> None:
    minutes = [(i.weekday, minute) for i in given_ for minute in range(i.opens, i.closes)]
    try:
        checked = checked_hours(given_)
    except HoursOverlap:
        assert len(set(minutes)) < len(minutes)
        return
    told = [(i.weekday, minute) for i in checked for minute in range(i.opens, i.closes)]
    assert told == sorted(set(minutes))
    assert len(minutes) == len(told)


@given(st.lists(intervals, min_size=1, max_size=12))
def test_hours_come_back_from_the_form_that_is_kept(given_: list[Interval]) -> None:
    apart = {(i.weekday, minute) for i in given_ for minute in range(i.opens, i.closes)}
    bounds = [(i.weekday * 1440 - 1440 + i.opens, i.weekday * 1440 - 1440 + i.closes) for i in given_]
    back = intervals_of(bounds)
    assert {(i.weekday, minute) for i in back for minute in range(i.opens, i.closes)} == apart


def test_hours_are_kept_as_minutes_since_monday() -> None:
    assert multirange_of([MORNING, Interval(7, 0, 1440)]) == "{[480,720),[8640,10080)}"


@pytest.mark.parametrize("text", ["24:01", "25:00", "8:00", "08:60", "", "08:00:00", "٠٨:٠٠"])
def test_text_that_is_no_time_is_refused(text: str) -> None:
    with pytest.raises(InvalidInput):
        minutes_of("opens", text)


@given(st.integers(0, 1440))
def test_time_comes_back_from_its_text(minutes: int) -> None:
    assert minutes_of("opens", time_of(minutes)) == minutes


def test_proposal_has_the_lunar_new_year_the_swapped_days_and_nothing_of_another_year() -> None:
    days = {special.day: special for special in proposed_days(2026)}
    assert days[date(2026, 2, 17)].name_vi == "Tết Nguyên Đán"
    assert (days[date(2026, 8, 22)].kind, days[date(2026, 8, 31)].kind) == (DayKind.WORKING, DayKind.OFF)
    assert {day.year for day in days} == {2026}


@pytest.mark.parametrize("year", range(2025, 2041))
def test_every_year_has_the_days_of_the_labour_code(year: int) -> None:
    off = {special.day for special in proposed_days(year) if special.kind is DayKind.OFF}
    assert off >= {date(year, 1, 1), date(year, 4, 30), date(year, 5, 1), date(year, 9, 2)}
    assert len({day for day in off if day.month in (1, 2)}) >= 6


async def test_proposal_holds_for_nothing_until_confirmed(office: Office) -> None:
    tu = await office.administrator()
    proposed = await office.found_calendars.year(tu, 2027)
    assert (proposed.state, proposed.version) == (YearState.PROPOSED, 0)
    assert office.rows("SELECT count(*) FROM deadlines.day") == [(0,)]
    await office.calendars.confirm_year(tu, 2027, 0, "Thông báo 1234/TB-BNV", proposed.days, key())
    confirmed = await office.found_calendars.year(tu, 2027)
    assert (confirmed.state, confirmed.version, confirmed.days) == (YearState.CONFIRMED, 1, proposed.days)
    assert confirmed.source == "Thông báo 1234/TB-BNV"


async def test_confirmed_year_is_edited_as_a_whole_and_the_history_tells_the_day(office: Office) -> None:
    tu = await office.administrator()
    await office.calendars.confirm_year(tu, 2027, 0, "Quyết định 1", [TET], key())
    moved = SpecialDay(date(2027, 2, 5), DayKind.OFF, "Giao thừa", "New Year's Eve")
    await office.calendars.confirm_year(tu, 2027, 1, "Quyết định 2", [moved], key())
    assert (await office.found_calendars.year(tu, 2027)).days == (moved,)
    changed, _ = (await office.history.history(tu, "holiday_year", "2027", PageRequest(10))).items
    assert [difference.field for difference in changed.differences] == [
        "days.2027-02-05",
        "days.2027-02-06",
        "source",
    ]


async def test_year_that_somebody_else_confirmed_is_a_conflict(office: Office) -> None:
    tu = await office.administrator()
    await office.calendars.confirm_year(tu, 2027, 0, "Quyết định 1", [TET], key())
    with pytest.raises(VersionConflict) as refusal:
        await office.calendars.confirm_year(tu, 2027, 0, "Quyết định 2", [TET], key())
    assert refusal.value.current == 1


SATURDAY, MONDAY = date(2027, 2, 20), date(2027, 2, 22)


@pytest.mark.parametrize(
    "days",
    [
        [SpecialDay(date(2026, 12, 31), DayKind.OFF, "Ngày", "Day")],
        [TET, TET],
        [SpecialDay(SATURDAY, DayKind.WORKING, "Làm bù", "Worked")],
        [SpecialDay(SATURDAY, DayKind.OFF, "Nghỉ", "Off", 1)],
        [SpecialDay(SATURDAY, DayKind.WORKING, "Làm bù", "Worked", 6)],
        [SpecialDay(MONDAY, DayKind.WORKING, "Làm bù", "Worked", 1)],
        [SpecialDay(date(2027, 1, 1) + timedelta(days=n), DayKind.OFF, "Ngày", "Day") for n in range(61)],
    ],
    ids=["other-year", "twice", "working-like-none", "off-like-monday", "like-saturday", "monday", "61"],
)
async def test_days_that_are_no_years_days_are_refused(office: Office, days: list[SpecialDay]) -> None:
    with pytest.raises(InvalidInput) as refusal:
        await office.calendars.confirm_year(await office.administrator(), 2027, 0, "Quyết định", days, key())
    assert refusal.value.field == "days"


async def test_new_hours_hold_from_their_day_and_the_old_ones_stay(office: Office) -> None:
    tu = await office.administrator()
    await office.calendars.set_hours(tu, "office", 1, TODAY + timedelta(days=7), [MORNING, AFTERNOON], key())
    found = await office.found_calendars.calendar(tu, "office")
    assert [hours.from_day for hours in found.hours] == [date(2025, 7, 1), date(2026, 12, 1)]
    assert (found.hours[1].intervals, found.version) == ((MORNING, AFTERNOON), 2)


async def test_hours_of_the_past_stay(office: Office) -> None:
    with pytest.raises(InvalidInput) as refusal:
        await office.calendars.set_hours(
            await office.administrator(), "office", 1, TODAY - timedelta(days=1), [MORNING], key()
        )
    assert refusal.value.field == "fromDay"


async def test_hours_that_overlap_are_refused(office: Office) -> None:
    with pytest.raises(HoursOverlap):
        await office.calendars.set_hours(
            await office.administrator(), "office", 1, TODAY, [MORNING, Interval(1, 700, 800)], key()
        )


async def test_calendar_that_is_always_open_is_seven_whole_days(office: Office) -> None:
    found = await office.found_calendars.calendar(await office.administrator(), "always")
    assert found.hours[0].intervals == tuple(Interval(weekday, 0, 1440) for weekday in range(1, 8))


async def test_new_calendar_is_listed_and_its_code_taken(office: Office) -> None:
    tu = await office.administrator()
    await office.calendars.create(tu, "hotline", "Đường dây nóng", "Hotline", False, [MORNING], key())
    await office.calendars.rename(tu, "hotline", 1, "Tổng đài 1022", "Hotline 1022", False, key())
    assert [calendar.name_en for calendar in await office.found_calendars.calendars(tu)] == [
        "Always open",
        "Hotline 1022",
        "Office hours",
    ]
    with pytest.raises(CodeTaken):
        await office.calendars.create(tu, "hotline", "Khác", "Other", False, [MORNING], key())


@pytest.mark.parametrize("code", ["none", "\x00", "Đ"])
async def test_absent_calendar_is_not_found(office: Office, code: str) -> None:
    with pytest.raises(NotFound):
        await office.found_calendars.calendar(await office.administrator(), code)


@pytest.mark.parametrize("name", ["minh", "quang"])
async def test_calendars_are_for_administrators(office: Office, name: str) -> None:
    official = await office.world.official(name)
    with pytest.raises(Forbidden):
        await office.calendars.confirm_year(official, 2027, 0, "Quyết định", [TET], key())
    with pytest.raises(Forbidden):
        await office.found_calendars.alarms(official)


def test_next_year_is_missing_from_the_first_of_december() -> None:
    assert alarms_on(date(2026, 11, 30), {2026}) == ()
    (alarm,) = alarms_on(date(2026, 12, 1), {2026})
    assert (alarm.year, alarm.since) == (2027, date(2026, 12, 1))


def test_this_year_is_missing_all_year() -> None:
    assert [alarm.year for alarm in alarms_on(date(2026, 12, 31), frozenset())] == [2026, 2027]


async def test_december_begins_in_ha_noi_not_in_greenwich(office: Office) -> None:
    tu = await office.administrator()
    await office.calendars.confirm_year(tu, 2026, 0, "Quyết định", [], key())
    first_minute = datetime(2026, 12, 1, tzinfo=timezone(timedelta(hours=7)))
    office.world.clock.advance(first_minute - office.world.clock.now() - timedelta(minutes=1))
    before = await office.found_calendars.alarms(tu)
    office.world.clock.advance(timedelta(minutes=1))
    after = await office.found_calendars.alarms(tu)
    assert (before, [alarm.year for alarm in after]) == ((), [2027])


async def test_job_tells_the_log_of_the_city_which_year_is_missing(office: Office) -> None:
    assert [alarm.year for alarm in await office.watch.look()] == [2026]
    lines = [row[0] for row in office.rows("SELECT line FROM audit.event WHERE line LIKE '%%year_missing%%'")]
    assert ["calendar:year-2026" in line for line in lines] == [True]


async def test_job_is_silent_when_nothing_is_missing(office: Office) -> None:
    await office.calendars.confirm_year(await office.administrator(), 2026, 0, "Quyết định", [], key())
    assert await office.watch.look() == ()
