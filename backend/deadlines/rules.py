"""Which rule holds for a report. Pure."""

from collections.abc import Iterable, Mapping, Sequence

from backend.deadlines.types import Rule, Urgency

Table = Mapping[tuple[int, str | None, Urgency | None], Rule]
"""By (place, category, urgency): of a set, each has one rule at most."""


def indexed(rules: Iterable[Rule]) -> Table:
    """Rules as `rule_for` looks them up. Raises ValueError for two answers to one question."""
    found: dict[tuple[int, str | None, Urgency | None], Rule] = {}
    for rule in rules:
        if found.setdefault((rule.place, rule.category, rule.urgency), rule) is not rule:
            raise ValueError(f"two rules for one place, category and urgency: {rule.code}")
    return found


def rule_for(category: str | None, urgency: Urgency, path: Sequence[int], rules: Table) -> Rule | None:
    """The rule for a report; `path`: its ward, then every unit above it.

    A rule that names the urgency goes before one that does not, whatever else it names: what is urgent is
    not made slow by a rule for trees. Then one that names the category; then the nearest place.
    """
    for asked in (urgency, None):
        for about in (category, None):
            for place in path:
                rule = rules.get((place, about, asked))
                if rule is not None:
                    return rule
    return None
