"""What the engine loads, allows and refuses on the backend's own policies."""

import re
import shutil
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
import structlog

from foundation.identity.principal import Duty, SystemPrincipal
from foundation.policy.engine import PolicyEngine
from foundation.policy.entities import EntityRef, Resource, to_json
from foundation.policy.errors import PolicyDenied, PolicyErrored, PolicyInvalid
from tests.policy.people import FAN_OUT, LAN, LAN_ID, MINH, NOBODY, NOW, ORIGIN, REPORT, without

BACKEND = Path(__file__).parents[2] / "policies" / "backend"


@pytest.fixture(scope="module")
def engine() -> PolicyEngine:
    return PolicyEngine.load(BACKEND)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A copy of the backend's policies to spoil."""
    return Path(shutil.copytree(BACKEND, tmp_path / "policies"))


def add(folder: Path, policy: str) -> None:
    (folder / "extra.cedar").write_text(policy, encoding="utf-8")


def test_handler_accepts_and_the_decision_names_the_policy(engine: PolicyEngine) -> None:
    decision = engine.authorise(MINH, "report.accept", REPORT, now=NOW)
    assert decision.policies == ("report-work-handler",)


def test_refusal_by_a_forbid_names_it(engine: PolicyEngine) -> None:
    one_factor = replace(MINH, session=replace(MINH.session, acr="aal1"))
    with pytest.raises(PolicyDenied) as refusal:
        engine.authorise(one_factor, "report.accept", REPORT, now=NOW)
    assert refusal.value.policies == ("officials-need-aal2",)


def test_refusal_because_nothing_permits_names_nothing(engine: PolicyEngine) -> None:
    with pytest.raises(PolicyDenied) as refusal:
        engine.authorise(NOBODY, "report.read", REPORT, now=NOW)
    assert refusal.value.policies == ()


@pytest.mark.parametrize("attribute", sorted(REPORT.attributes.keys() - {"citizen"}))
def test_report_without_one_attribute_is_refused_to_its_own_citizen(
    engine: PolicyEngine, attribute: str
) -> None:
    with pytest.raises(PolicyErrored, match=r"common\.forbidden"):
        engine.authorise(LAN, "report.read", without(REPORT, attribute), now=NOW)


def test_report_without_a_citizen_is_no_citizens(engine: PolicyEngine) -> None:
    with pytest.raises(PolicyDenied) as refusal:
        engine.authorise(LAN, "report.read", without(REPORT, "citizen"), now=NOW)
    assert refusal.value.policies == ()


def test_report_with_an_unknown_attribute_is_refused(engine: PolicyEngine) -> None:
    odd = replace(REPORT, attributes={**REPORT.attributes, "handlers": ()})
    with pytest.raises(PolicyErrored, match=r"common\.forbidden"):
        engine.authorise(LAN, "report.read", odd, now=NOW)


def test_attribute_of_the_wrong_entity_type_is_refused(engine: PolicyEngine) -> None:
    odd = replace(REPORT, attributes={**REPORT.attributes, "citizen": EntityRef("Official", "x")})
    with pytest.raises(PolicyErrored, match=r"common\.forbidden"):
        engine.authorise(LAN, "report.read", odd, now=NOW)


def test_resource_of_another_type_than_the_action_takes_is_refused(engine: PolicyEngine) -> None:
    with pytest.raises(PolicyErrored) as refusal:
        engine.authorise(FAN_OUT, "report.fan_out", Resource("Unit", "70", {"kind": "ward"}), now=NOW)
    assert "report.fan_out" in refusal.value.reason


def test_unknown_action_is_refused(engine: PolicyEngine) -> None:
    with pytest.raises(PolicyErrored) as refusal:
        engine.authorise(MINH, "report.acept", REPORT, now=NOW)
    assert "report.acept" in refusal.value.reason


def test_group_of_actions_can_not_be_asked_for(engine: PolicyEngine) -> None:
    with pytest.raises(PolicyErrored) as refusal:
        engine.authorise(MINH, "report.work", REPORT, now=NOW)
    assert "report.work" in refusal.value.reason


