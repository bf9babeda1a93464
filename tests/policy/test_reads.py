"""What a decision may depend on is derived from the policies; what is remembered is what Cedar says."""

import json
from dataclasses import replace
from datetime import timedelta
from itertools import product
from typing import Any
from uuid import UUID

import cedarpy
import pytest

from foundation.identity.principal import Duty, OfficialDevice, OfficialPrincipal
from foundation.policy.engine import Decision, PolicyEngine
from foundation.policy.entities import (
    Caller,
    EntityRef,
    Resource,
    context_of,
    device_resource,
    entity_json,
    official_ref,
    principal_resource,
    unit_ref,
    unit_refs,
)
from foundation.policy.errors import PolicyDenied, PolicyErrored
from foundation.policy.reads import Reads, reads_of
from tests.policy.people import MINH, NOW, REPORT
from tests.policy.test_engine import BACKEND

HEAD = '@id("x") permit(principal is Official, action == Action::"report.read", resource) '
EVERYBODY = '@id("all") permit(principal, action == Action::"report.read", resource);'

GROUP = (
    '@id("stop") forbid(principal, action in Action::"report.inside", resource)'
    ' when { resource is Report && resource.state == "x" };'
)


def read(condition: str, scope: str = HEAD) -> Reads:
    tree: dict[str, Any] = json.loads(cedarpy.policies_to_json_str(scope + condition + ";"))
    return reads_of(tree["staticPolicies"].values())


def attributes(*names: str) -> frozenset[str]:
    return frozenset(names)


def with_policies(*policies: str) -> PolicyEngine:
    schema = (BACKEND / "schema.cedarschema").read_text(encoding="utf-8")
    return PolicyEngine(schema, "\n".join(policies))


CONDITIONS = {
    "attribute": ('when { resource.state == "x" }', Reads(attributes("state"), attributes(), False, False)),
    "has": ("when { resource has citizen }", Reads(attributes("citizen"), attributes(), False, False)),
    "context": ("unless { context.acr < 2 }", Reads(attributes(), attributes("acr"), False, False)),
    "itself": ("when { [resource].contains(resource) }", Reads(attributes(), attributes(), True, False)),
    "principal": ("when { principal.city_operator }", Reads(attributes(), attributes(), False, False)),
    "entity of the context": (
        'when { context has device && context.device.state == "x" }',
        Reads(attributes(), attributes("device"), False, False),
    ),
    "inside an if": (
        "when { if principal.city_operator then true else resource has channel }",
        Reads(attributes("channel"), attributes(), False, False),
    ),
    "inside an extension": (
        'when { context.now > datetime("2026-01-01") }',
        Reads(attributes(), attributes("now"), False, False),
    ),
    "record with a key Var": (
        "when { {Var: resource.state}.Var == resource.ward.kind }",
        Reads(attributes("state", "ward"), attributes(), False, True),
    ),
}


@pytest.mark.parametrize(("condition", "expected"), CONDITIONS.values(), ids=CONDITIONS.keys())
def test_reads_are_found(condition: str, expected: Reads) -> None:
    assert read(condition) == expected


@pytest.mark.parametrize(
    "condition",
    [
        "when { resource.ward.kind == principal.unit.kind }",
        "when { context == context }",
        "when { (if true then resource else resource).state == principal.body }",
        "when { context.device.official.body == principal.body }",
        "when { principal.unit.kind == principal.body }",
    ],
)
def test_what_can_not_be_told_is_told_whole(condition: str) -> None:
    assert read(condition).whole


def test_resource_named_in_the_scope_is_told_by_its_id() -> None:
    scope = '@id("x") permit(principal, action, resource == Report::"r")'
    assert read("", scope).identity


def test_forbid_on_a_group_of_actions_is_among_the_reads() -> None:
    engine = with_policies(EVERYBODY, GROUP)
    assert engine.reads("report.accept", "Citizen").resource == attributes("state")


def test_policy_for_another_kind_of_person_or_action_is_not_among_the_reads() -> None:
    engine = with_policies(EVERYBODY, HEAD + 'when { resource.state == "x" };')
    assert engine.reads("report.read", "Official").resource == attributes("state")
    assert engine.reads("report.read", "Citizen").resource == attributes()
    assert engine.reads("report.track", "Official").resource == attributes()


