"""Cutting secrets and what tells of a person out of anything that is to be logged: by name and by shape.

The second wall behind not logging it: whoever wrote the line, a library's warning or an exception's text
included. Shapes are looked for in every string, also inside of nested values, dictionaries' keys, bytes and
exceptions; a name that tells of a secret takes whatever stands under it. What has no shape (a person's name,
a secret of unlucky form under a harmless name) is not found here: it must not be logged.

Uuids, lower-case digests and public codes of reports have shapes of their own and stay readable.
"""

import ipaddress
import re
from collections.abc import Mapping
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from enum import Enum
from pathlib import PurePath
from typing import Any
from uuid import UUID

REDACTED = "[redacted]"
LONGEST_TEXT = 4_096
"""Characters of one value; of an exception's text four times as many."""
LONGEST_READ = 32_768
"""Characters that are looked at: what stands behind them is dropped unread."""
MOST_ITEMS = 64
DEEPEST = 8

_SECRET_NAME = re.compile(
    r"token|secret|passw|passphrase|pwd\b|authorization|cookie|proof|dpop|assertion|credential|\bkey\b"
    r"|api[-_]?key|private[-_]?key|verifier|signature|\bsig\b|otp\b|\bpin\b|one[-_]time|session_state"
    r"|phone|mobile|msisdn|e[-_]?mail|cccd|cmnd|citizen[-_]?id[-_]?number|identity[-_]?number"
    r"|user[-_]?name|full[-_]?name|given[-_]?name|family[-_]?name|first[-_]?name|last[-_]?name",
    re.IGNORECASE,
)
_TOLD = (
    r"(?:[\w.-]{0,40}(?:token|secret|passw(?:or)?d|passphrase|pwd|api[_-]?key|private[_-]?key|verifier|signature"
    r"|assertion|credential|otp|cookie)[\w-]{0,40}|sig|pin|dpop)"
)

# Kept as they are, so that the patterns behind them do not see their insides.
_KEPT = (
    r"(?P<kept>"
    r"(?<![0-9A-Za-z])[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}(?![0-9A-Za-z])"
    r"|(?<![0-9A-Za-z])(?=[0-9]*[a-f])[0-9a-f]{32,128}(?![0-9A-Za-z])"
    r"|(?<![0-9A-Za-z])(?=[0-9]*[A-Z])[0-9A-HJKMNP-TV-Z]{16}(?![0-9A-Za-z])"  # a report's public code
    r"|\d{4}-\d\d-\d\d[T ]\d\d:\d\d(?::\d\d(?:\.\d{1,9})?)?(?:Z|[+-]\d\d:?\d\d)?"
    r")"
)
_WHOLE = (
    r"-----BEGIN [A-Z ]*PRIVATE KEY-----.*?(?:-----END [A-Z ]*PRIVATE KEY-----|\Z)"
    r"|(?i:otpauth://\S*)"
    r"|eyJ[A-Za-z0-9_-]{6,}(?:\.[A-Za-z0-9_-]*){1,4}"  # JWS and JWE in compact form, DPoP proofs among them
    r"|(?i:(?:bearer|dpop|basic|digest|negotiate)\s+(?=[^\s]*[0-9A-Z._~+/=-])[A-Za-z0-9._~+/=-]{8,})"
    r"|(?<=[?&]code=)[^&\s\"']+"  # an authorization code
    # Base32, alone or in groups of four as it is shown. Sixteen characters would be a report's code, 26 a
    # pseudonym of the log; our secrets of second factors have 32.
    r"|[A-Z2-7]{32,}={0,6}|(?:[A-Z2-7]{4}[ -]){5,}[A-Z2-7]{4}"
    r"|(?<![0-9A-Za-z])(?=[A-Z]*[2-7])(?=[2-7]*[A-Z])[A-Z2-7]{24}(?![0-9A-Za-z])"
    # PostgreSQL tells in its details what was written, SQLAlchemy in its parameters.
    r"|(?<=DETAIL: )[^\n]*|(?<=\)=\()[^\n]{0,2000}?(?=\) (?:already|is not|conflicts|is still))"
    r"|(?<=Failing row contains \()[^\n]*|(?<=\[parameters: )[^\n]*"
    r"|[\w.%+-]{1,64}(?:@|%40)[\w-]{1,63}(?:\.[\w-]{1,63}){1,6}"
    # Vietnamese numbers, then an identity card's twelve digits. A digit on either side: another number.
    r"|(?<!\d)(?:\+?84|\(?0)[ .-]?(?:[35789]|2\d)\)?(?:[ .-]?\d){8}(?!\d)"
    r"|(?<!\d)\d{3}[ -]?\d{3}[ -]?\d{3}[ -]?\d{3}(?!\d)"
)
_SHAPES = re.compile(_KEPT + "|(?P<whole>" + _WHOLE + ")", re.DOTALL)

