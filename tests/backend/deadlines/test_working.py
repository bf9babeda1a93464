"""Adding working time: monotone, never outside working hours, as a slow reference says."""

from datetime import UTC, date, datetime, timedelta
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from backend.deadlines.types import DayKind, SpecialDay, WeeklyHours
from backend.deadlines.working import NoWorkingTime, WorkingTime, merged
from foundation.clock import HANOI
from tests.backend.deadlines.calendars import FIRST, calendars, moment, office, slow_add, worked

starts = st.integers(-2 * 1440, 10 * 1440)
amounts = st.integers(1, 600)
gaps = st.lists(
    st.tuples(starts, st.integers(1, 3 * 1440)).map(lambda g: (moment(g[0]), moment(g[0] + g[1]))), max_size=3
)
MINUTE = timedelta(minutes=1)


@settings(max_examples=80, deadline=None)
@given(calendars(), starts, amounts, gaps)
def test_adding_equals_a_slow_reference(calendar, start, minutes, halts) -> None:
    wanted = slow_add(calendar, moment(start), minutes, halts)
    assert calendar.add(moment(start), minutes * MINUTE, halts) == wanted


@settings(max_examples=100, deadline=None)
@given(calendars(), starts, amounts, gaps)
def test_adding_never_lands_outside_working_hours(calendar, start, minutes, halts) -> None:
    end = calendar.add(moment(start), minutes * MINUTE, halts)
    assert worked(calendar, end - MINUTE)
    assert not any(begin < end <= stop for begin, stop in halts)


@settings(max_examples=100, deadline=None)
@given(calendars(), starts, starts, amounts, amounts, gaps)
def test_adding_is_monotone_in_start_and_amount(calendar, start, later, minutes, more, halts) -> None:
    first, second = sorted((moment(start), moment(later)))
    fewer, greater = sorted((minutes * MINUTE, more * MINUTE))
    assert calendar.add(first, fewer, halts) <= calendar.add(second, greater, halts)


@settings(max_examples=100, deadline=None)
@given(calendars(), starts, amounts, amounts, gaps)
def test_adding_in_two_steps_is_adding_at_once(calendar, start, one, two, halts) -> None:
    halfway = calendar.add(moment(start), one * MINUTE, halts)
    assert calendar.add(halfway, two * MINUTE, halts) == calendar.add(
        moment(start), (one + two) * MINUTE, halts
    )


@settings(max_examples=100, deadline=None)
@given(calendars(), starts, amounts, gaps, st.integers(0, 59))
def test_what_was_added_lies_between(calendar, start, minutes, halts, seconds) -> None:
    begin = moment(start) + timedelta(seconds=seconds)
    end = calendar.add(begin, minutes * MINUTE, halts)
    assert calendar.between(begin, end, halts) == minutes * MINUTE


@settings(max_examples=100, deadline=None)
@given(calendars(), starts, st.integers(1, 300), gaps)
def test_taken_back_and_added_again_is_the_same_work(calendar, start, minutes, halts) -> None:
    end = calendar.add(moment(start), 2 * minutes * MINUTE, halts)
    back = calendar.back(end, minutes * MINUTE, halts)
    assert back >= moment(start)
    assert calendar.between(back, end, halts) == minutes * MINUTE
    assert calendar.add(back, minutes * MINUTE, halts) == end


@settings(max_examples=60, deadline=None)
@given(calendars(), starts, amounts, gaps, gaps)
def test_a_further_pause_never_makes_a_deadline_earlier(calendar, start, minutes, halts, more) -> None:
    amount = minutes * MINUTE
    assert calendar.add(moment(start), amount, halts) <= calendar.add(moment(start), amount, halts + more)


@given(gaps)
def test_merged_spans_are_the_same_time_and_touch_nowhere(halts) -> None:
    joined = merged(halts)
    assert all(one[1] < two[0] for one, two in pairwise(joined))
    for minute in range(-2 * 1440, 13 * 1440, 97):
        at = moment(minute)
        assert any(a <= at < b for a, b in halts) == any(a <= at < b for a, b in joined)


@pytest.mark.parametrize(
    ("start", "hours", "end"),
    [
        ("2026-12-14 08:00", 8, "2026-12-14 17:00"),
        ("2026-12-14 11:59", 1, "2026-12-14 13:59"),
        ("2026-12-18 16:59", 1, "2026-12-21 08:59"),
        ("2026-12-19 03:00", 4, "2026-12-21 12:00"),
        ("2026-12-31 16:00", 2, "2027-01-04 09:00"),
    ],
)
def test_office_hours_in_ha_noi(start: str, hours: int, end: str) -> None:
    new_year = SpecialDay(date(2027, 1, 1), DayKind.OFF, "Tết Dương lịch", "New Year's Day")
    at = datetime.fromisoformat(start).replace(tzinfo=HANOI).astimezone(UTC)
    found = office(new_year).add(at, timedelta(hours=hours))
    assert found.astimezone(HANOI).strftime("%Y-%m-%d %H:%M") == end


def test_swapped_saturday_is_worked_with_the_hours_of_its_weekday() -> None:
    saturday = date(2026, 12, 19)
    calendar = office(SpecialDay(saturday, DayKind.WORKING, "Ngày làm bù", "Swapped", 1))
    assert [span[0].astimezone(HANOI).hour for span in calendar.spans(saturday)] == [8, 13]


def test_calendar_without_working_time_is_a_fault_and_no_endless_search() -> None:
    with pytest.raises(NoWorkingTime):
        WorkingTime([WeeklyHours(FIRST, ())], {}, True).add(moment(0), MINUTE)


def test_moments_without_a_time_zone_are_a_fault() -> None:
    with pytest.raises(TypeError):
        office().add(datetime(2026, 12, 14, 8), MINUTE)