def outcome(engine: PolicyEngine, who: Caller, resource: Resource, action: str = "report.read") -> str:
    try:
        return str(engine.authorise(who, action, resource, now=NOW).policies)
    except PolicyDenied as refusal:
        return f"denied {refusal.policies}"
    except PolicyErrored:
        return "errored"


def afresh(who: OfficialPrincipal, report: Resource) -> str:
    """Cedar alone, with everything and the schema; what it can't say is an error."""
    schema_text, policies = PolicyEngine.load(BACKEND).texts
    schema = cedarpy.Schema.from_str(schema_text)
    try:
        entities = [entity_json(principal_resource(who)), entity_json(report)]
        if who.device is not None:
            entities.append(entity_json(device_resource(who.device)))
        request = {
            "principal": f'Official::"{who.official_id}"',
            "action": 'Action::"report.read"',
            "resource": f'Report::"{report.id}"',
            "context": context_of(who, NOW),
        }
        handle = cedarpy.Entities.from_json_str(json.dumps(entities), schema)
        result = cedarpy.is_authorized(request, policies, handle, schema)
    except (ValueError, PolicyErrored):
        return "errored"
    if result.diagnostics.errors:
        return "errored"
    named = tuple(sorted(result.diagnostics.id_annotations_by_reason.values()))
    return str(named) if result.allowed else f"denied {named}"


PEOPLE = {
    "as he is": MINH,
    "one factor": replace(MINH, session=replace(MINH.session, acr="aal1")),
    "passkey": replace(MINH, session=replace(MINH.session, acr="aal3")),
    "another unit": replace(MINH, units=frozenset({376})),
    "operator": replace(MINH, duties=(Duty("city_operator", 1, "C0001"),), city_level=True),
    "administrator": replace(MINH, duties=(*MINH.duties, Duty("platform_admin", 1, "C0001"))),
    "of the Party": replace(MINH, unit_code="P0002"),
    "own device": replace(MINH, device=OfficialDevice("d", MINH.official_id, "enrolled")),
    "revoked device": replace(MINH, device=OfficialDevice("d", MINH.official_id, "revoked")),
    "device of another": replace(MINH, device=OfficialDevice("d", UUID(int=1), "enrolled")),
    "odd network": replace(MINH, origin=replace(MINH.origin, network_kind="moon")),
}
REPORTS = {
    "own": REPORT,
    "elsewhere": replace(REPORT, attributes={**REPORT.attributes, "handler": unit_ref(376)}),
    "handled before": replace(
        REPORT,
        attributes={**REPORT.attributes, "handler": unit_ref(5), "participants": unit_refs((70,))},
    ),
    "without a ward": replace(REPORT, attributes={**REPORT.attributes, "ward": None}),
    "state of a wrong type": replace(REPORT, attributes={**REPORT.attributes, "state": 1}),
    "half a letter": replace(REPORT, attributes={**REPORT.attributes, "state": "\ud800"}),
    "unit of a wrong type": replace(
        REPORT, attributes={**REPORT.attributes, "ward": EntityRef("Citizen", "1")}
    ),
}


DEVICE = Resource("Device", "d", {"official": official_ref(MINH.official_id), "state": "enrolled"})


@pytest.fixture(scope="module")
def warm() -> PolicyEngine:
    """An engine that has decided every question of these tests before."""
    engine = PolicyEngine.load(BACKEND)
    for who, report in product(PEOPLE.values(), REPORTS.values()):
        outcome(engine, who, report)
    return engine


@pytest.mark.parametrize("who", PEOPLE.values(), ids=PEOPLE.keys())
@pytest.mark.parametrize("report", REPORTS.values(), ids=REPORTS.keys())
def test_remembered_decision_is_the_fresh_one(
    warm: PolicyEngine, who: OfficialPrincipal, report: Resource
) -> None:
    assert outcome(warm, who, report) == afresh(who, report)


def test_same_question_is_asked_of_cedar_once(monkeypatch: pytest.MonkeyPatch) -> None:
    engine = PolicyEngine.load(BACKEND)
    for number in range(2):
        engine.authorise(MINH, "report.read", replace(REPORT, id=str(number)), now=NOW)
    monkeypatch.setattr(cedarpy, "is_authorized", None)
    another = replace(REPORT, id="another", attributes={**REPORT.attributes, "state": "closed"})
    assert engine.authorise(MINH, "report.read", another, now=NOW) == Decision(("report-read-unit",))


