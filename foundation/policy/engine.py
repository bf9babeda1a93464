"""Decisions by Cedar. Sound or refused: whatever Cedar would skip over, this module turns into a no.

Three traps of Cedar, met here once (`tests/policy/test_attacks.py` shows each open without this module):
- a policy that errors is skipped, a `forbid` too, so any error is a refusal;
- a resource that is absent from the slice makes forbids error, so the slice is made here, with the resource;
- without the schema the groups of actions do not exist and `action in` is silently false, so every handle
  is built with the schema, and each request is checked against it.
"""

import hashlib
import json
import re
from collections import OrderedDict
from collections.abc import Hashable, Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, Literal

import cedarpy
import structlog

from foundation.identity.principal import Principal
from foundation.policy.entities import (
    Resource,
    context_of,
    entity_json,
    principal_ref,
    principal_resource,
    standing_of,
)
from foundation.policy.errors import PolicyDenied, PolicyErrored, PolicyInvalid

Effect = Literal["permit", "forbid"]
_ACTION = re.compile(r'^action "(?P<name>[^"]+)"(?: in \[[^\]]*\])? appliesTo', re.MULTILINE)
_KEPT_PRINCIPALS = 1024
_log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Decision:
    """An allowed action: `policies` are the ids of the permits that allowed it, for the audit event."""

    policies: tuple[str, ...]


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
        self.actions: frozenset[str] = frozenset(_ACTION.findall(str(self._schema)))
        """Actions that can be asked for; groups of actions are not among them."""
        self.version = hashlib.sha256("\0".join(self.texts).encode()).hexdigest()
        """Changes whenever a schema or policy changes: part of the key of any remembered decision."""
        self._kept: OrderedDict[Hashable, cedarpy.Entities] = OrderedDict()

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

    def authorise(self, principal: Principal, action: str, resource: Resource, *, now: datetime) -> Decision:
        """Decide `action` of `principal` on `resource`.

        Raises PolicyDenied when the policies say no, PolicyErrored when they can't say soundly;
        both are `foundation.errors.Forbidden`.
        """
        try:
            return self._decide(principal, action, resource, now)
        except PolicyErrored as error:
            _log.error("policy.errored", action=action, resource_type=resource.type, reason=error.reason)
            raise

    def _decide(self, principal: Principal, action: str, resource: Resource, now: datetime) -> Decision:
        if action not in self.actions:
            raise PolicyErrored(f"there is no action {action}")
        who = principal_ref(principal)
        request = {
            "principal": {"type": who.type, "id": who.id},
            "action": {"type": "Action", "id": action},
            "resource": {"type": resource.type, "id": resource.id},
            "context": context_of(principal, now),
        }
        try:
            entities = self._slice(principal, resource)
            result = cedarpy.is_authorized(request, self._policies, entities, self._schema)
        except ValueError as error:
            raise PolicyErrored(str(error)) from error
        if result.diagnostics.errors:
            raise PolicyErrored("; ".join(result.diagnostics.errors))
        determining = _ids(result)
        if result.decision is not cedarpy.Decision.Allow:
            raise PolicyDenied(determining)
        return Decision(determining)

    def _slice(self, principal: Principal, resource: Resource) -> cedarpy.Entities:
        """Principal and resource, both checked against the schema."""
        added = json.dumps([entity_json(resource)])
        return self._principal_slice(principal).with_added_json_str(added, self._schema)

    def _principal_slice(self, principal: Principal) -> cedarpy.Entities:
        """The principal's entity, kept: it is the larger half of a slice and stays until a duty changes."""
        standing = standing_of(principal)
        kept = self._kept.pop(standing, None)
        if kept is None:
            text = json.dumps([entity_json(principal_resource(principal))])
            kept = cedarpy.Entities.from_json_str(text, self._schema)
        self._kept[standing] = kept
        if len(self._kept) > _KEPT_PRINCIPALS:
            self._kept.popitem(last=False)
        return kept


def _parse_schema(schema: str) -> cedarpy.Schema:
    try:
        return cedarpy.Schema.from_str(schema)
    except ValueError as error:
        raise PolicyInvalid(f"schema: {error}") from error


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
