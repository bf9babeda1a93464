"""Every category and place gets exactly one unit, whatever the rules."""

from random import Random
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from backend.routing.rules import FALLBACK, indexed, route
from backend.routing.types import Place, Rule

CITY, WARD, OTHER, DEPARTMENT = 1, 2, 3, 4
CATEGORIES = ("road", "tree")


@st.composite
def rules(draw: st.DrawFn) -> list[Rule]:
    """Any set of rules, among them ones that name units that don't exist."""
    pairs = draw(
        st.lists(
            st.tuples(st.sampled_from([CITY, WARD, OTHER]), st.sampled_from([*CATEGORIES, None])),
            max_size=8,
            unique=True,
        )
    )
    targets = st.sampled_from([None, CITY, WARD, DEPARTMENT, 99])
    return [
        Rule(UUID(int=number), f"r{number}", category, place, draw(targets))
        for number, (place, category) in enumerate(pairs)
    ]


@given(rules(), st.sampled_from(CATEGORIES), st.sampled_from([(WARD, CITY), (CITY,)]), st.randoms())
def test_order_of_rules_does_not_matter(
    made: list[Rule], category: str, path: tuple[int, ...], random: Random
) -> None:
    active = frozenset({CITY, WARD, DEPARTMENT})
    first = route(category, Place(path), indexed(made), active)
    shuffled = made[:]
    random.shuffle(shuffled)
    assert route(category, Place(path), indexed(shuffled), active) == first


@given(
    rules(),
    st.sampled_from(CATEGORIES),
    st.sampled_from([(WARD, CITY), (CITY,)]),
    st.frozensets(st.sampled_from([WARD, DEPARTMENT])),
)
def test_every_report_gets_an_active_unit(
    made: list[Rule], category: str, path: tuple[int, ...], others: frozenset[int]
) -> None:
    active = others | {CITY}
    assert route(category, Place(path), indexed(made), active).unit_id in active


def rule(number: int, category: str | None, place: int, target: int | None) -> Rule:
    """A rule."""
    return Rule(UUID(int=number), f"r{number}", category, place, target)


def test_rule_of_the_ward_goes_before_rule_of_the_city() -> None:
    made = indexed([rule(1, "road", CITY, DEPARTMENT), rule(2, None, WARD, None)])
    assert route("road", Place((WARD, CITY)), made, frozenset({CITY, WARD, DEPARTMENT})).rule == "r2"


def test_rule_for_the_category_goes_before_rule_for_all() -> None:
    made = indexed([rule(1, None, CITY, None), rule(2, "road", CITY, DEPARTMENT)])
    assert route("road", Place((WARD, CITY)), made, frozenset({CITY, WARD, DEPARTMENT})).rule == "r2"


def test_without_rules_the_nearest_active_unit_gets_it() -> None:
    routed = route("road", Place((WARD, CITY)), {}, frozenset({CITY}))
    assert (routed.unit_id, routed.rule) == (CITY, FALLBACK)


def test_two_answers_to_one_question_are_no_rules() -> None:
    with pytest.raises(ValueError, match="r2"):
        indexed([rule(1, "road", CITY, None), rule(2, "road", CITY, DEPARTMENT)])
