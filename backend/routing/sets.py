"""What can be said of a set of rules as a whole. Pure: rules, units and categories come in."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from uuid import UUID

from backend.routing.errors import DoubleRule
from backend.routing.rules import FALLBACK, Rules, indexed, route
from backend.routing.types import Detour, Fault, FaultKind, Place, Rule, RuleDifference, RuleText, Trial

MOST_DETOURS = 50
PLACES = frozenset({"city", "ward", "commune"})
"""Kinds of units that a rule may be for: what a citizen names, and what lies above it."""
_WARDS = frozenset({"ward", "commune"})


@dataclass(frozen=True, slots=True)
class Node:
    """A unit of the city's tree."""

    id: int
    code: str
    kind: str
    parent: int | None
    ended: bool


@dataclass(frozen=True)
class Tree:
    """The city's units by their inner ids."""

    nodes: Mapping[int, Node] = field(repr=False)

    @cached_property
    def by_code(self) -> Mapping[str, Node]:
        """By code, ended ones too."""
        return {node.code: node for node in self.nodes.values()}

    @cached_property
    def active(self) -> frozenset[int]:
        """Units that get reports."""
        return frozenset(node.id for node in self.nodes.values() if not node.ended)

    @cached_property
    def wards(self) -> tuple[Node, ...]:
        """Wards and communes that a citizen may name, by code."""
        found = (node for node in self.nodes.values() if node.kind in _WARDS and not node.ended)
        return tuple(sorted(found, key=lambda node: node.code))

    def place(self, unit: int) -> Place:
        """The unit and all above it."""
        path: list[int] = []
        at: int | None = unit
        while at is not None:
            path.append(at)
            at = self.nodes[at].parent
        return Place(tuple(path))

    def codes(self, units: Iterable[int]) -> tuple[str, ...]:
        """The codes of units."""
        return tuple(self.nodes[unit].code for unit in units)


def text_of(rule: Rule, tree: Tree) -> RuleText:
    """A rule in codes."""
    return RuleText(
        code=rule.code,
        category=rule.category,
        place=tree.nodes[rule.place].code,
        target=None if rule.target is None else tree.nodes[rule.target].code,
        supporting=tree.codes(rule.supporting),
    )


def rule_of(text: RuleText, tree: Tree) -> Rule:
    """A rule in inner ids. Raises KeyError for a unit that is not there."""
    units = tree.by_code
    return Rule(
        id=UUID(int=0),
        code=text.code,
        category=text.category,
        place=units[text.place].id,
        target=None if text.target is None else units[text.target].id,
        supporting=tuple(units[code].id for code in text.supporting),
    )


def check_single(rules: Iterable[RuleText]) -> None:
    """Raise DoubleRule when two rules answer one question."""
    seen: dict[tuple[str, str | None], str] = {}
    for rule in rules:
        first = seen.setdefault((rule.place, rule.category), rule.code)
        if first != rule.code:
            raise DoubleRule(first, rule.code)


def faults_of(rules: Iterable[Rule], tree: Tree, categories: Iterable[str]) -> tuple[Fault, ...]:
    """What keeps a set from being in force: categories in wards without a rule, rules that name what ended.

    `categories` are those that a citizen may choose.
    """
    kept = tuple(rules)
    known = frozenset(categories)
    ended = tuple(
        Fault(FaultKind.ENDED, rule.category, tree.nodes[rule.place].code, rule.code)
        for rule in kept
        if rule.category not in known | {None}
        or not {rule.place, rule.target or rule.place, *rule.supporting} <= tree.active
    )
    table = indexed(kept)
    holes = tuple(
        Fault(FaultKind.HOLE, category, ward.code)
        for ward in tree.wards
        for category in sorted(known)
        if route(category, tree.place(ward.id), table, tree.active).rule == FALLBACK
    )
    return ended + holes


def compare(before: Iterable[RuleText], after: Iterable[RuleText]) -> tuple[RuleDifference, ...]:
    """Rules that two sets have differently, by code."""
    old = {rule.code: rule for rule in before}
    new = {rule.code: rule for rule in after}
    return tuple(
        RuleDifference(code, old.get(code), new.get(code))
        for code in sorted(old.keys() | new.keys())
        if old.get(code) != new.get(code)
    )


def trial(days: int, past: Mapping[tuple[str, int], int], now: Rules, wanted: Rules, tree: Tree) -> Trial:
    """What `wanted` would have done to reports by (category, ward), compared with the rules of `now`."""
    detours, elsewhere, without = [], 0, 0
    for (category, ward), count in past.items():
        place = tree.place(ward)
        here = route(category, place, now, tree.active).unit_id
        there = route(category, place, wanted, tree.active)
        without += count if there.rule == FALLBACK else 0
        if there.unit_id != here:
            elsewhere += count
            codes = tree.codes((ward, here, there.unit_id))
            detours.append(Detour(category, codes[0], count, codes[1], codes[2]))
    detours.sort(key=lambda detour: (-detour.reports, detour.category, detour.ward))
    return Trial(days, sum(past.values()), elsewhere, without, tuple(detours[:MOST_DETOURS]))
