"""The decision which unit gets a report. Pure: rules and tree come in, one unit comes out."""

from collections.abc import Iterable, Mapping
from typing import Any

from backend.routing.types import Place, Routing, Rule

FALLBACK = "fallback"

Rules = Mapping[tuple[int, str | None], Rule]
"""By (place, category): of a set, each pair has one rule at most."""


def rule_of_row(row: Any) -> Rule:
    """A rule from (id, code, category, place_id, target_id, supporting)."""
    rule_id, code, category, place, target, supporting = row
    return Rule(rule_id, code, category, place, target, tuple(supporting))


def indexed(rules: Iterable[Rule]) -> Rules:
    """Rules as `route` looks them up. Raises ValueError for two answers to one question."""
    found: dict[tuple[int, str | None], Rule] = {}
    for rule in rules:
        if found.setdefault((rule.place, rule.category), rule) is not rule:
            raise ValueError(f"two rules for one place and category: {rule.code}")
    return found


def route(category: str, place: Place, rules: Rules, active: frozenset[int]) -> Routing:
    """Exactly one unit for every category and place.

    From the place upwards, the first level with a rule decides; there a rule for the category goes before
    one for every category. A target that is not `active` is passed over. Without any rule the nearest active
    unit of the path, at last the root, gets the report.
    """
    for level in place.path:
        for asked in (category, None):
            rule = rules.get((level, asked))
            if rule is None:
                continue
            target = place.path[0] if rule.target is None else rule.target
            if target in active:
                return Routing(target, rule.code, level)
    nearest = next((unit for unit in place.path if unit in active), place.path[-1])
    return Routing(nearest, FALLBACK, nearest)
