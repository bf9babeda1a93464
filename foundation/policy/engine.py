"""Decisions by Cedar. Sound or refused: whatever Cedar would skip over, this module turns into a no.

Three traps of Cedar, met here once (`tests/policy/test_attacks.py` shows each open without this module):
- a policy that errors is skipped, a `forbid` too, so any error is a refusal;
- a resource that is absent from the slice makes forbids error, so the slice is made here, with the resource;
- without the schema the groups of actions do not exist and `action in` is silently false, so every handle
  is built with the schema.

Speed comes from two facts. Whether a question fits the schema depends on the types in it alone, so Cedar
checks each combination of types once (`foundation.policy.shapes`). And a decision depends only on what the
policies read (`foundation.policy.reads`), so Cedar is told that and no more: the same question is decided
once, unless its policies read a clock.
"""

import hashlib
import json
import re
from collections import OrderedDict
from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, Literal, NamedTuple

import cedarpy
import msgspec
import structlog

from foundation.identity.principal import OfficialDevice, OfficialPrincipal
from foundation.policy.entities import (
    Caller,
    EntityRef,
    Resource,
    Value,
    circumstances_of,
    device_resource,
    entity_json,
    principal_ref,
    principal_resource,
    standing_of,
    to_json,
)
from foundation.policy.errors import PolicyDenied, PolicyErrored, PolicyInvalid, PolicyRefusal
from foundation.policy.reads import Reads, may_apply, reads_of
from foundation.policy.shapes import Shape, shape_of
from foundation.telemetry import traces

Effect = Literal["permit", "forbid"]
_ACTION = re.compile(
    r'^action "(?P<name>[^"]+)"(?: in \[(?P<groups>[^\]]*)\])?(?P<asked> appliesTo)?', re.MULTILINE
)
_NAME = re.compile(r'"([^"]+)"')
_STEADY = frozenset({"acr", "network", "device"})
"""What a decision may be remembered by. Anything else in the context, such as `now`, is never the same."""
_KEPT_PRINCIPALS = 1024
_KEPT_DECISIONS = 128
_KEPT_SHAPES = 4096
_UNNAMED = "-"
_log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Decision:
    """An allowed action: `policies` are the ids of the permits that allowed it, for the audit event."""

    policies: tuple[str, ...]


class _Refused(NamedTuple):
    """A remembered denial."""

    policies: tuple[str, ...]


class _Kept:
    """A principal's parsed entity and what was decided for it; it stays until a duty changes."""

    __slots__ = ("decisions", "entities", "ref")

    def __init__(self, ref: EntityRef, entities: cedarpy.Entities) -> None:
        self.ref = ref
        self.entities = entities
        self.decisions: OrderedDict[Hashable, Decision | _Refused] = OrderedDict()


class _Part(NamedTuple):
    """The policies whose scope an action and a type of principal fit, and what they read."""

    reads: Reads
    policies: cedarpy.PolicySet


class _Question(NamedTuple):
    """One question as Cedar is told it: whole, or cut down to what the policies read."""

    kept: _Kept
    action: str
    resource: Resource
    circumstances: Mapping[str, Value]
    device: OfficialDevice | None


