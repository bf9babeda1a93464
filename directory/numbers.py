"""A citizen's number as Keycloak has it, and since when: attributes that the directory alone writes."""

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

from directory.errors import NumberTooNew

VERIFIED, SINCE = "phone_verified", "phone_verified_at"


def verified_number(user: Mapping[str, Any]) -> str | None:
    """The number that is noted for a user of Keycloak; None: none."""
    return _attribute(user, VERIFIED)


def settled_number(user: Mapping[str, Any], now: datetime, notice: timedelta) -> str:
    """The number, when it has been there for the notice. Raises NumberTooNew.

    Whoever has stolen the api has a number of his own noted for a victim. Until the notice is over that one
    recovers nothing, and the victim was told at the number before it.
    """
    number, since = verified_number(user), _moment(_attribute(user, SINCE))
    if number is None or since is None or now - since < notice:
        raise NumberTooNew
    return number


def noted(number: str, user: Mapping[str, Any], now: datetime) -> dict[str, list[str]]:
    """The attributes for a proven number. Proven once more it is as old as it was."""
    since = _attribute(user, SINCE)
    if since is None or verified_number(user) != number:
        since = now.isoformat(timespec="seconds")
    return {"phone": [number], VERIFIED: [number], SINCE: [since]}


def _attribute(user: Mapping[str, Any], name: str) -> str | None:
    values = user.get("attributes", {}).get(name)
    return values[0] if isinstance(values, list) and len(values) == 1 and isinstance(values[0], str) else None


def _moment(text: str | None) -> datetime | None:
    try:
        moment = None if text is None else datetime.fromisoformat(text)
    except ValueError:
        return None
    return None if moment is None or moment.tzinfo is None else moment
