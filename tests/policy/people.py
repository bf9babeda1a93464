"""Callers that the tests of policy share."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from uuid import UUID

from foundation.identity.principal import (
    AnonymousPrincipal,
    CitizenPrincipal,
    Duty,
    OfficialPrincipal,
    Origin,
    SystemPrincipal,
    VerifiedSession,
)
from foundation.policy.entities import Resource, citizen_ref, unit_ref, unit_refs

NOW = datetime(2026, 11, 24, 2, 0, tzinfo=UTC)
ORIGIN = Origin(request_id="test", network="203.0.113.0")
LAN_ID = UUID("00000000-0000-7000-8000-0000000000c1")
SESSION = VerifiedSession(
    iss="https://localhost/realms/test",
    sub="sub",
    sid="sid",
    jkt="jkt",
    azp="test",
    acr="aal2",
    amr=(),
    auth_time=NOW - timedelta(minutes=10),
    expires_at=NOW + timedelta(minutes=5),
    organisation="00070",
    token_digest=b"",
)
NOBODY = AnonymousPrincipal(ORIGIN)
LAN = CitizenPrincipal(ORIGIN, SESSION, LAN_ID)
MINH = OfficialPrincipal(
    origin=ORIGIN,
    session=SESSION,
    official_id=UUID("00000000-0000-7000-8000-0000000000f1"),
    unit_id=70,
    unit_code="00070",
    duties=(Duty("handler", 70, "00070"),),
    units=frozenset({70}),
    city_level=False,
)
FAN_OUT = SystemPrincipal(ORIGIN, "fan_out")
REPORT = Resource(
    "Report",
    "00000000-0000-7000-8000-00000000aa01",
    {
        "citizen": citizen_ref(LAN_ID),
        "handler": unit_ref(70),
        "handler_path": unit_refs((70, 1)),
        "participants": (),
        "ward": unit_ref(70),
        "state": "received",
    },
)


def without(resource: Resource, attribute: str) -> Resource:
    """`resource` less one attribute."""
    kept = {name: value for name, value in resource.attributes.items() if name != attribute}
    return replace(resource, attributes=kept)
