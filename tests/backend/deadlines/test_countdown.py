"""The public countdown, and what is due in units: who sees what, in which order."""

from datetime import datetime, timedelta

import pytest

from backend.deadlines.types import ClockKind, ClockState, DueScope, Forecast, Urgency
from foundation.clock import HANOI
from foundation.errors import Forbidden, InvalidInput
from foundation.identity.principal import AnonymousPrincipal
from foundation.paging import PageRequest
from tests.backend.deadlines.rig import Rig
from tests.backend.world import CITY, CONSTRUCTION, HOAN_KIEM, SOC_SON, key


def anybody(rig: Rig) -> AnonymousPrincipal:
    return AnonymousPrincipal(rig.world.origin())


async def test_anybody_with_the_code_sees_countdown_and_pauses(rig: Rig) -> None:
    report = await rig.accepted()
    minh = await rig.world.official("minh")
    rig.at("2026-11-25 08:00")
    await rig.service.pause(minh, report.code, "weather", key())
    rig.at("2026-11-25 10:00")
    found = (await rig.queries.of_reports(anybody(rig), [report.code]))[report.code]
    receive, handle = found.clocks
    assert (receive.kind, receive.state, receive.remaining_minutes) == (ClockKind.RECEIVE, ClockState.MET, 0)
    assert (handle.state, handle.remaining_minutes) == (ClockState.PAUSED, 36 * 60)
    assert [(one.reason, one.name_en, one.ended_at) for one in found.pauses] == [
        ("weather", "The weather does not allow it", None)
    ]
    assert minh.official_id.hex not in repr(found).replace("-", "")


async def test_waiting_for_the_citizen_stands_among_the_pauses(rig: Rig) -> None:
    report = await rig.accepted()
    minh, lan = await rig.world.official("minh"), await rig.world.citizen()
    rig.at("2026-11-25 08:00")
    report = await rig.world.reports.ask(minh, report.code, report.version, "Ở cột nào?", key())
    rig.at("2026-11-26 08:00")
    await rig.world.reports.reply(lan, report.code, report.version, "Cột số 5", key())
    await rig.follow()
    found = (await rig.queries.of_reports(lan, [report.code]))[report.code]
    assert [(one.reason, one.ended_at) for one in found.pauses] == [
        ("awaiting_citizen", datetime(2026, 11, 26, 8, tzinfo=HANOI))
    ]


@pytest.mark.parametrize(
    ("moment", "state", "remaining", "over"),
    [
        ("2026-11-24 12:30", ClockState.RUNNING, 480, 0),
        ("2026-11-24 13:00", ClockState.RUNNING, 480, 0),
        ("2026-11-25 11:59", ClockState.RUNNING, 1, 0),
        ("2026-11-25 12:00", ClockState.OVERDUE, 0, 0),
        ("2026-11-25 12:59", ClockState.OVERDUE, 0, 0),
        ("2026-11-25 13:10", ClockState.OVERDUE, 0, 10),
    ],
)
async def test_countdown_counts_working_time(
    rig: Rig, moment: str, state: ClockState, remaining: int, over: int
) -> None:
    report = await rig.submitted()
    rig.at(moment)
    receive = (await rig.queries.of_reports(anybody(rig), [report.code]))[report.code].clocks[0]
    assert (receive.state, receive.remaining_minutes, receive.late_minutes) == (state, remaining, over)


async def test_handling_waits_until_the_report_is_received(rig: Rig) -> None:
    report = await rig.submitted()
    handle = (await rig.queries.of_reports(anybody(rig), [report.code]))[report.code].clocks[1]
    assert (handle.state, handle.remaining_minutes) == (ClockState.WAITING, 40 * 60)


async def test_unknown_and_unfollowed_reports_have_no_countdown(rig: Rig) -> None:
    report = await rig.world.submitted()
    assert await rig.queries.of_reports(anybody(rig), [report.code, "0" * 16]) == {}


@pytest.mark.parametrize("codes", [["x"], [""], ["\x00" * 16], ["0" * 16] * 101])
async def test_what_is_no_code_and_too_many_are_refused(rig: Rig, codes: list[str]) -> None:
    with pytest.raises(InvalidInput):
        await rig.queries.of_reports(anybody(rig), codes)


async def test_units_see_their_deadlines_the_earliest_first(rig: Rig) -> None:
    minh = await rig.world.official("minh")
    codes = []
    for minutes in (5, 3, 4):
        rig.world.clock.advance(timedelta(hours=2, minutes=minutes))
        codes.append((await rig.submitted()).code)
    elsewhere = await rig.submitted(ward=SOC_SON)
    page = await rig.queries.due(minh, None, DueScope.ALL, PageRequest(100))
    received = [one for one in page.items if one.clock.kind is ClockKind.RECEIVE]
    assert [one.report_code for one in received] == codes
    assert [one.clock.due_at for one in page.items] == sorted(one.clock.due_at for one in page.items)
    assert elsewhere.code not in {one.report_code for one in page.items}


