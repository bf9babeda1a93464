"""Sets of rules as administrators change them: drafts, the day they hold from, in every process at once."""

import asyncio
from datetime import date, timedelta

import pytest

from backend.administration.errors import AlreadyEnded, CodeTaken
from backend.routing.errors import DoubleRule, IncompleteRules, NotADraft, UnknownCategory
from backend.routing.types import RuleSetState, RuleText
from backend.tenancy.types import NewUnit
from foundation.errors import Forbidden, InvalidInput, NotFound, VersionConflict
from foundation.paging import PageRequest
from tests.backend.offices import THE_OTHER, Office
from tests.backend.world import CITY, CONSTRUCTION, HOAN_KIEM, World, compose, key

TODAY = date(2026, 11, 24)
LIGHTS = RuleText("lights-construction", "street_light", CITY, CONSTRUCTION, ("D0013",))


async def drafted(office: Office, *rules: RuleText, remove: tuple[str, ...] = ()) -> int:
    """A draft of the set that holds, with rules put and removed; its number, at version 2."""
    tu = await office.administrator()
    number = int((await office.rules.draft(tu, None, "Thử nghiệm", key())).code)
    await office.rules.change(tu, number, 1, rules, remove, key())
    return number


async def handler_of(office: Office, category: str = "street_light", world: World | None = None) -> str:
    """Where a new report of Hoan Kiem goes."""
    where = world or office.world
    report = await where.submitted(category=category)
    statement = (
        "SELECT u.code FROM reports.report r JOIN tenancy.unit u ON u.id = r.handler_id WHERE r.code = %s"
    )
    return str(office.rows(statement, report.code)[0][0])


async def test_draft_changes_nothing_until_it_holds(office: Office) -> None:
    number = await drafted(office, LIGHTS)
    before = await handler_of(office)
    await office.rules.activate(await office.administrator(), number, 2, TODAY, key())
    assert (before, await handler_of(office)) == (HOAN_KIEM, CONSTRUCTION)


async def test_set_that_begins_tomorrow_holds_tomorrow(office: Office) -> None:
    number = await drafted(office, LIGHTS)
    await office.rules.activate(await office.administrator(), number, 2, TODAY + timedelta(days=1), key())
    before = await handler_of(office)
    office.world.clock.advance(timedelta(days=1))
    assert (before, await handler_of(office)) == (HOAN_KIEM, CONSTRUCTION)


async def test_change_holds_at_once_in_another_process(office: Office) -> None:
    """Nothing is remembered: another process's own pools see it with the commit."""
    database = office.database
    other = compose(database.settings("backend_app"), database.settings("backend_worker"))
    await other.database.open()
    try:
        before = await handler_of(office, world=other)
        number = await drafted(office, LIGHTS)
        await office.rules.activate(await office.administrator(), number, 2, TODAY, key())
        assert (before, await handler_of(office, world=other)) == (HOAN_KIEM, CONSTRUCTION)
    finally:
        await other.database.close()


async def test_set_with_a_hole_is_not_put_in_force_and_the_first_20_are_named(office: Office) -> None:
    number = await drafted(office, remove=("ward-handles",))
    with pytest.raises(IncompleteRules) as refusal:
        await office.rules.activate(await office.administrator(), number, 2, TODAY, key())
    # Nine of the twelve categories stood on that rule, in 126 wards.
    assert (refusal.value.count, len(refusal.value.faults)) == (9 * 126, 20)
    assert (refusal.value.faults[0].category, refusal.value.faults[0].place) == ("construction", "00004")
    assert await handler_of(office) == HOAN_KIEM


async def test_faults_are_told_before_somebody_tries(office: Office) -> None:
    number = await drafted(office, remove=("ward-handles",))
    assert len(await office.routing.faults(await office.administrator(), number)) == 9 * 126


async def test_two_rules_for_one_question_are_refused(office: Office) -> None:
    with pytest.raises(DoubleRule):
        await drafted(office, RuleText("again", "drainage", CITY, "D0002"))


@pytest.mark.parametrize(
    ("rule", "field"),
    [
        (RuleText("Ö", None, CITY, None), "put.code"),
        (RuleText("r1", "no_such", CITY, None), "put.category"),
        (RuleText("r1", "road", "99999", None), "put.place"),
        (RuleText("r1", "road", CONSTRUCTION, None), "put.place"),
        (RuleText("r1", "road", "P0002", None), "put.place"),
        (RuleText("r1", "road", CITY, "P0002"), "put.target"),
        (RuleText("r1", "road", CITY, "D0001", ("D0001",)), "put.supporting"),
        (RuleText("r1", "road", CITY, "D0001", ("D0002", "D0002")), "put.supporting"),
        (RuleText("r1", "road", CITY, "D0001", ("P0002",)), "put.supporting"),
    ],
)
async def test_rule_that_names_what_is_not_there_is_refused(
    office: Office, rule: RuleText, field: str
) -> None:
    with pytest.raises(InvalidInput) as refusal:
        await drafted(office, rule)
    assert refusal.value.field == field


