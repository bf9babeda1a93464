"""Sets of rules as a whole: what a complete one is, told by another reckoning on random trees."""

from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from backend.routing.errors import DoubleRule
from backend.routing.rules import FALLBACK, indexed, route
from backend.routing.sets import Node, Tree, check_single, compare, faults_of, trial
from backend.routing.succession import succeeded
from backend.routing.types import FaultKind, Rule, RuleText

CITY, DEPARTMENT, WARDS = 1, 2, (11, 12, 13)
CATEGORIES = ("road", "tree")


def tree(ended: frozenset[int] = frozenset()) -> Tree:
    """A city with a department and three wards."""
    nodes = [Node(CITY, "C0001", "city", None, False), Node(DEPARTMENT, "D0001", "department", CITY, False)]
    nodes += [Node(ward, f"000{ward}", "ward", CITY, ward in ended) for ward in WARDS]
    return Tree({node.id: node for node in nodes})


@st.composite
def rules(draw: st.DrawFn) -> list[Rule]:
    """Any set without doubles; some name units or categories that are no more."""
    places = st.sampled_from([CITY, *WARDS])
    pairs = draw(
        st.lists(st.tuples(places, st.sampled_from([*CATEGORIES, "gone", None])), max_size=10, unique=True)
    )
    targets = st.sampled_from([None, CITY, DEPARTMENT, *WARDS])
    return [
        Rule(UUID(int=n), f"r{n}", category, place, draw(targets))
        for n, (place, category) in enumerate(pairs)
    ]


@given(rules(), st.frozensets(st.sampled_from(WARDS)))
def test_set_without_faults_routes_every_category_of_every_ward_by_a_rule(
    made: list[Rule], ended: frozenset[int]
) -> None:
    units = tree(ended)
    holes = {
        (fault.category, fault.place)
        for fault in faults_of(made, units, CATEGORIES)
        if fault.kind is FaultKind.HOLE
    }
    routed = {
        (category, ward.code)
        for ward in units.wards
        for category in CATEGORIES
        if route(category, units.place(ward.id), indexed(made), units.active).rule != FALLBACK
    }
    assert routed | holes == {(category, ward.code) for ward in units.wards for category in CATEGORIES}
    assert routed & holes == set()


@given(rules(), st.frozensets(st.sampled_from(WARDS), max_size=2))
def test_set_without_faults_names_nothing_that_ended(made: list[Rule], ended: frozenset[int]) -> None:
    units = tree(ended)
    faults = [fault for fault in faults_of(made, units, CATEGORIES) if fault.kind is FaultKind.ENDED]
    wrong = {
        rule.code for rule in made if rule.category == "gone" or rule.place in ended or rule.target in ended
    }
    assert {fault.rule for fault in faults} == wrong


def test_rule_for_all_at_the_city_leaves_no_hole() -> None:
    assert faults_of([Rule(UUID(int=1), "all", None, CITY, None)], tree(), CATEGORIES) == ()


def test_two_rules_for_one_question_are_named() -> None:
    doubled = [RuleText("a", None, "C0001", None), RuleText("b", None, "C0001", "D0001")]
    with pytest.raises(DoubleRule) as refusal:
        check_single(doubled)
    assert (refusal.value.first, refusal.value.second) == ("a", "b")


def test_difference_names_rules_that_came_went_and_changed() -> None:
    a, b, c = (RuleText(code, None, "C0001", None) for code in "abc")
    changed = RuleText("b", "road", "C0001", None)
    found = compare([a, b], [changed, c])
    assert [(one.code, one.before, one.after) for one in found] == [
        ("a", a, None),
        ("b", b, changed),
        ("c", None, c),
    ]


def test_trial_counts_what_would_have_gone_elsewhere() -> None:
    now = indexed([Rule(UUID(int=1), "all", None, CITY, None)])
    wanted = indexed(
        [Rule(UUID(int=1), "all", None, CITY, None), Rule(UUID(int=2), "r", "road", CITY, DEPARTMENT)]
    )
    past = {("road", 11): 5, ("road", 12): 7, ("tree", 11): 3}
    found = trial(30, past, now, wanted, tree())
    assert (found.reports, found.elsewhere, found.without_rule) == (15, 12, 0)
    assert [(d.ward, d.reports, d.from_unit, d.to_unit) for d in found.detours] == [
        ("00012", 7, "00012", "D0001"),
        ("00011", 5, "00011", "D0001"),
    ]


def test_successor_stands_in_every_rule_and_keeps_its_own() -> None:
    old, heir = "00011", "00012"
    before = [
        RuleText("a", "road", old, "D0001"),
        RuleText("b", "road", heir, None),
        RuleText("c", "tree", old, None),
        RuleText("d", None, "C0001", old, (heir, "D0001")),
    ]
    after = succeeded(before, old, heir)
    assert after == {
        "b": RuleText("b", "road", heir, None),
        "c": RuleText("c", "tree", heir, None),
        "d": RuleText("d", None, "C0001", heir, ("D0001",)),
    }
