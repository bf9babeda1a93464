"""Which of Keycloak's events end sessions. Keycloak 26.7, user events (`/events`) and admin events.

When in doubt an event ends too much, never too little: signing in again is all it costs.
"""

import json
import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime

from foundation.identity.keycloak_events import Event
from foundation.identity.revocation import SessionEnd

SESSION_EVENTS = frozenset({"LOGOUT", "REVOKE_GRANT", "USER_SESSION_DELETED"})
PERSON_EVENTS = frozenset(
    {
        "REMOVE_CREDENTIAL",
        "REMOVE_TOTP",
        "RESET_PASSWORD",
        "DELETE_ACCOUNT",
        "USER_DISABLED_BY_PERMANENT_LOCKOUT",
    }
)


@dataclass(frozen=True, slots=True)
class _Rule:
    """An admin event that ends sessions. Groups `sid` and `sub` of the path say whose; none: everybody's."""

    operations: frozenset[str]
    path: re.Pattern[str]
    condition: Callable[[Event], bool] = lambda _: True


def _may_disable(event: Event) -> bool:
    """Whether an update may have disabled the object. Partial ones that leave `enabled` out do not."""
    try:
        representation = json.loads(event["representation"])
        return bool(representation.get("enabled", True) is not True)
    except (KeyError, TypeError, ValueError, AttributeError):
        return True


def _rule(operations: str, path: str, condition: Callable[[Event], bool] = lambda _: True) -> _Rule:
    return _Rule(frozenset(operations.split()), re.compile(path), condition)


USER_TYPES = SESSION_EVENTS | PERSON_EVENTS
_RULES = (
    _rule("DELETE", r"sessions/(?P<sid>[^/]+)"),
    _rule("DELETE", r"users/(?P<sub>[^/]+)"),
    _rule("UPDATE", r"users/(?P<sub>[^/]+)", _may_disable),
    _rule("ACTION DELETE UPDATE", r"users/(?P<sub>[^/]+)/(?:logout|reset-password|disable-credential-types)"),
    _rule("ACTION DELETE UPDATE", r"users/(?P<sub>[^/]+)/(?:credentials|consents)/[^/]+"),
    _rule("DELETE", r"organizations/[^/]+/members/(?P<sub>[^/]+)"),
    # The members of an organisation are not named, so everybody in the realm signs in again.
    _rule("DELETE", r"organizations/[^/]+"),
    _rule("UPDATE", r"organizations/[^/]+", _may_disable),
    _rule("ACTION", r"(?:clients/[^/]+/)?(?:logout-all|push-revocation)"),
)


def end_of_user_event(iss: str, event: Event) -> SessionEnd | None:
    """The end that a user event tells of, or None."""
    kind = event.get("type", "")
    sid, sub = event.get("sessionId"), event.get("userId")
    if kind in SESSION_EVENTS and sid:
        return _end(iss, event, kind, sid=sid, sub=sub)
    if kind in SESSION_EVENTS | PERSON_EVENTS and sub:
        return _end(iss, event, kind, sub=sub)
    return None


def end_of_admin_event(iss: str, event: Event) -> SessionEnd | None:
    """The end that an admin event tells of, or None. Failed operations (`error`) end nothing."""
    operation, path = event.get("operationType", ""), event.get("resourcePath", "")
    if event.get("error"):
        return None
    for rule in _RULES:
        match = rule.path.fullmatch(path)
        if match and operation in rule.operations and rule.condition(event):
            return _end(iss, event, f"{operation} {event.get('resourceType')}", **match.groupdict())
    return None


def moment_of(event: Event) -> datetime:
    """When it happened, by Keycloak's clock, to the millisecond."""
    return datetime.fromtimestamp(event["time"] / 1000, UTC)


def _end(iss: str, event: Event, cause: str, sid: str | None = None, sub: str | None = None) -> SessionEnd:
    return SessionEnd(
        event_id=f"{iss}:{event['id']}", iss=iss, sid=sid, sub=sub, ended_at=moment_of(event), cause=cause
    )