async def test_removing_what_is_not_there_is_refused(office: Office) -> None:
    with pytest.raises(InvalidInput) as refusal:
        await drafted(office, remove=("no-such",))
    assert refusal.value.field == "remove"


async def test_set_in_force_is_changed_by_nobody(office: Office) -> None:
    tu = await office.administrator()
    with pytest.raises(NotADraft):
        await office.rules.change(tu, 1, 1, [LIGHTS], [], key())
    with pytest.raises(NotADraft):
        await office.rules.discard(tu, 1, 1, key())
    with pytest.raises(NotADraft):
        await office.rules.activate(tu, 1, 1, TODAY, key())


async def test_set_that_does_not_hold_yet_is_given_up(office: Office) -> None:
    tu, number = await office.administrator(), await drafted(office, LIGHTS)
    await office.rules.activate(tu, number, 2, TODAY + timedelta(days=1), key())
    await office.rules.discard(tu, number, 3, key())
    office.world.clock.advance(timedelta(days=1))
    assert await handler_of(office) == HOAN_KIEM
    assert (await office.routing.rule_set(tu, number)).state is RuleSetState.DISCARDED


@pytest.mark.parametrize("days", [-1, 367])
async def test_day_in_the_past_or_too_far_is_refused(office: Office, days: int) -> None:
    number = await drafted(office, LIGHTS)
    with pytest.raises(InvalidInput) as refusal:
        await office.rules.activate(
            await office.administrator(), number, 2, TODAY + timedelta(days=days), key()
        )
    assert refusal.value.field == "fromDay"


async def test_of_two_administrators_of_one_draft_one_wins(office: Office) -> None:
    one, other = await office.administrator(), await office.administrator(THE_OTHER)
    number = int((await office.rules.draft(one, None, "Thử nghiệm", key())).code)
    outcomes = await asyncio.gather(
        office.rules.change(one, number, 1, [LIGHTS], [], key()),
        office.rules.change(other, number, 1, [], ["ward-handles"], key()),
        return_exceptions=True,
    )
    assert sorted(type(outcome).__name__ for outcome in outcomes) == ["Done", "VersionConflict"]


async def test_two_drafts_at_once_have_numbers_of_their_own(office: Office) -> None:
    one, other = await office.administrator(), await office.administrator(THE_OTHER)
    made = await asyncio.gather(
        office.rules.draft(one, None, "Một", key()), office.rules.draft(other, None, "Hai", key())
    )
    assert {done.code for done in made} == {"2", "3"}


@pytest.mark.parametrize("name", ["minh", "quang"])
async def test_sets_are_for_administrators(office: Office, name: str) -> None:
    official = await office.world.official(name)
    with pytest.raises(Forbidden):
        await office.rules.draft(official, None, "Của tôi", key())
    with pytest.raises(Forbidden):
        await office.routing.trial(official, 1, 30)


async def test_trial_tells_what_the_draft_would_have_done(office: Office) -> None:
    for _ in range(3):
        await office.world.submitted()
    number = await drafted(office, LIGHTS)
    found = await office.routing.trial(await office.administrator(), number, 30)
    (detour,) = found.detours
    assert (found.reports, found.elsewhere) == (3, 3)
    assert (detour.ward, detour.from_unit, detour.to_unit, detour.reports) == (
        HOAN_KIEM,
        HOAN_KIEM,
        CONSTRUCTION,
        3,
    )


async def test_comparison_names_the_new_rule(office: Office) -> None:
    number = await drafted(office, LIGHTS)
    (difference,) = await office.routing.compare(await office.administrator(), 1, number)
    assert (difference.before, difference.after) == (None, LIGHTS)


async def test_absent_set_is_not_found(office: Office) -> None:
    tu = await office.administrator()
    with pytest.raises(NotFound):
        await office.routing.compare(tu, 1, 99)
    with pytest.raises(NotFound):
        await office.rules.draft(tu, 99, "Sao chép", key())


async def test_rules_come_in_pages_by_code(office: Office) -> None:
    tu = await office.administrator()
    first, more = await office.routing.rules(tu, 1, 3, None)
    rest, no_more = await office.routing.rules(tu, 1, 3, first[-1].code)
    codes = [rule.code for rule in (*first, *rest)]
    assert (codes, more, no_more) == (
        ["drainage-construction", "food-safety-health", "pollution-environment", "ward-handles"],
        True,
        False,
    )


async def test_history_of_a_set_tells_each_rule(office: Office) -> None:
    tu, number = await office.administrator(), await drafted(office, LIGHTS)
    changed, made = (await office.history.history(tu, "routing_rules", str(number), PageRequest(10))).items
    fields = {difference.field: difference.after for difference in changed.differences}
    assert fields["rules.lights-construction.target"] == '"D0001"'
    assert [difference.field for difference in made.differences] == ["copyOf", "fromDay", "note", "state"]


