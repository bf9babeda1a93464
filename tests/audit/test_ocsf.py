"""The line: valid by the published schema, exact in its own fields, and closed to anything but codes."""

import dataclasses
from datetime import timedelta
from uuid import UUID

import jsonschema_rs
import orjson
import pytest
from ocsf_json_schema import OcsfJsonSchemaEmbedded, get_ocsf_schema

from audit.codes import NotLoggable
from audit.log import leaf_bytes
from audit.ocsf import MAX_BYTES, Counted, LineContext, build_line
from audit.pseudonyms import pseudonym
from foundation.identity.principal import Origin, Principal, SystemPrincipal
from foundation.ids import b64u
from foundation.recording import LOGON, Activity, AuditEvent, EventClass
from tests.audit.parts import NOW, ORIGIN, anonymous, citizen, official, system

EVENT_ID = UUID("0193a1b2-c3d4-7000-8000-000000000001")
CONTEXT = LineContext("ioc-backend", "0.1.0", ORIGIN, EVENT_ID, NOW, bytes(range(16)), "A" * 26)
ACCEPT = AuditEvent(
    "report.accept",
    resource="report:0123456789ABCDEF",
    unit="00070",
    policies=("report.handler",),
    purpose="complaint_check",
    case="2026/001234",
)
SIGN_IN = AuditEvent("session.first_use", EventClass.AUTHENTICATION, LOGON)
OPEN = AuditEvent(
    "citizen.open_contact", EventClass.DATASTORE_ACTIVITY, 1, resource="report:0123456789ABCDEF"
)


def build(
    principal: Principal, event: AuditEvent, refusal: str | None = None, counted: Counted | None = None
) -> dict:
    return orjson.loads(build_line(CONTEXT, principal, event, refusal, counted))


@pytest.fixture(scope="module")
def schema() -> OcsfJsonSchemaEmbedded:
    return OcsfJsonSchemaEmbedded(get_ocsf_schema(version="1.8.0"))


@pytest.mark.parametrize("refusal", [None, "common.forbidden"])
@pytest.mark.parametrize(
    ("principal", "event"),
    [
        (official(), ACCEPT),
        (citizen(), ACCEPT),
        (system(), ACCEPT),
        (anonymous(), ACCEPT),
        (anonymous("2001:db8:7::"), ACCEPT),
        (official(), SIGN_IN),
        (citizen(), SIGN_IN),
        (anonymous(), SIGN_IN),
        (official(), OPEN),
        (system(), OPEN),
    ],
)
def test_every_class_and_actor_with_its_sequence_is_valid_ocsf(
    schema: OcsfJsonSchemaEmbedded, principal: Principal, event: AuditEvent, refusal: str | None
) -> None:
    leaf = orjson.loads(leaf_bytes(build_line(CONTEXT, principal, event, refusal), ORIGIN, 7))
    name = schema.lookup_class_name_from_uid(int(event.event_class))
    jsonschema_rs.validator_for(schema.get_class_schema(name, profiles=[])).validate(leaf)


def test_own_fields_are_exactly_those_of_the_format() -> None:
    line = build(official(), ACCEPT)
    assert line["unmapped"] == {
        "v": 1,
        "salt": b64u(bytes(range(16))),
        "unit": "00070",
        "action": "report.accept",
        "resource": "report:0123456789ABCDEF",
        "decision": "allow",
        "policies": ["report.handler"],
        "purpose": "complaint_check",
        "case": "2026/001234",
        "prefix": 24,
    }


def test_deed_on_several_names_each_and_a_list_of_100_fits() -> None:
    codes = [f"report:{number:016}" for number in range(100)]
    line = build(official(), dataclasses.replace(ACCEPT, resource=codes[0], others=tuple(codes[1:])))
    assert line["resources"] == [{"type": "report", "uid": code} for code in codes]
    assert line["unmapped"]["resource"] == codes[0]


def test_metadata_names_event_log_and_request() -> None:
    metadata = build(official(), ACCEPT)["metadata"]
    assert metadata == {
        "version": "1.8.0",
        "product": {"name": "hanoi-ioc", "version": "0.1.0"},
        "uid": str(EVENT_ID),
        "correlation_uid": "0193a1b2-request",
        "log_name": ORIGIN,
    }


def test_refusal_is_a_failure_with_its_code() -> None:
    line = build(official(), ACCEPT, "common.version_conflict")
    assert (line["status_id"], line["status_code"], line["unmapped"]["decision"]) == (
        2,
        "common.version_conflict",
        "deny",
    )


def test_counted_refusals_carry_count_and_minute() -> None:
    line = build(
        anonymous(), SIGN_IN, "identity.invalid_token", Counted(812, NOW, NOW + timedelta(minutes=1))
    )
    assert (line["count"], line["end_time"] - line["start_time"]) == (812, 60_000)


