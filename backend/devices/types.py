"""Sessions (phiên) and devices (thiết bị) as their owner sees them."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from uuid import UUID

from foundation.identity.principal import CitizenPrincipal, OfficialPrincipal
from foundation.policy.entities import EntityRef, Resource, citizen_ref, official_ref

Owner = CitizenPrincipal | OfficialPrincipal

LONGEST_SESSION = timedelta(hours=10)
"""Both realms' longest session (deploy/keycloak/): what began earlier has ended, whoever told of it."""


class DeviceState(StrEnum):
    """Whether the device's key still lets its owner in."""

    ENROLLED = "enrolled"
    LOST = "lost"


class NetworkKind(StrEnum):
    """Where from, and no more: an office of the city's, elsewhere, or not known."""

    CITY = "city"
    INTERNET = "internet"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class Device:
    """A device by its key's thumbprint (RFC 7638). Moments of use are up to 15 minutes old."""

    thumbprint: str
    name: str
    app: str
    version: str | None
    platform: str | None
    first_used_at: datetime
    last_used_at: datetime
    network: NetworkKind
    state: DeviceState
    current: bool
    """The device that asks."""


@dataclass(frozen=True, slots=True)
class Session:
    """A session on one device. `id` is ours; Keycloak's is never shown."""

    id: UUID
    level: str
    started_at: datetime
    last_used_at: datetime
    network: NetworkKind
    current: bool
    """The session that asks."""
    device: Device


@dataclass(frozen=True, slots=True)
class AppRelease:
    """Which versions of an app are served: below `minimum` none is."""

    name: str
    minimum: str
    recommended: str
    store: str


def owner_id(principal: Owner) -> UUID:
    """The citizen's or the official's id."""
    return principal.citizen_id if isinstance(principal, CitizenPrincipal) else principal.official_id


def device_resource(principal: Owner, thumbprint: str, state: DeviceState) -> Resource:
    """An own device, as the policies know it."""
    known = "enrolled" if state is DeviceState.ENROLLED else "revoked"
    return Resource("Device", thumbprint, {**_owned_by(principal), "state": known})


def sessions_resource(principal: Owner) -> Resource:
    """All sessions of one person, as the policies know them."""
    return Resource("Sessions", str(owner_id(principal)), dict(_owned_by(principal)))


def _owned_by(principal: Owner) -> dict[str, EntityRef | None]:
    if isinstance(principal, CitizenPrincipal):
        return {"citizen": citizen_ref(principal.citizen_id), "official": None}
    return {"citizen": None, "official": official_ref(principal.official_id)}
