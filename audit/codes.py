"""What may stand in an audit line: codes, never a name, a number of a person, a text or an exact place.

Everything that a caller passes is matched here before it becomes a line; what fits no shape raises, and with
it the effect fails. That is meant: the log is kept for years and leaves the city's systems.
"""

import re
from ipaddress import ip_address, ip_network

from foundation.recording import AuditEvent

ACTION = re.compile(r"[a-z][a-z0-9_]{0,39}(?:\.[a-z][a-z0-9_]{0,39}){1,3}")
REASON = ACTION
"""Error codes have the shape of actions: `area.reason`."""
UNIT = re.compile(r"[0-9]{5}|[CDP][0-9]{4}")
PURPOSE = re.compile(r"[a-z][a-z0-9_]{1,31}")
POLICY = re.compile(r"[A-Za-z][A-Za-z0-9_.-]{0,63}")
REQUEST_ID = re.compile(r"[A-Za-z0-9_-]{1,64}")
SYSTEM_NAME = re.compile(r"[a-z][a-z0-9_-]{0,39}")
CASE = re.compile(r"(?!.*[0-9]{9})[A-Z0-9]{1,16}(?:[-/.][A-Z0-9]{1,16}){0,4}")
"""A case number such as "2026/001234". No run of nine digits: phone and identity numbers have 9 to 12."""

CHANNEL = re.compile(r"(?!.*[0-9]{9})[a-z0-9][a-z0-9-]{1,31}")
"""A channel's code, such as "1022". No run of nine digits, as above."""

KIND = re.compile(r"[a-z][a-z0-9_]{0,39}")
CODE = re.compile(
    r"[0-9]{5}|[CDP][0-9]{4}"  # a unit
    r"|[0-9A-HJKMNP-TV-Z]{16}"  # a report
    r"|[A-Za-z0-9_-]{43}"  # a key's thumbprint (RFC 7638)
    r"|[A-Z2-7]{26}"  # a pseudonym
    r"|[0-9a-f]{64}"  # a digest
    r"|[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}"
)
WORD = re.compile(r"[a-z][a-z0-9_.-]{0,63}")
WORD_KINDS = frozenset(
    {"calendar", "category", "document", "duty", "job", "log", "policy", "rule", "setting", "template"}
)
"""Kinds whose codes are words of our own vocabulary. Elsewhere a word could be somebody's name."""


class NotLoggable(ValueError):
    """A value that must not reach the log, or a line too long. A fault of the caller, never a refusal."""


def check_event(event: AuditEvent) -> None:
    """Raise NotLoggable if any member of `event` could carry more than a code."""
    _match(ACTION, event.action, "action")
    for value, pattern, field in (
        (event.unit, UNIT, "unit"),
        (event.purpose, PURPOSE, "purpose"),
        (event.case, CASE, "case"),
    ):
        if value is not None:
            _match(pattern, value, field)
    for policy in event.policies:
        _match(POLICY, policy, "policies")
    for resource in resources_of(event):
        check_resource(resource)


def resources_of(event: AuditEvent) -> tuple[str, ...]:
    """All that the event is about."""
    return event.others if event.resource is None else (event.resource, *event.others)


def check_resource(resource: str) -> None:
    """Raise NotLoggable unless `resource` is "kind:code" with a code of a known shape."""
    kind, _, code = resource.partition(":")
    _match(KIND, kind, "resource")
    if kind == "channel" and CHANNEL.fullmatch(code):
        return
    if not CODE.fullmatch(code) and not (kind in WORD_KINDS and WORD.fullmatch(code)):
        raise NotLoggable("resource")


def check_reason(code: str) -> None:
    """Raise NotLoggable unless `code` is an error code."""
    _match(REASON, code, "refusal")


def check_request_id(request_id: str) -> None:
    """Raise NotLoggable unless `request_id` is short and plain."""
    _match(REQUEST_ID, request_id, "request_id")


def check_system_name(name: str) -> None:
    """Raise NotLoggable unless `name` can be a process's."""
    _match(SYSTEM_NAME, name, "system principal")


def prefix_of(network: str) -> int:
    """24 or 48, the prefix length that `network` was cut to. Raises NotLoggable if host bits are left."""
    try:
        prefix = 24 if ip_address(network).version == 4 else 48
        ip_network(f"{network}/{prefix}", strict=True)
    except ValueError as error:
        raise NotLoggable("network") from error
    return prefix


def _match(pattern: re.Pattern[str], value: str, field: str) -> None:
    # The value itself stays out of the message: messages reach the process's log.
    if not pattern.fullmatch(value):
        raise NotLoggable(field)