def test_ipv6_network_has_prefix_48() -> None:
    line = build(anonymous("2001:db8:7::"), ACCEPT)
    assert (line["src_endpoint"]["ip"], line["unmapped"]["prefix"]) == ("2001:db8:7::", 48)


def test_line_holds_neither_subject_nor_session_nor_token() -> None:
    principal = official()
    line = build_line(CONTEXT, principal, ACCEPT).decode()
    session = principal.session
    secret = [session.sub, session.iss, session.sid, session.jkt, str(principal.official_id)]
    assert [value for value in secret if f'"{value}"' in line] == []


def test_sequence_is_the_last_member_of_metadata_and_nothing_else_changes() -> None:
    line = build_line(CONTEXT, official(), ACCEPT)
    assert leaf_bytes(line, ORIGIN, 41) == line[:-2] + b',"sequence":41}}'


def test_line_of_an_older_epoch_is_shipped_under_the_present_origin() -> None:
    leaf = orjson.loads(
        leaf_bytes(build_line(CONTEXT, official(), ACCEPT), "ioc.hanoi.gov.vn/log/backend/2", 5)
    )
    assert list(leaf["metadata"].items())[-2:] == [
        ("log_name", "ioc.hanoi.gov.vn/log/backend/2"),
        ("sequence", 5),
    ]


def test_pseudonym_is_base32_of_the_first_16_bytes_of_the_hmac() -> None:
    # Reckoned apart: openssl dgst -sha256 -mac HMAC -macopt hexkey:0b…0b of "iss LF sub", 16 bytes, base32.
    assert pseudonym(b"\x0b" * 32, "https://id.example/realms/a", "person-1") == "XDEXCKWQDDC2YLD3RKLWHB4QKA"


@pytest.mark.parametrize(
    "change",
    [
        {"action": "Nguyễn Văn A accepted"},
        {"action": "report"},
        {"action": "report.accept\n"},
        {"resource": "report:số 12 phố Huế"},
        {"resource": "citizen:0912345001"},
        {"resource": "citizen:001099012345"},
        {"resource": "citizen:nguyen_van_a"},
        {"resource": "report"},
        {"resource": "place:21.0285,105.8542"},
        {"others": ("report:0123456789ABCDEF", "report:số 12 phố Huế")},
        {"resource": None, "others": ("citizen:0912345001",)},
        {"unit": "Hoàn Kiếm"},
        {"unit": "00070 "},
        {"purpose": "because the neighbour asked"},
        {"case": "+84912345001"},
        {"case": "0912345001"},
        {"case": "hồ sơ 12"},
        {"policies": ("a policy",)},
    ],
)
def test_anything_but_a_code_is_not_loggable(change: dict) -> None:
    with pytest.raises(NotLoggable):
        build_line(CONTEXT, official(), dataclasses.replace(ACCEPT, **change))


@pytest.mark.parametrize("network", ["203.0.113.7", "2001:db8:7:1::", "Hà Nội", ""])
def test_address_with_host_bits_is_not_loggable(network: str) -> None:
    with pytest.raises(NotLoggable, match="network"):
        build_line(CONTEXT, anonymous(network), ACCEPT)


@pytest.mark.parametrize("refusal", ["Bạn không có quyền", "forbidden", ""])
def test_refusal_text_in_place_of_a_code_is_not_loggable(refusal: str) -> None:
    with pytest.raises(NotLoggable, match="refusal"):
        build_line(CONTEXT, official(), ACCEPT, refusal)


def test_activity_outside_the_class_is_not_loggable() -> None:
    with pytest.raises(NotLoggable, match="OCSF"):
        build_line(CONTEXT, official(), dataclasses.replace(ACCEPT, activity=42))


def test_fault_does_not_repeat_the_value_it_refuses() -> None:
    with pytest.raises(NotLoggable) as fault:
        build_line(CONTEXT, official(), dataclasses.replace(ACCEPT, purpose="Trần Văn Minh"))
    assert "Minh" not in str(fault.value)


def test_line_above_the_limit_is_refused() -> None:
    policies = tuple(f"policy-{number:050}" for number in range(MAX_BYTES // 55))
    with pytest.raises(NotLoggable, match="bytes"):
        build_line(CONTEXT, official(), dataclasses.replace(ACCEPT, policies=policies))


def test_person_without_pseudonym_is_not_loggable() -> None:
    with pytest.raises(NotLoggable, match="pseudonym"):
        build_line(dataclasses.replace(CONTEXT, pseudonym=None), official(), ACCEPT)


def test_system_principal_does_not_sign_in() -> None:
    with pytest.raises(NotLoggable, match="sign in"):
        build_line(CONTEXT, system(), SIGN_IN)


def test_system_principal_named_like_a_person_is_not_loggable() -> None:
    with pytest.raises(NotLoggable, match="system"):
        build_line(CONTEXT, SystemPrincipal(Origin("j", ""), "Trần Minh"), ACCEPT)


def test_activity_default_is_an_update() -> None:
    assert build(official(), ACCEPT)["activity_id"] == Activity.UPDATE
