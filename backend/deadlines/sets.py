"""What can be said of a set of rules of deadlines as a whole. Pure: rules, units, categories come in."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from backend.deadlines.clocks import Terms
from backend.deadlines.errors import DoubleRule
from backend.deadlines.rules import indexed, rule_for
from backend.deadlines.types import ClockKind, Fault, FaultKind, Rule, RuleText, Trial, TrialGroup, Urgency
from backend.deadlines.working import Span

PLACES = frozenset({"city", "ward", "commune"})
"""Kinds of units that a rule may be for: what a citizen names, and what lies above it."""
_WARDS = frozenset({"ward", "commune"})
MOST_GROUPS = 50


@dataclass(frozen=True, slots=True)
class Node:
    """A unit of the city's tree."""

    id: int
    code: str
    kind: str
    parent: int | None
    ended: bool


@dataclass(frozen=True)
class Units:
    """The city's units."""

    nodes: Mapping[int, Node] = field(repr=False)

    def by_code(self) -> Mapping[str, Node]:
        """By code, ended ones too."""
        return {node.code: node for node in self.nodes.values()}

    def path(self, unit: int) -> tuple[int, ...]:
        """The unit and all above it."""
        found: list[int] = []
        at: int | None = unit
        while at is not None:
            found.append(at)
            at = self.nodes[at].parent
        return tuple(found)

    def wards(self) -> tuple[Node, ...]:
        """Wards and communes that a citizen may name, by code."""
        found = (node for node in self.nodes.values() if node.kind in _WARDS and not node.ended)
        return tuple(sorted(found, key=lambda node: node.code))


def text_of(rule: Rule, units: Units) -> RuleText:
    """A rule in codes."""
    return RuleText(
        rule.code,
        rule.category,
        rule.urgency,
        units.nodes[rule.place].code,
        rule.calendar,
        rule.receive,
        rule.handle,
        rule.wait,
        rule.escalate,
    )


def check_single(rules: Iterable[RuleText]) -> None:
    """Raise DoubleRule when two rules answer one question."""
    seen: dict[tuple[str, str | None, Urgency | None], str] = {}
    for rule in rules:
        first = seen.setdefault((rule.place, rule.category, rule.urgency), rule.code)
        if first != rule.code:
            raise DoubleRule(first, rule.code)


def faults_of(rules: Iterable[Rule], units: Units, categories: Iterable[str]) -> tuple[Fault, ...]:
    """What keeps a set from being in force.

    A category that is yet to come (None) must have a deadline in every ward too: then no new category and no
    new ward ever makes a hole in what is in force.
    """
    kept = tuple(rules)
    known = frozenset(categories)
    ended = tuple(
        Fault(FaultKind.ENDED, rule.category, rule.urgency, units.nodes[rule.place].code, rule.code)
        for rule in kept
        if rule.category not in known | {None} or units.nodes[rule.place].ended
    )
    table = indexed(kept)
    roots = [node for node in units.nodes.values() if node.parent is None]
    holes = tuple(
        Fault(FaultKind.HOLE, category, urgency, place.code)
        for place in (*roots, *units.wards())
        for category in (None, *sorted(known))
        for urgency in Urgency
        if rule_for(category, urgency, units.path(place.id), table) is None
    )
    return ended + holes


def trial(
    days: int, past: Iterable[Any], units: Units, terms_of: Callable[[Rule], Terms], rules: Sequence[Rule]
) -> Trial:
    """What `rules` would have made of clocks that stopped: rows of deadlines.stopped_since.

    Each is reckoned from where it began, with the pauses that there were.
    """
    table = indexed(rules)
    groups: dict[tuple[ClockKind, str, Urgency], list[int]] = {}
    terms: dict[str, Terms] = {}
    for row in past:
        kind, urgency = ClockKind(row["kind"]), Urgency(row["urgency"])
        counts = groups.setdefault((kind, row["category"], urgency), [0, 0, 0])
        counts[0] += 1
        counts[1] += bool(row["late"])
        rule = rule_for(row["category"], urgency, units.path(row["ward_id"]), table)
        if rule is None:
            continue
        if rule.code not in terms:
            terms[rule.code] = terms_of(rule)
        counts[2] += _late(row, terms[rule.code], kind)
    found = [TrialGroup(*key, *counts) for key, counts in groups.items()]
    found.sort(key=lambda group: (-abs(group.late_now - group.late_then), -group.clocks, group.category))
    return Trial(
        days=days,
        clocks=sum(group.clocks for group in found),
        late_then=sum(group.late_then for group in found),
        late_now=sum(group.late_now for group in found),
        groups=tuple(found[:MOST_GROUPS]),
    )


def _late(row: Any, terms: Terms, kind: ClockKind) -> bool:
    start: datetime = row["started_at"]
    stopped: datetime = row["stopped_at"]
    length = terms.rule.receive if kind is ClockKind.RECEIVE else terms.rule.handle
    halts: list[Span] = [] if kind is ClockKind.RECEIVE else _halts(row["halts"], stopped)
    allowed: timedelta = terms.amount(length, start)
    # Whether it took longer: no search for a due time far ahead.
    return terms.calendar.between(start, stopped, halts) > allowed


def _halts(moments: Sequence[datetime], stopped: datetime) -> list[Span]:
    pairs = iter(moments)
    return [(begin, min(end, stopped)) for begin, end in zip(pairs, pairs, strict=True)]
