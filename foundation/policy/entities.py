"""What Cedar is told: principals, resources and context as Cedar's JSON.

Nothing here relies on entities that might be absent: `in` on a unit that is not in the slice is silently
false, so the units above a unit travel as a set attribute that the schema demands.
"""

import re
from collections.abc import Hashable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, TypeAlias
from uuid import UUID

from foundation.identity.principal import (
    AnonymousPrincipal,
    ChannelPrincipal,
    CitizenPrincipal,
    Duty,
    OfficialDevice,
    OfficialPrincipal,
    Principal,
    SystemPrincipal,
    VerifiedSession,
)
from foundation.policy.errors import PolicyErrored

ANONYMOUS = "anonymous"
LEVELS = {"aal1": 1, "aal2": 2, "aal3": 3}
"""`acr` to the Long that policies compare."""
DUTY_KINDS = frozenset(
    {"handler", "lead", "city_operator", "platform_admin", "unit_admin", "data_protection"}
)
"""Kinds of duties (nhiệm vụ) that policies know. Another kind is refused: it might be one that restricts."""
NETWORK_KINDS = frozenset({"city", "internet", "unknown"})
"""Kinds of networks that policies know. Another kind is refused: it might be one that restricts."""
_UNIT_CODE = re.compile(r"[0-9]{5}|(?P<letter>[CDP])[0-9]{4}")


@dataclass(frozen=True, slots=True)
class EntityRef:
    """A typed reference to another entity."""

    type: str
    id: str


Scalar: TypeAlias = bool | int | str | datetime | EntityRef
Value: TypeAlias = Scalar | tuple[Scalar, ...] | frozenset[Scalar]


@dataclass(frozen=True, slots=True)
class DescribedCaller:
    """A caller whom a service describes itself, in the words of its own schema.

    The vault's people are what its register of authority says; a token gives them nothing.
    """

    ref: EntityRef
    attributes: tuple[tuple[str, Value], ...]
    circumstances: tuple[tuple[str, Value], ...]
    """The whole context of the question."""


Caller: TypeAlias = Principal | DescribedCaller
"""Whom policies decide about."""


@dataclass(frozen=True, slots=True)
class Resource:
    """The object decided on, with every attribute that the schema demands; None is an absent optional."""

    type: str
    id: str
    attributes: Mapping[str, Value | None]


def unit_ref(unit_id: int) -> EntityRef:
    """A unit (đơn vị) by its inner id."""
    return EntityRef("Unit", str(unit_id))


def unit_refs(unit_ids: frozenset[int] | tuple[int, ...]) -> tuple[EntityRef, ...]:
    """Units by their inner ids, in order, so that the same set is always the same text."""
    return tuple(unit_ref(unit_id) for unit_id in sorted(unit_ids))


def citizen_ref(citizen_id: UUID) -> EntityRef:
    """A citizen (công dân)."""
    return EntityRef("Citizen", str(citizen_id))


def official_ref(official_id: UUID) -> EntityRef:
    """An official (cán bộ)."""
    return EntityRef("Official", str(official_id))


def device_ref(thumbprint: str) -> EntityRef:
    """A device (thiết bị) by its key's thumbprint."""
    return EntityRef("Device", thumbprint)


def channel_ref(name: str) -> EntityRef:
    """A channel (kênh) by its name."""
    return EntityRef("Channel", name)


def principal_ref(principal: Caller) -> EntityRef:
    """The Cedar entity that stands for `principal`."""
    match principal:
        case AnonymousPrincipal():
            return EntityRef("Anonymous", ANONYMOUS)
        case CitizenPrincipal():
            return citizen_ref(principal.citizen_id)
        case OfficialPrincipal():
            return official_ref(principal.official_id)
        case SystemPrincipal():
            return EntityRef("System", principal.name)
        case ChannelPrincipal():
            return channel_ref(principal.name)
        case DescribedCaller():
            return principal.ref


def standing_of(principal: Caller) -> Hashable:
    """All that `principal_resource` depends on: the same for a person until a duty changes."""
    if isinstance(principal, ChannelPrincipal):
        return ("channel", principal.name, principal.state)
    if isinstance(principal, DescribedCaller):
        return (principal.ref, principal.attributes)
    if not isinstance(principal, OfficialPrincipal):
        return principal_ref(principal)
    return (
        principal.official_id,
        principal.unit_id,
        principal.unit_code,
        principal.duties,
        principal.units,
        principal.city_level,
    )


def principal_resource(principal: Caller) -> Resource:
    """The entity of `principal` with its attributes. Raises PolicyErrored: unknown duty or unit code."""
    ref = principal_ref(principal)
    match principal:
        case OfficialPrincipal():
            return Resource(ref.type, ref.id, _official_attributes(principal))
        case ChannelPrincipal():
            return Resource(ref.type, ref.id, {"state": principal.state})
        case DescribedCaller():
            return Resource(ref.type, ref.id, dict(principal.attributes))
        case _:
            return Resource(ref.type, ref.id, {})


