"""Which events end which sessions: shapes as Keycloak 26.7.4 writes them."""

import json
from datetime import UTC, datetime
from typing import Any

import pytest

from directory.endings import end_of_admin_event, end_of_user_event
from foundation.identity.revocation import SessionEnd

ISS = "https://keycloak.test/realms/hanoi-ioc"
PERSON = "6f0a3a52-5b54-4d0e-8a55-0c2b4f1d0b03"
USER = f"users/{PERSON}"
ORGANISATION = "organizations/7a83422b-6443-48a4-951d-57a91d5dbdfc"


def user_event(kind: str, **fields: Any) -> dict[str, Any]:
    event = {"id": "e1", "time": 1795486661215, "type": kind, "userId": PERSON, "sessionId": "s1", **fields}
    return {name: value for name, value in event.items() if value is not None}


def admin_event(operation: str, resource: str, path: str, **fields: Any) -> dict[str, Any]:
    event = {"operationType": operation, "resourceType": resource, "resourcePath": path}
    return {"id": "e1", "time": 1795486661215, **event, **fields}


def whose(end: SessionEnd | None) -> tuple[str | None, str | None] | None:
    """(sid, sub) of an end; None when nothing ends."""
    return None if end is None else (end.sid, end.sub)


def test_end_carries_the_events_id_and_moment() -> None:
    assert end_of_user_event(ISS, user_event("LOGOUT")) == SessionEnd(
        event_id=f"{ISS}:e1",
        iss=ISS,
        sid="s1",
        sub=PERSON,
        ended_at=datetime(2026, 11, 24, 2, 17, 41, 215000, UTC),
        cause="LOGOUT",
    )


@pytest.mark.parametrize("kind", ["LOGOUT", "REVOKE_GRANT", "USER_SESSION_DELETED"])
def test_end_of_a_session_ends_that_session(kind: str) -> None:
    assert whose(end_of_user_event(ISS, user_event(kind))) == ("s1", PERSON)


def test_logout_without_session_ends_all_of_the_person() -> None:
    assert whose(end_of_user_event(ISS, user_event("LOGOUT", sessionId=None))) == (None, PERSON)


@pytest.mark.parametrize("kind", ["REMOVE_CREDENTIAL", "REMOVE_TOTP", "RESET_PASSWORD", "DELETE_ACCOUNT"])
def test_persons_own_removal_of_a_credential_ends_all_sessions(kind: str) -> None:
    assert whose(end_of_user_event(ISS, user_event(kind))) == (None, PERSON)


@pytest.mark.parametrize("kind", ["LOGIN", "LOGIN_ERROR", "LOGOUT_ERROR", "CODE_TO_TOKEN", "UPDATE_PROFILE"])
def test_other_user_events_end_nothing(kind: str) -> None:
    assert end_of_user_event(ISS, user_event(kind)) is None


def test_user_event_that_names_nobody_ends_nothing() -> None:
    assert end_of_user_event(ISS, user_event("LOGOUT", userId=None, sessionId=None)) is None


@pytest.mark.parametrize(
    ("operation", "resource", "path", "ended"),
    [
        ("DELETE", "USER_SESSION", "sessions/s1", ("s1", None)),
        ("ACTION", "USER", f"{USER}/logout", (None, PERSON)),
        ("ACTION", "USER", f"{USER}/reset-password", (None, PERSON)),
        ("ACTION", "USER", f"{USER}/credentials/c1", (None, PERSON)),
        ("DELETE", "USER", f"{USER}/consents/ioc-ipad", (None, PERSON)),
        ("DELETE", "USER", USER, (None, PERSON)),
        ("DELETE", "ORGANIZATION_MEMBERSHIP", f"{ORGANISATION}/members/{PERSON}", (None, PERSON)),
        ("DELETE", "ORGANIZATION", ORGANISATION, (None, None)),
        ("ACTION", "REALM", "logout-all", (None, None)),
        ("ACTION", "REALM", "push-revocation", (None, None)),
    ],
)
def test_administrators_act_ends_sessions(
    operation: str, resource: str, path: str, ended: tuple[str | None, str | None]
) -> None:
    assert whose(end_of_admin_event(ISS, admin_event(operation, resource, path))) == ended


@pytest.mark.parametrize("representation", ['{"enabled":false}', '{"enabled":null}', "not json", "[]"])
def test_update_that_may_have_disabled_a_person_ends_all_sessions(representation: str) -> None:
    event = admin_event("UPDATE", "USER", USER, representation=representation)
    assert whose(end_of_admin_event(ISS, event)) == (None, PERSON)


def test_update_without_representation_ends_all_sessions() -> None:
    assert whose(end_of_admin_event(ISS, admin_event("UPDATE", "USER", USER))) == (None, PERSON)


@pytest.mark.parametrize("representation", [{"enabled": True}, {"requiredActions": ["UPDATE_PASSWORD"]}])
def test_update_that_disables_nobody_ends_nothing(representation: dict[str, Any]) -> None:
    event = admin_event("UPDATE", "USER", USER, representation=json.dumps(representation))
    assert end_of_admin_event(ISS, event) is None


@pytest.mark.parametrize(
    ("operation", "resource", "path"),
    [
        ("CREATE", "USER", USER),
        ("CREATE", "ORGANIZATION_MEMBERSHIP", f"{ORGANISATION}/members"),
        ("ACTION", "USER", f"{USER}/credentials/c1/moveToFirst"),
        ("UPDATE", "REALM", ""),
    ],
)
def test_other_acts_end_nothing(operation: str, resource: str, path: str) -> None:
    assert end_of_admin_event(ISS, admin_event(operation, resource, path)) is None


def test_act_that_failed_ends_nothing() -> None:
    event = admin_event("DELETE", "USER_SESSION", "sessions/s1", error="forbidden")
    assert end_of_admin_event(ISS, event) is None
