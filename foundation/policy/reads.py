"""What policies read: derived from their own text, so that a decision may depend on that and on nothing else.

The derivation errs on one side only. A read that it missed would be a missing attribute to Cedar, and a
missing attribute is a refusal; `has` alone would be silent, and it is treated as a read.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

_ACCESSES = ("has", ".")


@dataclass(frozen=True, slots=True)
class Reads:
    """What the policies that may apply read of resource and context. The principal is always told whole."""

    resource: frozenset[str]
    context: frozenset[str]
    identity: bool
    """Whether they compare the resource itself, so that its id matters."""
    whole: bool
    """Whether something is read that can't be told from here: then all is told."""


@dataclass(slots=True)
class _Walk:
    """What was met so far."""

    resource: set[str] = field(default_factory=set)
    context: set[str] = field(default_factory=set)
    identity: bool = False
    whole: bool = False

    def expression(self, node: Any) -> None:
        """Note every read of `node` and below."""
        if isinstance(node, list):
            for part in node:
                self.expression(part)
        elif isinstance(node, dict):
            for name, part in node.items():
                self._part(name, part)

    def _part(self, name: str, part: Any) -> None:
        if name == "Var" and isinstance(part, str):
            self._variable(part)
        elif name in _ACCESSES and isinstance(part, dict) and {"left", "attr"} <= part.keys():
            self._access(part["left"], part["attr"])
        else:
            self.expression(part)

    def _variable(self, variable: str) -> None:
        if variable == "resource":
            self.identity = True
        elif variable == "context":
            self.whole = True

    def _access(self, left: Any, attribute: str) -> None:
        match left:
            case {"Var": "resource"}:
                self.resource.add(attribute)
            case {"Var": "context"}:
                self.context.add(attribute)
            case {"Var": "principal"}:
                pass
            case {".": {"left": {"Var": "context"}, "attr": str(name)}}:
                # An entity that the context names is told whole beside it.
                self.context.add(name)
            case _:
                # Through another entity, a record or a choice: it may lead back to the resource.
                self.whole = True
                self.expression(left)


def reads_of(policies: Iterable[Mapping[str, Any]]) -> Reads:
    """What `policies` (Cedar's JSON) read."""
    walk = _Walk()
    for policy in policies:
        if policy["resource"]["op"] != "All":
            walk.identity = True
        for condition in policy["conditions"]:
            walk.expression(condition["body"])
    return Reads(frozenset(walk.resource), frozenset(walk.context), walk.identity, walk.whole)


def may_apply(policy: Mapping[str, Any], action: frozenset[str], principal_type: str) -> bool:
    """Whether a policy's scope fits an action (its name and all groups above it) and a principal's type."""
    return _may_be_principal(policy["principal"], principal_type) and _may_be_action(policy["action"], action)


def _may_be_principal(scope: Mapping[str, Any], principal_type: str) -> bool:
    match scope:
        case {"op": "is", "entity_type": str(name)}:
            return name == principal_type
        case {"op": "==", "entity": {"type": str(name)}}:
            return name == principal_type
        case _:
            return True


def _may_be_action(scope: Mapping[str, Any], action: frozenset[str]) -> bool:
    match scope:
        case {"op": "==" | "in", "entity": {"id": str(name)}}:
            named = {name}
        case {"op": "in", "entities": list(entities)}:
            named = {entity["id"] for entity in entities}
        case _:
            return True
    return not named.isdisjoint(action)