async def test_merged_units_rules_go_to_the_successor_at_once(office: Office) -> None:
    tu = await office.administrator()
    await office.units.end(tu, CONSTRUCTION, 1, "D0013", key())
    assert await handler_of(office, "drainage") == "D0013"
    old = await office.routing.rules(tu, 1, 10, None)
    assert {rule.target for rule in old[0] if rule.code == "drainage-construction"} == {CONSTRUCTION}


async def test_sets_to_come_and_drafts_follow_a_merger_too(office: Office) -> None:
    tu, number = await office.administrator(), await drafted(office, LIGHTS)
    await office.rules.activate(tu, number, 2, TODAY + timedelta(days=1), key())
    draft = await drafted(office, LIGHTS)
    await office.units.end(tu, CONSTRUCTION, 1, "D0013", key())
    rules, _ = await office.routing.rules(tu, draft, 10, None)
    assert {rule.target for rule in rules if rule.code == LIGHTS.code} == {"D0013"}
    office.world.clock.advance(timedelta(days=1))
    assert await handler_of(office) == "D0013"


async def test_new_category_without_a_rule_is_refused(office: Office) -> None:
    categories = [
        "street_light",
        "road",
        "waste",
        "tree",
        "traffic",
        "construction",
        "public_order",
        "culture",
        "other",
    ]
    rules = [RuleText(f"all-{name.replace('_', '-')}", name, CITY, None) for name in categories]
    number = await drafted(office, *rules, remove=("ward-handles",))
    tu = await office.administrator()
    await office.rules.activate(tu, number, 2, TODAY, key())
    with pytest.raises(IncompleteRules):
        await office.categories.create(tu, "parks", "Công viên", "Parks", key())


async def test_new_ward_without_a_rule_is_refused(office: Office) -> None:
    """Rules of each ward and none for the city: complete, until there is another ward."""
    tu = await office.administrator()
    number = int((await office.rules.draft(tu, None, "Từng phường", key())).code)
    wards = [row[0] for row in office.rows("SELECT code FROM tenancy.unit WHERE kind IN ('ward', 'commune')")]
    for version, start in enumerate((0, 100), start=1):
        put = [RuleText(f"all-{code}", None, code, None) for code in wards[start : start + 100]]
        await office.rules.change(tu, number, version, put, ["ward-handles"] if start else [], key())
    await office.rules.activate(tu, number, 3, TODAY, key())
    with pytest.raises(IncompleteRules):
        await office.units.create(tu, NewUnit("99999", "Phường Mới", "ward", CITY), key())


async def test_new_category_is_listed_and_reported(office: Office) -> None:
    await office.categories.create(await office.administrator(), "parks", "Công viên", "Parks", key())
    found = await office.routing.categories(await office.world.citizen())
    assert (found[-1].code, await handler_of(office, "parks")) == ("parks", HOAN_KIEM)


async def test_ended_category_takes_no_report_and_stays_for_old_ones(office: Office) -> None:
    lan = await office.world.citizen()
    report = await office.world.submitted(lan, category="tree")
    await office.categories.end(await office.administrator(), "tree", 1, key())
    with pytest.raises(UnknownCategory):
        await office.world.submitted(lan, category="tree")
    assert (await office.world.queries.one(lan, report.code)).category == "tree"
    codes = {category.code for category in await office.routing.categories(lan)}
    ever = {category.code for category in await office.routing.categories(lan, ended=True)}
    assert ever - codes == {"tree"}


async def test_category_that_ended_or_is_taken_is_not_made_again(office: Office) -> None:
    tu = await office.administrator()
    await office.categories.end(tu, "tree", 1, key())
    with pytest.raises(CodeTaken):
        await office.categories.create(tu, "tree", "Cây", "Trees", key())
    with pytest.raises(AlreadyEnded):
        await office.categories.rename(tu, "tree", 2, "Cây", "Trees", key())


async def test_categories_are_shown_in_the_order_given(office: Office) -> None:
    tu = await office.administrator()
    found = await office.routing.categories(tu)
    turned = {category.code: category.version for category in reversed(found)}
    await office.categories.order(tu, turned, key())
    assert [category.code for category in await office.routing.categories(tu)] == list(turned)


async def test_order_that_leaves_one_out_is_refused(office: Office) -> None:
    tu = await office.administrator()
    found = await office.routing.categories(tu)
    with pytest.raises(InvalidInput):
        await office.categories.order(tu, {category.code: 1 for category in found[1:]}, key())


async def test_order_of_what_was_changed_meanwhile_is_a_conflict(office: Office) -> None:
    tu = await office.administrator()
    found = await office.routing.categories(tu)
    await office.categories.rename(tu, "tree", 1, "Cây xanh đô thị", "City trees", key())
    with pytest.raises(VersionConflict):
        await office.categories.order(tu, {category.code: 1 for category in reversed(found)}, key())


async def test_draft_leaves_out_rules_of_categories_that_ended(office: Office) -> None:
    tu = await office.administrator()
    await office.categories.end(tu, "drainage", 1, key())
    number = int((await office.rules.draft(tu, None, "Sau khi kết thúc", key())).code)
    assert await office.routing.faults(tu, number) == ()
