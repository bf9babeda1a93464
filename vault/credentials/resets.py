"""Which of Keycloak's events reset credentials. Keycloak 26.7, user events and admin events.

When in doubt an event is one: enrolling again is all it costs. A person who changes the own password is not
reset: it was known. A new passkey or TOTP is, for who has one signs in with it at another level.
"""

import re
from dataclasses import dataclass
from datetime import UTC, datetime

from foundation.identity.keycloak_events import Event

USER_TYPES = frozenset(
    {
        "RESET_PASSWORD",
        "UPDATE_CREDENTIAL",
        "REMOVE_CREDENTIAL",
        "UPDATE_TOTP",
        "REMOVE_TOTP",
        "EXECUTE_ACTIONS",
        "IMPERSONATE",
    }
)
_OF_ADMINISTRATORS = re.compile(
    r"users/(?P<sub>[^/]+)/(?:reset-password|disable-credential-types|credentials(?:/.+)?"
    r"|execute-actions-email|reset-password-email|impersonation)"
)
_PERSON = re.compile(r"users/(?P<sub>[^/]+)")


@dataclass(frozen=True, slots=True)
class Reset:
    """A person whose credentials were reset, by Keycloak's own name of the event and by its clock."""

    event_id: str
    sub: str
    cause: str
    at: datetime


def reset_of_user_event(event: Event) -> Reset | None:
    """The reset that a user event tells of, or None."""
    kind, sub = event.get("type", ""), event.get("userId")
    if kind not in USER_TYPES or not sub:
        return None
    if kind == "UPDATE_CREDENTIAL" and (event.get("details") or {}).get("credential_type") == "password":
        return None
    return Reset(event["id"], sub, kind, moment_of(event))


def reset_of_admin_event(event: Event) -> Reset | None:
    """The reset that an admin event tells of, or None. Failed operations (`error`) reset nothing."""
    operation, path = event.get("operationType", ""), event.get("resourcePath", "")
    if event.get("error"):
        return None
    match = _OF_ADMINISTRATORS.fullmatch(path)
    if match is None and operation == "UPDATE":
        # Keycloak takes credentials out of what it tells of an update: each one may have set some.
        match = _PERSON.fullmatch(path)
    if match is None:
        return None
    return Reset(event["id"], match["sub"], f"{operation} {path.rpartition('/')[2][:64]}", moment_of(event))


def moment_of(event: Event) -> datetime:
    """When it happened, by Keycloak's clock, to the millisecond."""
    return datetime.fromtimestamp(event["time"] / 1000, UTC)