def test_unknown_machine_is_refused(engine: PolicyEngine) -> None:
    with pytest.raises(PolicyDenied) as refusal:
        engine.authorise(SystemPrincipal(ORIGIN, "fan_out2"), "report.fan_out", REPORT, now=NOW)
    assert refusal.value.policies == ()


def test_name_with_quotes_stays_one_name(engine: PolicyEngine) -> None:
    sly = SystemPrincipal(ORIGIN, 'x" || principal == System::"fan_out')
    with pytest.raises(PolicyDenied) as refusal:
        engine.authorise(sly, "report.fan_out", REPORT, now=NOW)
    assert refusal.value.policies == ()


def test_unknown_level_is_refused(engine: PolicyEngine) -> None:
    odd = replace(MINH, session=replace(MINH.session, acr="aal9"))
    with pytest.raises(PolicyErrored) as refusal:
        engine.authorise(odd, "report.track", REPORT, now=NOW)
    assert "level" in refusal.value.reason


def test_sign_in_in_the_future_is_refused(engine: PolicyEngine) -> None:
    odd = replace(MINH, session=replace(MINH.session, auth_time=NOW + timedelta(minutes=5)))
    with pytest.raises(PolicyErrored) as refusal:
        engine.authorise(odd, "report.accept", REPORT, now=NOW)
    assert "future" in refusal.value.reason


def test_duty_of_an_unknown_kind_is_refused(engine: PolicyEngine) -> None:
    odd = replace(MINH, duties=(*MINH.duties, Duty("platform-admin", 1, "C0001")))
    with pytest.raises(PolicyErrored) as refusal:
        engine.authorise(odd, "report.read", REPORT, now=NOW)
    assert "platform-admin" in refusal.value.reason


@pytest.mark.parametrize("code", ["", "p0002", "P002", "X0001", "٠٠٠٧٠", "00070\n"])
def test_working_organisation_without_a_valid_code_is_refused(engine: PolicyEngine, code: str) -> None:
    with pytest.raises(PolicyErrored) as refusal:
        engine.authorise(replace(MINH, unit_code=code), "report.read", REPORT, now=NOW)
    assert "unit code" in refusal.value.reason


def test_naive_time_is_refused(engine: PolicyEngine) -> None:
    with pytest.raises(PolicyErrored) as refusal:
        engine.authorise(NOBODY, "report.track", REPORT, now=NOW.replace(tzinfo=None))
    assert "time zone" in refusal.value.reason


CHANGES = {
    "duties": {"duties": ()},
    "units": {"units": frozenset()},
    "working organisation": {"unit_code": "P0002"},
    "person": {"official_id": LAN_ID, "duties": ()},
}


@pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES.keys())
def test_change_of_standing_counts_at_once(engine: PolicyEngine, change: dict[str, Any]) -> None:
    engine.authorise(MINH, "report.accept", REPORT, now=NOW)
    with pytest.raises(PolicyDenied, match=r"common\.forbidden"):
        engine.authorise(replace(MINH, **change), "report.accept", REPORT, now=NOW)


def test_change_of_level_counts_at_once(engine: PolicyEngine) -> None:
    engine.authorise(MINH, "report.accept", REPORT, now=NOW)
    with pytest.raises(PolicyDenied, match=r"common\.forbidden"):
        engine.authorise(
            replace(MINH, session=replace(MINH.session, acr="aal1")), "report.accept", REPORT, now=NOW
        )


def test_operator_is_one_only_at_city_level(engine: PolicyEngine) -> None:
    operator = replace(MINH, duties=(Duty("city_operator", 1, "C0001"),), units=frozenset(), city_level=True)
    engine.authorise(operator, "report.read", REPORT, now=NOW)
    with pytest.raises(PolicyDenied, match=r"common\.forbidden"):
        engine.authorise(replace(operator, city_level=False), "report.read", REPORT, now=NOW)


def test_engine_goes_on_when_it_has_seen_more_people_than_it_keeps(engine: PolicyEngine) -> None:
    for number in range(1100):
        engine.authorise(replace(LAN, citizen_id=UUID(int=number)), "report.track", REPORT, now=NOW)
    assert engine.authorise(LAN, "report.read", REPORT, now=NOW).policies == ("report-read-own",)