class PolicyEngine:
    """The policies of one service, parsed once; shared by the tasks of one event loop."""

    def __init__(self, schema: str, policies: str) -> None:
        """Check `policies` (Cedar text) against `schema`. Raises PolicyInvalid."""
        self._schema = _parse_schema(schema)
        self.texts = (schema, policies)
        """The schema and the policies as they were given."""
        self.effects: Mapping[str, Effect] = _checked_effects(policies)
        """"permit" or "forbid" of each policy by its id."""
        _validate(policies, self._schema)
        self._policies = cedarpy.PolicySet.from_str(policies)
        self._tree = policy_tree(policies)
        self._scopes = _scopes(str(self._schema))
        self.actions: frozenset[str] = frozenset(self._scopes)
        """Actions that can be asked for; groups of actions are not among them."""
        self.version = hashlib.sha256("\0".join(self.texts).encode()).hexdigest()
        """Changes whenever a schema or policy changes: part of the key of any decision kept elsewhere."""
        self._kept: OrderedDict[Hashable, _Kept] = OrderedDict()
        self._parts: dict[tuple[str, str], _Part] = {}
        self._fitting: set[tuple[str, str, str, Shape]] = set()

    @classmethod
    def load(cls, folder: Path) -> "PolicyEngine":
        """The policies of `folder`: `schema.cedarschema` and every `*.cedar`. Raises PolicyInvalid."""
        files = sorted(folder.glob("*.cedar"))
        if not files:
            raise PolicyInvalid(f"no policies in {folder}")
        try:
            schema = (folder / "schema.cedarschema").read_text(encoding="utf-8")
            return cls(schema, "\n".join(file.read_text(encoding="utf-8") for file in files))
        except (OSError, UnicodeDecodeError) as error:
            raise PolicyInvalid(f"policies can't be read: {error}") from error

    def authorise(self, principal: Caller, action: str, resource: Resource, *, now: datetime) -> Decision:
        """Decide `action` of `principal` on `resource`.

        Raises PolicyDenied when the policies say no, PolicyErrored when they can't say soundly;
        both are `foundation.errors.Forbidden`.
        """
        try:
            with traces.span("policy", ioc_action=action):
                outcome = self._decide(principal, action, resource, now)
        except PolicyErrored as error:
            _log.error("policy.errored", action=action, resource_type=resource.type, reason=error.reason)
            raise
        if isinstance(outcome, _Refused):
            raise PolicyDenied(outcome.policies)
        return outcome

    def authorise_many(
        self, principal: Caller, action: str, resources: Sequence[Resource], *, now: datetime
    ) -> tuple[Decision, ...]:
        """Decide `action` on each of `resources`. Raises as `authorise`, naming the first that is refused."""
        decisions = []
        for resource in resources:
            try:
                decisions.append(self.authorise(principal, action, resource, now=now))
            except PolicyRefusal as refusal:
                refusal.resource_id = resource.id
                raise
        return tuple(decisions)

    def reads(self, action: str, principal_type: str) -> Reads:
        """What the policies read when a principal of this type asks for `action`."""
        return self._part(action, principal_type).reads

    def _part(self, action: str, principal_type: str) -> _Part:
        known = self._parts.get((action, principal_type))
        if known is None:
            applying = {
                name: body
                for name, body in self._tree["staticPolicies"].items()
                if may_apply(body, self._scopes[action], principal_type)
            }
            text = cedarpy.policies_from_json_str(json.dumps({**self._tree, "staticPolicies": applying}))
            known = _Part(reads_of(applying.values()), cedarpy.PolicySet.from_str(text))
            self._parts[action, principal_type] = known
        return known

    def _decide(
        self, principal: Caller, action: str, resource: Resource, now: datetime
    ) -> Decision | _Refused:
        if action not in self.actions:
            raise PolicyErrored(f"there is no action {action}")
        circumstances = circumstances_of(principal, now)
        device = principal.device if isinstance(principal, OfficialPrincipal) else None
        question = _Question(self._principal(principal), action, resource, circumstances, device)
        shape = shape_of(resource, circumstances)
        if shape is None:
            return self._ask_whole(question)
        fitting = (action, question.kept.ref.type, resource.type, shape)
        if fitting not in self._fitting:
            outcome = self._ask_whole(question)
            if len(self._fitting) < _KEPT_SHAPES:
                self._fitting.add(fitting)
            return outcome
        return self._decide_fitting(question)

    def _decide_fitting(self, question: _Question) -> Decision | _Refused:
        """Decide a question whose types Cedar has checked."""
        reads, policies = self._part(question.action, question.kept.ref.type)
        if reads.whole or _names_another_of_its_type(question):
            return self._ask_whole(question)
        cut = _cut(question, reads)
        if not reads.context <= _STEADY:
            return _ask(cut, policies, None)
        key = _key(cut)
        decisions = question.kept.decisions
        known = decisions.get(key)
        if known is None:
            known = decisions[key] = _ask(cut, policies, None)
            if len(decisions) > _KEPT_DECISIONS:
                decisions.popitem(last=False)
        return known

    def _ask_whole(self, question: _Question) -> Decision | _Refused:
        """Ask all policies with everything there is, checked against the schema."""
        return _ask(question, self._policies, self._schema)

    def _principal(self, principal: Caller) -> _Kept:
        """The principal's entity: it is the larger half of a slice and stays until a duty changes."""
        standing = standing_of(principal)
        kept = self._kept.get(standing)
        if kept is not None:
            self._kept.move_to_end(standing)
            return kept
        text = _text([entity_json(principal_resource(principal))])
        try:
            entities = cedarpy.Entities.from_json_str(text, self._schema)
        except ValueError as error:
            raise PolicyErrored(str(error)) from error
        kept = self._kept[standing] = _Kept(principal_ref(principal), entities)
        if len(self._kept) > _KEPT_PRINCIPALS:
            self._kept.popitem(last=False)
        return kept


def _ask(
    question: _Question, policies: cedarpy.PolicySet, schema: cedarpy.Schema | None
) -> Decision | _Refused:
    """Ask Cedar; with `schema` the question is checked against it first."""
    kept, action, resource, circumstances, device = question
    added = [entity_json(resource)]
    if device is not None and "device" in circumstances:
        _add_device(added, entity_json(device_resource(device)))
    request = {
        "principal": {"type": kept.ref.type, "id": kept.ref.id},
        "action": {"type": "Action", "id": action},
        "resource": {"type": resource.type, "id": resource.id},
        "context": _text({name: to_json(value) for name, value in circumstances.items()}),
    }
    try:
        entities = kept.entities.with_added_json_str(_text(added), schema)
        result = cedarpy.is_authorized(request, policies, entities, schema)
    except ValueError as error:
        raise PolicyErrored(str(error)) from error
    if result.diagnostics.errors:
        raise PolicyErrored("; ".join(result.diagnostics.errors))
    determining = _ids(result)
    if result.decision is not cedarpy.Decision.Allow:
        return _Refused(determining)
    return Decision(determining)


