"""The decision which unit gets a report. Pure: rules, tree and day come in, one unit comes out."""

from collections.abc import Iterable
from datetime import date

from backend.routing.types import Place, Routing, Rule

FALLBACK = "fallback"


def route(category: str, place: Place, day: date, rules: Iterable[Rule], active: frozenset[int]) -> Routing:
    """Exactly one unit for every category and place.

    From the place upwards, the first level with a rule in force decides; there a rule for the category
    goes before one for every category, then the newer one. A target that is not `active` is passed over.
    Without any rule the nearest active unit of the path, at last the root, gets the report.
    """
    in_force = [rule for rule in rules if rule.applies(category, day)]
    for level in place.path:
        here = [rule for rule in in_force if rule.place == level]
        here.sort(key=lambda rule: (rule.category is not None, rule.from_day, rule.id), reverse=True)
        for rule in here:
            target = place.path[0] if rule.target is None else rule.target
            if target in active:
                return Routing(target, rule.code, level)
    nearest = next((unit for unit in place.path if unit in active), place.path[-1])
    return Routing(nearest, FALLBACK, nearest)