_SIGN = r"(?P<sign>\\?[\"']?\s{0,3}(?:=|:|%3D)\s{0,3})"
_QUOTED = r"b?\\?\"(?:\\.|[^\"\\])*\"?|b?\\?'(?:\\.|[^'\\])*'?"
_HEADER = re.compile(
    r"(?im)(?<![\w-])(?P<name>(?:proxy-)?authorization|(?:set-)?cookie2?|dpop|x-api-key)"
    + _SIGN
    + r"(?P<value>"
    + _QUOTED
    + r"|[^\r\n]+)"
)
_NAMED = re.compile(
    r"(?i)(?<![A-Za-z])(?P<name>" + _TOLD + ")" + _SIGN + r"(?P<value>" + _QUOTED + r"|[^\s,;&\"'(){}\[\]]+)"
)
_USERINFO = re.compile(
    r"(?P<scheme>[A-Za-z][\w+.-]{0,30}:/{1,2})(?P<user>[^\s/@:\"']*):(?P<password>[^\s\"']*)@"
)
_PLAIN = re.compile(r"[a-z_ ]{0,120}")
_V4 = re.compile(r"(?<![\d.])\d{1,3}\.\d{1,3}\.\d{1,3}\.\d{1,3}(?![\d.]*\d)")
_V6 = re.compile(
    r"(?<![\w:.])(?:[0-9A-Fa-f]{0,4}:){2,7}(?:(?:\d{1,3}\.){3}\d{1,3}|[0-9A-Fa-f]{1,4})?(?![\w:])"
)


def redacted_text(text: str, longest: int = LONGEST_TEXT) -> str:
    """`text` without secrets, persons' numbers and whole addresses, at most `longest` characters of it."""
    if _PLAIN.fullmatch(text):
        return text
    cut = len(text) > LONGEST_READ
    if cut:
        # A secret that the cut goes through would not be known by its shape: its beginning goes, too.
        head = text[:LONGEST_READ]
        text = head[: max(head.rfind(" "), head.rfind("\n"), 0)]
    text = _HEADER.sub(_keep_name, text)
    text = _USERINFO.sub(rf"\g<scheme>{REDACTED}@", text)
    text = _NAMED.sub(_keep_name, text)
    text = _SHAPES.sub(lambda found: found["kept"] or REDACTED, text)
    text = _V4.sub(_network, text)
    if text.count(":") >= 2:
        text = _V6.sub(_network, text)
    if cut or len(text) > longest:
        return f"{text[:longest]}… [cut]"
    return text


def redacted(value: Any, name: str = "", depth: int = 0) -> Any:
    """`value` as JSON can hold it, without secrets. `name` is what it stands under."""
    if value is None or isinstance(value, bool):
        return value
    if name and _SECRET_NAME.search(name):
        return REDACTED
    if isinstance(value, int | float | str) and not isinstance(value, Enum):
        return redacted_text(value) if isinstance(value, str) else value
    return "[too deep]" if depth >= DEEPEST else _of_whole(value, depth)


def _of_whole(value: Any, depth: int) -> Any:
    if isinstance(value, Mapping):
        return _of_mapping(value, depth)
    if isinstance(value, list | tuple | set | frozenset):
        return _of_items(list(value), depth)
    return _of_object(value, depth)


def _of_mapping(value: Mapping[Any, Any], depth: int) -> dict[str, Any]:
    kept: dict[str, Any] = {}
    for count, (key, item) in enumerate(value.items()):
        if count >= MOST_ITEMS:
            kept["…"] = f"{len(value) - count} more"
            break
        told = key if isinstance(key, str) else str(redacted(key, depth=depth + 1))
        kept[redacted_text(told, 128)] = redacted(item, told, depth + 1)
    return kept


def _of_items(items: list[Any], depth: int) -> list[Any]:
    if len(items) == 2 and isinstance(items[0], str | bytes):  # a header, a parameter: its name and its value
        name = items[0] if isinstance(items[0], str) else items[0].decode("latin-1")
        return [redacted_text(name, 128), redacted(items[1], name, depth + 1)]
    kept = [redacted(item, depth=depth + 1) for item in items[:MOST_ITEMS]]
    if len(items) > MOST_ITEMS:
        kept.append(f"… {len(items) - MOST_ITEMS} more")
    return kept


def _of_object(value: Any, depth: int) -> Any:
    if isinstance(value, bytes | bytearray | memoryview):
        return _of_octets(bytes(value))
    if isinstance(value, Enum):
        return redacted(value.value, depth=depth + 1)
    if isinstance(value, UUID | datetime | date | time | timedelta | Decimal):
        return str(value)
    if isinstance(value, PurePath):
        return redacted_text(str(value))
    if isinstance(value, BaseException):
        return f"{type(value).__name__}: {redacted_text(_told_by(value))}"
    return redacted_text(_told_by(value))


def _of_octets(octets: bytes) -> str:
    try:
        return redacted_text(octets.decode("utf-8"))
    except UnicodeDecodeError:
        return f"[{len(octets)} octets]"


def _told_by(value: Any) -> str:
    try:
        return str(value)
    except Exception:
        return f"[{type(value).__name__}]"


def _keep_name(found: re.Match[str]) -> str:
    if found["value"] == REDACTED:
        return found[0]
    return f"{found['name']}{found['sign']}{REDACTED}"


def _network(found: re.Match[str]) -> str:
    """The /24 or /48 of an address. Nobody's address stays: this machine's own, and "any"."""
    try:
        address = ipaddress.ip_address(found[0])
    except ValueError:
        return found[0]
    if address.is_loopback or address.is_unspecified:
        return found[0]
    if isinstance(address, ipaddress.IPv6Address) and address.ipv4_mapped is not None:
        address = address.ipv4_mapped
    bits = 24 if address.version == 4 else 48
    return str(ipaddress.ip_network(f"{address}/{bits}", strict=False).network_address)