async def test_pages_go_through_the_whole_list_once(rig: Rig) -> None:
    minh = await rig.world.official("minh")
    for _ in range(4):
        rig.world.clock.advance(timedelta(minutes=7))
        await rig.submitted()
    whole = await rig.queries.due(minh, None, DueScope.ALL, PageRequest(100))
    seen, after = [], None
    for _ in range(3):
        page = await rig.queries.due(minh, None, DueScope.ALL, PageRequest(3, after))
        seen += page.items
        after = page.positions[-1]
    assert ([(one.report_code, one.clock.kind) for one in seen], page.has_next) == (
        [(one.report_code, one.clock.kind) for one in whole.items],
        False,
    )


async def test_forecast_tells_what_is_late_and_what_will_be_today(rig: Rig) -> None:
    minh = await rig.world.official("minh")
    await rig.submitted()  # due on 25 November at noon
    urgent = await rig.accepted()
    await rig.service.set_urgency(minh, urgent.code, Urgency.URGENT, key())  # due today at 17:00
    first = await rig.queries.forecast(minh, None)
    listed = await rig.queries.due(minh, None, DueScope.TODAY, PageRequest(10))
    rig.at("2026-11-25 12:00")
    then = await rig.queries.forecast(minh, None)
    assert ((first.late, first.today), (then.late, then.today)) == ((0, 1), (2, 0))
    assert [one.report_code for one in listed.items] == [urgent.code]


async def test_what_is_done_is_in_no_list(rig: Rig) -> None:
    report = await rig.closed(await rig.accepted())
    minh = await rig.world.official("minh")
    page = await rig.queries.due(minh, None, DueScope.ALL, PageRequest(10))
    assert report.code not in {one.report_code for one in page.items}


async def test_operator_of_the_city_sees_all_and_narrows_to_a_unit(rig: Rig) -> None:
    here, there = await rig.submitted(), await rig.submitted(ward=SOC_SON)
    quang = await rig.world.official("quang")
    every = await rig.queries.due(quang, None, DueScope.ALL, PageRequest(10))
    one = await rig.queries.due(quang, (SOC_SON,), DueScope.ALL, PageRequest(10))
    assert {item.report_code for item in every.items} == {here.code, there.code}
    assert {item.report_code for item in one.items} == {there.code}


async def test_foreign_units_are_left_out_without_a_word(rig: Rig) -> None:
    await rig.submitted()
    dung = await rig.world.official("dung")
    page = await rig.queries.due(dung, (HOAN_KIEM, CITY, "99999", "x"), DueScope.ALL, PageRequest(10))
    assert (page.items, await rig.queries.forecast(dung, (HOAN_KIEM,))) == ((), Forecast(0, 0, 0))


@pytest.mark.parametrize("who", ["tu", "phuong"])
async def test_administrator_and_party_body_see_no_list(rig: Rig, who: str) -> None:
    await rig.submitted()
    official = await rig.office.administrator() if who == "tu" else await rig.world.official(who)
    with pytest.raises(Forbidden):
        await rig.queries.due(official, None, DueScope.ALL, PageRequest(10))
    with pytest.raises(Forbidden):
        await rig.queries.forecast(official, None)


async def test_more_than_two_hundred_units_are_refused(rig: Rig) -> None:
    minh = await rig.world.official("minh")
    with pytest.raises(InvalidInput):
        await rig.queries.due(minh, (HOAN_KIEM,) * 201, DueScope.ALL, PageRequest(10))


async def test_unit_that_gave_the_report_away_has_it_no_longer_on_its_list(rig: Rig) -> None:
    report = await rig.submitted()
    minh, ha = await rig.world.official("minh"), await rig.world.official("ha")
    report = await rig.world.reports.forward(minh, report.code, report.version, CONSTRUCTION, "Của Sở", key())
    await rig.follow()
    lists = [await rig.queries.due(who, None, DueScope.ALL, PageRequest(10)) for who in (minh, ha)]
    assert [{one.report_code for one in page.items} for page in lists] == [set(), {report.code}]


async def test_reasons_for_pauses_are_anybodys_to_read(rig: Rig) -> None:
    found = await rig.queries.pause_reasons(anybody(rig))
    assert [one.code for one in found] == ["other_body", "survey", "weather", "materials", "procurement"]
