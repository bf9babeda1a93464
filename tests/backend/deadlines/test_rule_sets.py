"""Rules of deadlines as administrators change them: drafts, gaps, a trial, the day from which they hold."""

import math
from datetime import date, timedelta
from itertools import product

import pytest

from backend.administration.types import HistoryKind
from backend.deadlines.errors import DoubleRule, IncompleteRules, NotADraft
from backend.deadlines.types import FaultKind, Length, LengthUnit, RuleSetState, RuleText, Urgency
from foundation.errors import Forbidden, InvalidInput, NotFound, VersionConflict
from foundation.paging import PageRequest
from tests.backend.deadlines.rig import Rig
from tests.backend.world import CITY, HOAN_KIEM, SOC_SON, key

LATER = date(2027, 1, 4)
"""A Monday beyond the real day on which tests run: the database lets no set begin in its past."""


def hours(amount: int) -> Length:
    return Length(amount, LengthUnit.HOURS)


def days(amount: int) -> Length:
    return Length(amount, LengthUnit.DAYS)


def rule(code: str = "quick", **other: object) -> RuleText:
    """A rule for everything in the city, but for `other`."""
    plain = {
        "category": None,
        "urgency": None,
        "place": CITY,
        "calendar": "office",
        "receive": hours(2),
        "handle": days(1),
        "wait": days(2),
        "escalate": hours(4),
    }
    return RuleText(code, **{**plain, **other})


async def draft(rig: Rig, *put: RuleText, remove: tuple[str, ...] = ()) -> tuple[int, int]:
    """A draft, changed; its number and version."""
    tu = await rig.office.administrator()
    made = await rig.rules.draft(tu, None, "Thử", key())
    if not put and not remove:
        return int(made.code), made.version
    changed = await rig.rules.change(tu, int(made.code), made.version, put, remove, key())
    return int(changed.code), changed.version


async def test_draft_is_a_copy_of_what_holds(rig: Rig) -> None:
    number, _ = await draft(rig)
    tu = await rig.office.administrator()
    found, more = await rig.found_rules.rules(tu, number, 10, None)
    assert ([one.code for one in found], more) == (["high", "standard", "urgent"], False)
    sets, _ = await rig.found_rules.rule_sets(tu, 10, None)
    assert [(one.number, one.state, one.holds) for one in sets] == [
        (2, RuleSetState.DRAFT, False),
        (1, RuleSetState.ACTIVE, True),
    ]


async def test_set_holds_for_what_comes_in_from_its_day_and_open_reports_keep_theirs(rig: Rig) -> None:
    rig.at("2026-12-31 08:00")
    before = await rig.submitted()
    due = rig.clocks(before.code)
    number, version = await draft(rig, rule(), remove=("standard",))
    tu = await rig.office.administrator()
    await rig.rules.activate(tu, number, version, LATER, key())
    rig.at("2027-01-04 08:00")
    after = await rig.submitted()
    await rig.following.reckon_all()
    assert rig.clocks(before.code)["receive"]["due_at"] == due["receive"]["due_at"]
    assert rig.clocks(after.code)["receive"]["due_at"] == "01-04 10:00"


async def test_set_without_a_rule_for_everything_is_refused(rig: Rig) -> None:
    number, version = await draft(rig, remove=("standard",))
    tu = await rig.office.administrator()
    with pytest.raises(IncompleteRules) as refused:
        await rig.rules.activate(tu, number, version, LATER, key())
    assert refused.value.count > 20
    first = refused.value.faults[0]
    assert (first.kind, first.category, first.urgency, first.place) == (
        FaultKind.HOLE,
        None,
        Urgency.NORMAL,
        CITY,
    )


async def test_rules_for_every_ward_and_category_of_today_are_still_a_gap(rig: Rig) -> None:
    known = [row[0] for row in rig.rows("SELECT code FROM routing.category")]
    every = [rule(f"about-{number}", category=code) for number, code in enumerate(known)]
    number, version = await draft(rig, *every, remove=("standard",))
    tu = await rig.office.administrator()
    faults = await rig.found_rules.faults(tu, number)
    assert {fault.category for fault in faults} == {None}
    with pytest.raises(IncompleteRules):
        await rig.rules.activate(tu, number, version, LATER, key())


async def test_rule_that_names_an_ended_category_is_refused(rig: Rig) -> None:
    number, version = await draft(rig, rule("trees", category="tree"))
    rig.rows("UPDATE routing.category SET ended_on = '2026-01-01' WHERE code = 'tree' RETURNING 1")
    tu = await rig.office.administrator()
    with pytest.raises(IncompleteRules) as refused:
        await rig.rules.activate(tu, number, version, LATER, key())
    assert [fault.rule for fault in refused.value.faults] == ["trees"]


@pytest.mark.parametrize(
    ("field", "bad"),
    [
        ("code", rule("X")),
        ("code", rule("a" * 61)),
        ("code", rule("' OR 1=1")),
        ("category", rule(category="nothing")),
        ("category", rule(category="\x00")),
        ("place", rule(place="99999")),
        ("place", rule(place="P0002")),
        ("place", rule(place="D0001")),
        ("calendar", rule(calendar="moon")),
        ("receive", rule(receive=hours(0))),
        ("receive", rule(receive=hours(-8))),
        ("handle", rule(handle=hours(1_000))),
        ("handle", rule(handle=days(366))),
        ("handle", rule(handle=days(2**31))),
        ("wait", rule(wait=Length(math.nan, LengthUnit.DAYS))),
        ("escalate", rule(escalate=Length(math.inf, LengthUnit.HOURS))),
    ],
)
async def test_nonsense_is_refused_and_names_its_field(rig: Rig, field: str, bad: RuleText) -> None:
    number, version = await draft(rig)
    tu = await rig.office.administrator()
    with pytest.raises(InvalidInput) as refused:
        await rig.rules.change(tu, number, version, [bad], (), key())
    assert refused.value.field == f"put.{field}"
    assert len((await rig.found_rules.rules(tu, number, 10, None))[0]) == 3


