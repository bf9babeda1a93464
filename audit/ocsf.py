"""The audit line: compact UTF-8 JSON, OCSF 1.8. Binding format: `docs/architecture/formats.md`, "Audit line".

`metadata` is the last member of the line and `log_name` the last of `metadata`, so that the relay adds the
sequence by cutting two braces off; the database checks the shape at INSERT.
"""

from dataclasses import dataclass
from datetime import datetime
from functools import cache
from typing import Any, assert_never
from uuid import UUID

import jsonschema_rs
import orjson
from ocsf_json_schema import OcsfJsonSchemaEmbedded, get_ocsf_schema

from audit import codes
from audit.codes import NotLoggable
from foundation.identity.principal import (
    AnonymousPrincipal,
    ChannelPrincipal,
    CitizenPrincipal,
    OfficialPrincipal,
    Principal,
    SystemPrincipal,
)
from foundation.ids import b64u
from foundation.recording import AuditEvent, EventClass

OCSF_VERSION = "1.8.0"
LINE_VERSION = 1
SALT_BYTES = 16
MAX_BYTES = 64_000
"""When recorded. A tlog-tiles entry has 65,535 at most; the rest is for the sequence."""

_INFORMATIONAL, _LOW = 1, 2
_SUCCESS, _FAILURE = 1, 2
_USER, _UNKNOWN = 1, 0
_RELATIONAL = 1
_CATEGORY = {EventClass.AUTHENTICATION: 3, EventClass.API_ACTIVITY: 6, EventClass.DATASTORE_ACTIVITY: 6}


@dataclass(frozen=True, slots=True)
class Counted:
    """Several equal refusals in one line: how many, and the minute they fell into."""

    count: int
    since: datetime
    until: datetime


@dataclass(frozen=True, slots=True)
class LineContext:
    """What the recorder adds to an event: the line's own identity and the actor's pseudonym."""

    service: str
    product_version: str
    origin: str
    event_id: UUID
    at: datetime
    salt: bytes
    pseudonym: str | None


def build_line(
    context: LineContext,
    principal: Principal,
    event: AuditEvent,
    refusal: str | None = None,
    counted: Counted | None = None,
) -> bytes:
    """The line of one event, without its sequence. `refusal` is the error code; None means allowed.

    Raises NotLoggable for anything but codes, for what the OCSF schema refuses, and above 64,000 bytes.
    """
    codes.check_event(event)
    if refusal is not None:
        codes.check_reason(refusal)
    line = (
        _head(context, event, refusal, counted)
        | _subject(context, principal, event)
        | {"unmapped": _own_fields(context, principal, event, refusal)}
        | {"metadata": _metadata(context, principal)}
    )
    validate(line)
    octets = orjson.dumps(line)
    if len(octets) > MAX_BYTES:
        raise NotLoggable(f"the line has {len(octets)} bytes, {MAX_BYTES} are allowed")
    return octets


def validate(line: dict[str, Any]) -> None:
    """Raise NotLoggable unless `line` is an instance of its OCSF class. Some 5 µs: done for every line."""
    try:
        validator(line["class_uid"]).validate(line)
    except jsonschema_rs.ValidationError as error:
        # Not the instance, which the library's message would show.
        raise NotLoggable(f"OCSF schema: {list(error.instance_path)}") from None


@cache
def validator(class_uid: int) -> jsonschema_rs.Validator:
    """The published schema of a class, compiled once a process (about 15 ms)."""
    schema = _published()
    return jsonschema_rs.validator_for(
        schema.get_class_schema(schema.lookup_class_name_from_uid(class_uid), profiles=[])
    )


@cache
def _published() -> OcsfJsonSchemaEmbedded:
    return OcsfJsonSchemaEmbedded(get_ocsf_schema(version=OCSF_VERSION))


def _head(
    context: LineContext, event: AuditEvent, refusal: str | None, counted: Counted | None
) -> dict[str, Any]:
    class_uid = int(event.event_class)
    head: dict[str, Any] = {
        "class_uid": class_uid,
        "category_uid": _CATEGORY[event.event_class],
        "activity_id": int(event.activity),
        "type_uid": class_uid * 100 + int(event.activity),
        "time": _milliseconds(context.at),
        "severity_id": _INFORMATIONAL if refusal is None else _LOW,
        "status_id": _SUCCESS if refusal is None else _FAILURE,
    }
    if refusal is not None:
        head["status_code"] = refusal
    if counted is not None:
        head["count"] = counted.count
        head["start_time"] = _milliseconds(counted.since)
        head["end_time"] = _milliseconds(counted.until)
    return head