def device_resource(device: OfficialDevice) -> Resource:
    """The entity of an official's device."""
    ref = device_ref(device.thumbprint)
    return Resource(ref.type, ref.id, {"official": official_ref(device.owner_id), "state": device.state})


def body_of(unit_code: str) -> str:
    """Whether a unit is of the Party ("party": `P` + four digits) or of the city. Raises PolicyErrored."""
    match = _UNIT_CODE.fullmatch(unit_code)
    if match is None:
        raise PolicyErrored("the working organisation has no valid unit code")
    return "party" if match["letter"] == "P" else "city"


def circumstances_of(principal: Caller, now: datetime) -> dict[str, Value]:
    """How, when and from where: `now`, `network`, `acr` (0 without a session).

    Only with a session `sign_in_age` in seconds, only on a known device `device`. Raises PolicyErrored when
    the kind of network or the session's level is unknown, the sign-in lies in the future, or `now` is naive.
    A described caller's are what the description says.
    """
    if now.tzinfo is None:
        raise PolicyErrored("a moment without a time zone")
    if isinstance(principal, DescribedCaller):
        return dict(principal.circumstances)
    if principal.origin.network_kind not in NETWORK_KINDS:
        raise PolicyErrored("the kind of network is unknown")
    circumstances: dict[str, Value] = {"now": now, "acr": 0, "network": principal.origin.network_kind}
    if isinstance(principal, CitizenPrincipal | OfficialPrincipal):
        circumstances["acr"] = _level(principal.session)
        circumstances["sign_in_age"] = _sign_in_age(principal.session, now)
    if isinstance(principal, OfficialPrincipal) and principal.device is not None:
        circumstances["device"] = device_ref(principal.device.thumbprint)
    return circumstances


def context_of(principal: Caller, now: datetime) -> dict[str, Any]:
    """Cedar's JSON of `circumstances_of`."""
    return {name: to_json(value) for name, value in circumstances_of(principal, now).items()}


def entity_json(resource: Resource) -> dict[str, Any]:
    """Cedar's JSON of one entity."""
    attributes = {name: to_json(value) for name, value in resource.attributes.items() if value is not None}
    return {"uid": {"type": resource.type, "id": resource.id}, "attrs": attributes, "parents": []}


def to_json(value: Value) -> Any:
    """Cedar's JSON of one value. Raises PolicyErrored for a naive datetime, TypeError for another kind."""
    match value:
        case bool() | int() | str():
            return value
        case EntityRef():
            return {"__entity": {"type": value.type, "id": value.id}}
        case datetime():
            return {"__extn": {"fn": "datetime", "arg": _instant(value)}}
        case tuple() | frozenset():
            return [to_json(item) for item in value]
    raise TypeError(f"Cedar has no value for {type(value).__name__}")


def _official_attributes(principal: OfficialPrincipal) -> dict[str, Value]:
    unknown = {duty.kind for duty in principal.duties} - DUTY_KINDS
    if unknown:
        raise PolicyErrored(f"unknown kind of duty: {', '.join(sorted(unknown))}")
    kinds = {duty.kind for duty in principal.duties}
    return {
        "unit": unit_ref(principal.unit_id),
        "body": body_of(principal.unit_code),
        "units": unit_refs(principal.units),
        "handler_of": _held(principal.duties, "handler"),
        "lead_of": _held(principal.duties, "lead"),
        "administrator_of": _held(principal.duties, "unit_admin"),
        "platform_of": _held(principal.duties, "platform_admin"),
        # Both, because somebody working as an officer of a ward must not take the city's view along.
        "city_operator": principal.city_level and "city_operator" in kinds,
        "platform_admin": "platform_admin" in kinds,
        "data_protection": "data_protection" in kinds,
    }


def _held(duties: tuple[Duty, ...], kind: str) -> tuple[EntityRef, ...]:
    return unit_refs(frozenset(duty.unit_id for duty in duties if duty.kind == kind))


def _level(session: VerifiedSession) -> int:
    try:
        return LEVELS[session.acr]
    except KeyError:
        raise PolicyErrored("the session's level is unknown") from None


def _sign_in_age(session: VerifiedSession, now: datetime) -> int:
    age = int((now - session.auth_time).total_seconds())
    # Half a minute for two machines' clocks; beyond it the age means nothing.
    if age < -30:
        raise PolicyErrored("the sign-in lies in the future")
    return max(age, 0)


def _instant(moment: datetime) -> str:
    if moment.tzinfo is None:
        raise PolicyErrored("a moment without a time zone")
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.") + f"{moment.microsecond // 1000:03d}Z"
