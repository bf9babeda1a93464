"""Cedar as it comes lets these through; the engine refuses them. Each test shows both."""

import json
from typing import Any

import cedarpy
import pytest

from foundation.errors import Forbidden
from foundation.policy.engine import PolicyEngine
from foundation.policy.entities import context_of, entity_json, principal_ref, principal_resource
from foundation.policy.errors import PolicyDenied, PolicyErrored
from tests.policy.people import MINH, NOW, REPORT

SCHEMA = """
entity Unit = { closed: Bool };
entity Official = {
  unit: Unit, body: String, units: Set<Unit>, handler_of: Set<Unit>, lead_of: Set<Unit>,
  administrator_of: Set<Unit>, platform_of: Set<Unit>,
  city_operator: Bool, platform_admin: Bool, data_protection: Bool,
};
entity Report = { weight: Long, secret: Bool, handler: Unit };
type Context = { now: datetime, acr: Long, network: String, sign_in_age?: Long };
action "inside";
action "read" in ["inside"] appliesTo { principal: [Official], resource: [Report], context: Context };
"""
PERMIT = '@id("all") permit(principal is Official, action == Action::"read", resource);'
OVERFLOWING = (
    '@id("stop") forbid(principal, action, resource) when { resource.weight + 9223372036854775807 > 0 };'
)
SECRET = '@id("stop") forbid(principal, action, resource) when { resource.secret };'
UNIT_CLOSED = '@id("stop") forbid(principal, action, resource) when { resource.handler.closed };'
GROUP = '@id("stop") forbid(principal, action in Action::"inside", resource) when { resource.secret };'
WEIGHTY = type(REPORT)("Report", "r", {"weight": 1, "secret": True, "handler": REPORT.attributes["handler"]})


def naive(policies: str, entities: list[dict[str, Any]]) -> cedarpy.AuthzResult:
    """What most code does: ask, and look at the decision alone."""
    who = principal_ref(MINH)
    request = {
        "principal": {"type": who.type, "id": who.id},
        "action": {"type": "Action", "id": "read"},
        "resource": {"type": "Report", "id": "r"},
        "context": context_of(MINH, NOW),
    }
    return cedarpy.is_authorized(request, policies, entities)


def whole_slice() -> list[dict[str, Any]]:
    return [entity_json(principal_resource(MINH)), entity_json(WEIGHTY)]


def test_validated_forbid_that_overflows_is_skipped_by_cedar() -> None:
    result = naive(PERMIT + OVERFLOWING, whole_slice())
    assert result.allowed
    assert "overflow" in result.diagnostics.errors[0]


def test_validated_forbid_that_overflows_is_a_refusal_here() -> None:
    engine = PolicyEngine(SCHEMA, PERMIT + OVERFLOWING)
    with pytest.raises(PolicyErrored, match=r"common\.forbidden") as refusal:
        engine.authorise(MINH, "read", WEIGHTY, now=NOW)
    assert "overflow" in refusal.value.reason


def test_forbid_about_an_absent_unit_is_skipped_by_cedar() -> None:
    assert naive(PERMIT + UNIT_CLOSED, whole_slice()).allowed


def test_forbid_about_an_absent_unit_is_a_refusal_here() -> None:
    with pytest.raises(PolicyErrored) as refusal:
        PolicyEngine(SCHEMA, PERMIT + UNIT_CLOSED).authorise(MINH, "read", WEIGHTY, now=NOW)
    assert 'Unit::"70"' in refusal.value.reason


def test_resource_left_out_of_the_slice_is_allowed_by_cedar() -> None:
    assert naive(PERMIT + SECRET, [entity_json(principal_resource(MINH))]).allowed


def test_resource_is_always_in_the_slice_so_its_forbid_applies() -> None:
    with pytest.raises(PolicyDenied) as refusal:
        PolicyEngine(SCHEMA, PERMIT + SECRET).authorise(MINH, "read", WEIGHTY, now=NOW)
    assert refusal.value.policies == ("stop",)


def test_group_of_actions_is_unknown_to_cedar_without_the_schema() -> None:
    assert naive(PERMIT + GROUP, whole_slice()).allowed


def test_forbid_on_a_group_of_actions_applies_here() -> None:
    with pytest.raises(PolicyDenied) as refusal:
        PolicyEngine(SCHEMA, PERMIT + GROUP).authorise(MINH, "read", WEIGHTY, now=NOW)
    assert refusal.value.policies == ("stop",)


def test_resource_with_a_missing_attribute_is_refused_whatever_permits() -> None:
    bare = type(WEIGHTY)("Report", "r", {"weight": 1, "handler": WEIGHTY.attributes["handler"]})
    with pytest.raises(PolicyErrored, match=r"common\.forbidden"):
        PolicyEngine(SCHEMA, PERMIT).authorise(MINH, "read", bare, now=NOW)


def test_resource_passing_itself_off_as_the_principal_is_refused() -> None:
    who = principal_resource(MINH)
    forged = type(who)(who.type, who.id, {**who.attributes, "city_operator": True})
    with pytest.raises(PolicyErrored, match=r"common\.forbidden"):
        PolicyEngine(SCHEMA, PERMIT).authorise(MINH, "read", forged, now=NOW)


def test_both_refusals_are_the_same_forbidden_to_the_outside() -> None:
    told = {
        json.dumps([error.code, error.message("vi"), error.details])
        for error in (Forbidden(), PolicyDenied(("stop",)), PolicyErrored("why"))
    }
    assert len(told) == 1