def _names_another_of_its_type(question: _Question) -> bool:
    """Whether the resource might be the principal or what the context names: then nothing is left out."""
    kind = question.resource.type
    return kind == question.kept.ref.type or any(
        isinstance(value, EntityRef) and value.type == kind for value in question.circumstances.values()
    )


def _cut(question: _Question, reads: Reads) -> _Question:
    """The question with nothing in it that the policies do not read."""
    resource = question.resource
    attributes = {
        name: value
        for name, value in resource.attributes.items()
        if name in reads.resource and value is not None
    }
    circumstances = {name: value for name, value in question.circumstances.items() if name in reads.context}
    return question._replace(
        resource=Resource(resource.type, resource.id if reads.identity else _UNNAMED, attributes),
        circumstances=circumstances,
        device=question.device if "device" in circumstances else None,
    )


def _key(cut: _Question) -> Hashable:
    """Everything that Cedar is told beside the principal."""
    resource = cut.resource
    return (
        cut.action,
        resource.type,
        resource.id,
        tuple(resource.attributes.items()),
        tuple(cut.circumstances.items()),
        cut.device,
    )


def _add_device(added: list[dict[str, Any]], device: dict[str, Any]) -> None:
    """Put the device beside the resource, unless it is the resource. Raises PolicyErrored if they differ."""
    if added[0]["uid"] != device["uid"]:
        added.append(device)
    elif added[0] != device:
        raise PolicyErrored("the session's device and the resource are one device and differ")


def _parse_schema(schema: str) -> cedarpy.Schema:
    try:
        return cedarpy.Schema.from_str(schema)
    except ValueError as error:
        raise PolicyInvalid(f"schema: {error}") from error


def _scopes(schema: str) -> dict[str, frozenset[str]]:
    """Each action that can be asked for, with its own name and those of the groups above it."""
    found = {match["name"]: match for match in _ACTION.finditer(schema)}
    above = {name: set(_NAME.findall(match["groups"] or "")) for name, match in found.items()}
    scopes = {}
    for name in found:
        reached, open_ = {name}, [name]
        while open_:
            fresh = above.get(open_.pop(), set()) - reached
            reached |= fresh
            open_ += fresh
        scopes[name] = frozenset(reached)
    return {name: reached for name, reached in scopes.items() if found[name]["asked"]}


def _text(value: object) -> str:
    """JSON text. Raises PolicyErrored for what is no text, such as half a surrogate pair."""
    try:
        return msgspec.json.encode(value).decode()
    except UnicodeEncodeError as error:
        raise PolicyErrored("a text that is none") from error


def policy_tree(policies: str) -> dict[str, Any]:
    """Cedar's JSON of policies, comments left out. Raises ValueError when they can't be parsed."""
    tree: dict[str, Any] = json.loads(cedarpy.policies_to_json_str(policies))
    return tree


def _checked_effects(policies: str) -> dict[str, Effect]:
    """Each policy's effect by its @id. Raises PolicyInvalid for a bad id, template or letter."""
    try:
        tree = policy_tree(policies)
    except ValueError as error:
        raise PolicyInvalid(f"policies: {error}") from error
    if tree["templates"]:
        raise PolicyInvalid("templates are not used: each policy must be readable by itself")
    # Cedar only warns of look-alike letters and direction marks, and cedarpy drops its warnings.
    if not json.dumps(tree, ensure_ascii=False).isascii():
        raise PolicyInvalid("outside comments policies are ASCII: another letter may look like the one meant")
    effects: dict[str, Effect] = {}
    for name, body in tree["staticPolicies"].items():
        identifier = body.get("annotations", {}).get("id")
        if not identifier:
            raise PolicyInvalid(f"{name} has no @id")
        if identifier in effects:
            raise PolicyInvalid(f"two policies have the @id {identifier}")
        effects[identifier] = body["effect"]
    return effects


def _validate(policies: str, schema: cedarpy.Schema) -> None:
    result = cedarpy.validate_policies(policies, schema)
    if not result.validation_passed or result.errors:
        names = result.id_annotations_by_policy_id
        texts = (f"{names.get(error.policy_id, error.policy_id)}: {error.error}" for error in result.errors)
        raise PolicyInvalid("; ".join(texts) or "the policies do not fit the schema")


def _ids(result: cedarpy.AuthzResult) -> tuple[str, ...]:
    return tuple(sorted(result.diagnostics.id_annotations_by_reason.values()))