def test_policy_that_reads_the_clock_is_asked_each_time() -> None:
    engine = with_policies(
        '@id("fresh") permit(principal is Official, action == Action::"report.read", resource)'
        " when { context has sign_in_age && context.sign_in_age < 900 };"
    )
    for _ in range(3):
        engine.authorise(MINH, "report.read", REPORT, now=NOW)
    with pytest.raises(PolicyDenied, match=r"common\.forbidden"):
        engine.authorise(MINH, "report.read", REPORT, now=NOW + timedelta(minutes=10))


def test_policy_that_reads_the_time_is_asked_each_time() -> None:
    engine = with_policies(
        '@id("day") permit(principal is Official, action == Action::"report.read", resource)'
        ' when { context.now < datetime("2026-11-24T02:05:00Z") };'
    )
    for _ in range(3):
        engine.authorise(MINH, "report.read", REPORT, now=NOW)
    with pytest.raises(PolicyDenied, match=r"common\.forbidden"):
        engine.authorise(MINH, "report.read", REPORT, now=NOW + timedelta(minutes=5))


def test_error_is_not_remembered_as_a_denial() -> None:
    stop = '@id("stop") forbid(principal, action, resource) when { context.acr + 9223372036854775807 > 0 };'
    engine = with_policies(EVERYBODY, stop)
    for _ in range(3):
        with pytest.raises(PolicyErrored, match=r"common\.forbidden"):
            engine.authorise(MINH, "report.read", REPORT, now=NOW)


def test_forbid_on_a_group_applies_when_its_action_was_asked_before() -> None:
    engine = with_policies(EVERYBODY, GROUP)
    closed = replace(REPORT, attributes={**REPORT.attributes, "state": "x"})
    assert [outcome(engine, MINH, report) for report in (REPORT, REPORT, closed, closed)] == [
        "('all',)",
        "('all',)",
        "denied ('stop',)",
        "denied ('stop',)",
    ]


def test_own_device_as_the_resource_is_decided_on_whole() -> None:
    engine = PolicyEngine.load(BACKEND)
    who = PEOPLE["own device"]
    answers = [outcome(engine, who, DEVICE, "device.read") for _ in range(3)]
    assert answers == ["('device-own-official',)"] * 3


def test_device_that_differs_from_the_resource_of_its_name_is_refused() -> None:
    engine = PolicyEngine.load(BACKEND)
    assert outcome(engine, PEOPLE["own device"], DEVICE, "device.read") == "('device-own-official',)"
    with pytest.raises(PolicyErrored) as refusal:
        engine.authorise(PEOPLE["revoked device"], "device.read", DEVICE, now=NOW)
    assert "differ" in refusal.value.reason


def test_many_are_refused_by_the_first_that_is(warm: PolicyEngine) -> None:
    reports = [REPORT, replace(REPORTS["elsewhere"], id="hidden"), REPORT]
    with pytest.raises(PolicyDenied) as refusal:
        warm.authorise_many(MINH, "report.read", reports, now=NOW)
    assert refusal.value.resource_id == "hidden"


def test_many_that_are_allowed_are_decided_in_order(warm: PolicyEngine) -> None:
    reports = [REPORT, REPORTS["handled before"]]
    assert warm.authorise_many(MINH, "report.read", reports, now=NOW) == (
        Decision(("report-read-unit",)),
        Decision(("report-read-unit",)),
    )


def test_resource_reached_through_the_principal_is_told_each_time() -> None:
    engine = with_policies(
        '@id("own") permit(principal is Official, action == Action::"units.read", resource)'
        ' when { principal.unit.kind == "ward" };'
    )
    ward = Resource("Unit", "70", {"kind": "ward"})
    assert [outcome(engine, MINH, ward, "units.read") for _ in range(3)] == ["('own',)"] * 3


def test_naive_time_is_refused_where_the_answer_is_known(warm: PolicyEngine) -> None:
    with pytest.raises(PolicyErrored) as refusal:
        warm.authorise(MINH, "report.read", REPORT, now=NOW.replace(tzinfo=None))
    assert "time zone" in refusal.value.reason


def test_unknown_kind_of_network_is_refused_where_the_answer_is_known(warm: PolicyEngine) -> None:
    with pytest.raises(PolicyErrored) as refusal:
        warm.authorise(PEOPLE["odd network"], "report.read", REPORT, now=NOW)
    assert "network" in refusal.value.reason
