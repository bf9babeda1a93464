"""The one place that reads JWS: compact form, ES256 only, duplicate members refused; joserfc verifies."""

import json
from datetime import UTC, datetime
from typing import Any

from joserfc import jws, jwt
from joserfc.errors import JoseError
from joserfc.jwk import ECKey

from foundation.errors import InvalidInput
from foundation.ids import unb64u

ALGORITHM = "ES256"
_LAST_SECOND = 253_402_300_799
"""Of the year 9999; `datetime` has no later one."""


class NotJose(Exception):
    """Not a compact JWS that this key signed by ES256. The text names what is wrong, without its content."""


def header_of(compact: str) -> dict[str, Any]:
    """The protected header, unverified: only to choose the key. Raises NotJose."""
    parts = compact.split(".")
    if len(parts) != 3:
        raise NotJose("three parts are needed")
    header = _object(parts[0])
    if header.get("alg") != ALGORITHM:
        raise NotJose("alg must be ES256")
    if "crit" in header:
        raise NotJose("crit is not supported")
    return header


def unverified_payload_of(compact: str) -> dict[str, Any]:
    """The payload, unverified: only to choose the issuer. Raises NotJose."""
    return _object(compact.split(".")[1])


def verified_payload_of(compact: str, key: ECKey) -> dict[str, Any]:
    """The payload of a JWS that `key` signed. Raises NotJose."""
    try:
        jws.deserialize_compact(compact, key, algorithms=[ALGORITHM])
    except (JoseError, ValueError) as error:
        raise NotJose("the signature is not valid") from error
    return unverified_payload_of(compact)


def moment_of(value: object) -> datetime:
    """The moment of a claim such as `iat` (RFC 7519, 2: NumericDate, whole seconds). Raises NotJose."""
    if not isinstance(value, int) or isinstance(value, bool) or not 0 <= value <= _LAST_SECOND:
        raise NotJose("not a moment")
    return datetime.fromtimestamp(value, UTC)


def sign(header: dict[str, Any], claims: dict[str, Any], key: ECKey) -> str:
    """A compact JWS by ES256."""
    return jwt.encode({"alg": ALGORITHM, **header}, claims, key, algorithms=[ALGORITHM], default_type=None)


def _object(part: str) -> dict[str, Any]:
    try:
        value = json.loads(unb64u(part), object_pairs_hook=_no_duplicates, parse_constant=_no_constant)
    except (InvalidInput, ValueError, RecursionError) as error:
        raise NotJose("not JSON in base64url") from error
    if not isinstance(value, dict):
        raise NotJose("not a JSON object")
    return value


def _no_duplicates(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    members = dict(pairs)
    if len(members) != len(pairs):
        raise ValueError("a member stands twice")
    return members


def _no_constant(_: str) -> Any:
    raise ValueError("NaN and Infinity are not JSON")