def test_errored_decision_is_logged_with_its_reason(engine: PolicyEngine) -> None:
    with structlog.testing.capture_logs() as lines, pytest.raises(PolicyErrored):
        engine.authorise(MINH, "report.acept", REPORT, now=NOW)
    assert [(line["event"], line["log_level"], line["action"]) for line in lines] == [
        ("policy.errored", "error", "report.acept")
    ]


def test_value_that_cedar_does_not_have_is_refused() -> None:
    with pytest.raises(TypeError, match="float"):
        to_json(0.5)  # type: ignore[arg-type]  # that is the test


def test_version_changes_with_the_policies(engine: PolicyEngine, folder: Path) -> None:
    add(folder, '@id("extra") forbid(principal is Anonymous, action == Action::"inbox.read", resource);')
    assert PolicyEngine.load(folder).version != engine.version


BAD = {
    "does not parse": ('@id("x") permit(principal, action', "policies: "),
    "unguarded optional attribute": (
        '@id("x") permit(principal is Citizen, action == Action::"inbox.read", resource)'
        " when { resource.citizen == principal };",
        "x: .*optional attribute `citizen`",
    ),
    "unknown attribute": (
        '@id("x") permit(principal, action == Action::"report.read", resource)'
        " when { resource.owner == principal };",
        "x: .*`owner`",
    ),
    "unknown action": (
        '@id("x") permit(principal, action == Action::"report.red", resource);',
        "x: .*report.red",
    ),
    "unknown type": ('@id("x") permit(principal is Person, action, resource);', "x: .*Person"),
    "no id": ('permit(principal is Citizen, action == Action::"inbox.read", resource);', "no @id"),
    "empty id": ('@id("") permit(principal is Citizen, action == Action::"inbox.read", resource);', "no @id"),
    "id used twice": (
        '@id("report-track") permit(principal, action == Action::"report.track", resource);',
        "two policies have the @id report-track",
    ),
    "template": ('@id("x") permit(principal == ?principal, action, resource);', "templates"),
    # The second letter of the name is Cyrillic.
    "look-alike letter": (
        '@id("x") permit(principal == System::"fаn_out", action == Action::"report.read", resource);',
        "ASCII",
    ),
}


@pytest.mark.parametrize(("policy", "complaint"), BAD.values(), ids=BAD.keys())
def test_folder_with_a_bad_policy_does_not_load(folder: Path, policy: str, complaint: str) -> None:
    add(folder, policy)
    with pytest.raises(PolicyInvalid, match=complaint):
        PolicyEngine.load(folder)


def test_folder_with_a_bad_schema_does_not_load(folder: Path) -> None:
    (folder / "schema.cedarschema").write_text("entity Report = { handler: Nowhere };")
    with pytest.raises(PolicyInvalid, match="schema: "):
        PolicyEngine.load(folder)


def test_folder_without_a_schema_does_not_load(folder: Path) -> None:
    (folder / "schema.cedarschema").unlink()
    with pytest.raises(PolicyInvalid, match="can't be read"):
        PolicyEngine.load(folder)


def test_empty_folder_does_not_load(tmp_path: Path) -> None:
    with pytest.raises(PolicyInvalid, match="no policies"):
        PolicyEngine.load(tmp_path)


@pytest.mark.parametrize("file", sorted(BACKEND.glob("*.cedar")), ids=lambda file: file.stem)
def test_each_policy_says_why(file: Path) -> None:
    lines = file.read_text(encoding="utf-8").splitlines()
    silent = [
        line
        for before, line in zip(["", *lines], lines, strict=False)
        if "@id(" in line and before[:2] != "//"
    ]
    assert silent == []


def test_actions_are_exactly_those_of_the_schema_file(engine: PolicyEngine) -> None:
    text = (BACKEND / "schema.cedarschema").read_text(encoding="utf-8")
    named = set(re.findall(r'"([a-z]+\.[a-z_]+)"', text))
    assert engine.actions == named - {
        "report.inside",
        "report.work",
        "report.say",
        "official.administer",
        "register.inside",
    }