async def test_two_rules_for_one_question_are_refused(rig: Rig) -> None:
    number, version = await draft(rig)
    tu = await rig.office.administrator()
    with pytest.raises(DoubleRule):
        await rig.rules.change(tu, number, version, [rule()], (), key())


@pytest.mark.parametrize("number", [0, -1, 7, 2**31, 2**70])
async def test_set_that_is_not_there_is_not_found(rig: Rig, number: int) -> None:
    tu = await rig.office.administrator()
    with pytest.raises(NotFound):
        await rig.rules.activate(tu, number, 1, LATER, key())
    with pytest.raises(NotFound):
        await rig.found_rules.trial(tu, number, 30)


@pytest.mark.parametrize("day", [date(2026, 11, 23), date(1, 1, 1), date(2028, 1, 1), date.max])
async def test_set_begins_neither_in_the_past_nor_far_ahead(rig: Rig, day: date) -> None:
    number, version = await draft(rig)
    with pytest.raises(InvalidInput):
        await rig.rules.activate(await rig.office.administrator(), number, version, day, key())


async def test_set_in_force_is_neither_changed_nor_discarded(rig: Rig) -> None:
    tu = await rig.office.administrator()
    with pytest.raises(NotADraft):
        await rig.rules.change(tu, 1, 1, [rule()], (), key())
    with pytest.raises(NotADraft):
        await rig.rules.discard(tu, 1, 1, key())


async def test_somebody_elses_version_is_a_conflict(rig: Rig) -> None:
    number, version = await draft(rig)
    with pytest.raises(VersionConflict):
        await rig.rules.activate(await rig.office.administrator(), number, version + 1, LATER, key())


@pytest.mark.parametrize("who", ["minh", "quang", "phuong", "nga"])
async def test_nobody_but_the_administrator_changes_or_reads(rig: Rig, who: str) -> None:
    official = await rig.world.official(who)
    with pytest.raises(Forbidden):
        await rig.rules.draft(official, None, "Thử", key())
    with pytest.raises(Forbidden):
        await rig.found_rules.rule_sets(official, 10, None)
    assert rig.rows("SELECT count(*) FROM deadlines.rule_set") == [(1,)]


async def test_every_change_stands_in_the_history(rig: Rig) -> None:
    number, version = await draft(rig, rule("quick", urgency=None, category="tree"))
    tu = await rig.office.administrator()
    await rig.rules.activate(tu, number, version, LATER, key())
    page = await rig.office.history.history(tu, HistoryKind.DEADLINE_RULES, str(number), PageRequest(10))
    actions = [entry.action for entry in page.items]
    assert actions == ["deadline.activate", "deadline.change", "deadline.draft"]


async def test_nearest_place_decides_after_urgency_and_category(rig: Rig) -> None:
    rules = [
        rule("ward", place=HOAN_KIEM, receive=hours(1)),
        rule("lights", category="street_light", receive=hours(3)),
        rule("lights-here", category="street_light", place=HOAN_KIEM, receive=hours(5)),
    ]
    number, version = await draft(rig, *rules)
    await rig.rules.activate(await rig.office.administrator(), number, version, LATER, key())
    rig.at("2027-01-04 08:00")
    found = {}
    for category, ward in product(("street_light", "tree"), (HOAN_KIEM, SOC_SON)):
        report = await rig.submitted(ward=ward, category=category)
        rows = rig.rows(
            "SELECT c.rule FROM deadlines.clock c JOIN reports.report r ON r.id = c.report_id"
            " WHERE r.code = %s AND c.kind = 'receive'",
            report.code,
        )
        found[ward, category] = rows[0][0]
    assert list(found.values()) == ["lights-here", "lights", "ward", "standard"]


async def test_trial_counts_what_would_have_been_late_and_shows_no_report(rig: Rig) -> None:
    report = await rig.accepted()
    rig.at("2026-11-26 12:00")
    await rig.closed(report)
    number, _ = await draft(rig, rule(), remove=("standard",))
    tu = await rig.office.administrator()
    trial = await rig.found_rules.trial(tu, number, 30)
    assert (trial.clocks, trial.late_then, trial.late_now) == (2, 0, 1)
    assert [(group.kind, group.late_now) for group in trial.groups] == [("handle", 1), ("receive", 0)]
    assert report.code not in repr(trial)


@pytest.mark.parametrize("days_asked", [0, -1, 91, 10**9])
async def test_trial_of_no_or_too_many_days_is_refused(rig: Rig, days_asked: int) -> None:
    tu = await rig.office.administrator()
    with pytest.raises(InvalidInput):
        await rig.found_rules.trial(tu, 1, days_asked)


async def test_trial_knows_the_pauses_that_there_were(rig: Rig) -> None:
    report = await rig.accepted()
    minh = await rig.world.official("minh")
    await rig.service.pause(minh, report.code, "weather", key())
    rig.at("2026-11-26 11:00")
    await rig.service.resume(minh, report.code, key())
    rig.world.clock.advance(timedelta(hours=1))
    await rig.closed(report)
    number, _ = await draft(rig, rule(), remove=("standard",))
    trial = await rig.found_rules.trial(await rig.office.administrator(), number, 30)
    assert trial.late_now == 0
