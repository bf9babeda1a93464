"""Every category and place gets exactly one unit, whatever the rules."""

from datetime import date, timedelta
from random import Random
from uuid import UUID

from hypothesis import given
from hypothesis import strategies as st

from backend.routing.rules import FALLBACK, route
from backend.routing.types import Place, Rule

CITY, WARD, OTHER, DEPARTMENT = 1, 2, 3, 4
DAY = date(2026, 11, 24)
CATEGORIES = ("road", "tree")


@st.composite
def rules(draw: st.DrawFn) -> list[Rule]:
    """Any rules, among them ones that ended, begin later, or name units that don't exist."""
    count = draw(st.integers(0, 8))
    made = []
    for number in range(count):
        begins = DAY + timedelta(days=draw(st.integers(-5, 5)))
        made.append(
            Rule(
                id=UUID(int=number),
                code=f"r{number}",
                category=draw(st.sampled_from([*CATEGORIES, None])),
                place=draw(st.sampled_from([CITY, WARD, OTHER])),
                target=draw(st.sampled_from([None, CITY, WARD, DEPARTMENT, 99])),
                from_day=begins,
                until_day=draw(st.sampled_from([None, begins, begins + timedelta(days=3)])),
            )
        )
    return made


@given(rules(), st.sampled_from(CATEGORIES), st.sampled_from([(WARD, CITY), (CITY,)]), st.randoms())
def test_order_of_rules_does_not_matter(
    made: list[Rule], category: str, path: tuple[int, ...], random: Random
) -> None:
    active = frozenset({CITY, WARD, DEPARTMENT})
    first = route(category, Place(path), DAY, made, active)
    shuffled = made[:]
    random.shuffle(shuffled)
    assert route(category, Place(path), DAY, shuffled, active) == first


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
    assert route(category, Place(path), DAY, made, active).unit_id in active


def rule(number: int, category: str | None, place: int, target: int | None) -> Rule:
    """A rule in force."""
    return Rule(UUID(int=number), f"r{number}", category, place, target, date(2025, 7, 1), None)


def test_rule_of_the_ward_goes_before_rule_of_the_city() -> None:
    made = [rule(1, "road", CITY, DEPARTMENT), rule(2, None, WARD, None)]
    assert route("road", Place((WARD, CITY)), DAY, made, frozenset({CITY, WARD, DEPARTMENT})).rule == "r2"


def test_rule_for_the_category_goes_before_rule_for_all() -> None:
    made = [rule(1, None, CITY, None), rule(2, "road", CITY, DEPARTMENT)]
    assert route("road", Place((WARD, CITY)), DAY, made, frozenset({CITY, WARD, DEPARTMENT})).rule == "r2"


def test_without_rules_the_nearest_active_unit_gets_it() -> None:
    routed = route("road", Place((WARD, CITY)), DAY, [], frozenset({CITY}))
    assert (routed.unit_id, routed.rule) == (CITY, FALLBACK)