def _subject(context: LineContext, principal: Principal, event: AuditEvent) -> dict[str, Any]:
    """Who, from where, on what: the members that differ by class."""
    common = {"src_endpoint": _source(principal)}
    match event.event_class:
        case EventClass.AUTHENTICATION:
            return common | _authentication(context, principal)
        case EventClass.API_ACTIVITY:
            operation = {
                "operation": event.action,
                "request": {"uid": principal.origin.request_id},
                "service": {"name": context.service},
            }
            return common | {"actor": _actor(context, principal), "api": operation} | _resources(event)
        case EventClass.DATASTORE_ACTIVITY:
            database = {"name": context.service, "type_id": _RELATIONAL}
            return common | {"actor": _actor(context, principal), "database": database}
        case other:
            assert_never(other)


def _authentication(context: LineContext, principal: Principal) -> dict[str, Any]:
    if isinstance(principal, SystemPrincipal | ChannelPrincipal):
        raise NotLoggable("a machine does not sign in")
    members: dict[str, Any] = {"user": _user(context, principal), "service": {"name": context.service}}
    if not isinstance(principal, AnonymousPrincipal):
        members["is_mfa"] = principal.session.acr in {"aal2", "aal3"}
    return members


def _actor(context: LineContext, principal: Principal) -> dict[str, Any]:
    if isinstance(principal, SystemPrincipal):
        codes.check_system_name(principal.name)
        return {"app_name": principal.name}
    if isinstance(principal, ChannelPrincipal):
        name = f"channel-{principal.name}"
        codes.check_system_name(name)
        return {"app_name": name}
    return {"user": _user(context, principal)}


def _user(
    context: LineContext, principal: AnonymousPrincipal | CitizenPrincipal | OfficialPrincipal
) -> dict[str, Any]:
    match principal:
        case AnonymousPrincipal():
            return {"uid": "anonymous", "type_id": _UNKNOWN}
        case CitizenPrincipal():
            domain = "citizens"
        case OfficialPrincipal():
            domain = "officials"
        case other:
            assert_never(other)
    if context.pseudonym is None:
        raise NotLoggable("a person without a pseudonym")
    return {"uid": context.pseudonym, "type_id": _USER, "domain": domain}


def _source(principal: Principal) -> dict[str, Any]:
    if isinstance(principal, SystemPrincipal):
        codes.check_system_name(principal.name)
        return {"svc_name": principal.name}
    return {"ip": principal.origin.network}


def _resources(event: AuditEvent) -> dict[str, Any]:
    told = [{"type": uid.partition(":")[0], "uid": uid} for uid in codes.resources_of(event)]
    return {"resources": told} if told else {}


def _own_fields(
    context: LineContext, principal: Principal, event: AuditEvent, refusal: str | None
) -> dict[str, Any]:
    if len(context.salt) != SALT_BYTES:
        raise NotLoggable("salt")
    prefix = None
    if not isinstance(principal, SystemPrincipal):
        prefix = codes.prefix_of(principal.origin.network)
    optional = {
        "unit": event.unit,
        "action": event.action,
        "resource": event.resource,
        "decision": "allow" if refusal is None else "deny",
        "policies": list(event.policies) or None,
        "purpose": event.purpose,
        "case": event.case,
        "prefix": prefix,
    }
    members: dict[str, Any] = {"v": LINE_VERSION, "salt": b64u(context.salt)}
    return members | {name: value for name, value in optional.items() if value is not None}


def _metadata(context: LineContext, principal: Principal) -> dict[str, Any]:
    codes.check_request_id(principal.origin.request_id)
    return {
        "version": OCSF_VERSION,
        "product": {"name": "hanoi-ioc", "version": context.product_version},
        "uid": str(context.event_id),
        "correlation_uid": principal.origin.request_id,
        "log_name": context.origin,
    }


def _milliseconds(moment: datetime) -> int:
    return int(moment.timestamp() * 1000)
