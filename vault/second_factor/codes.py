"""Codes of a TOTP (RFC 6238: SHA-1, 6 digits, 30 s, as authenticator apps make them); lengths of locks."""

import base64
import hmac
import re
from datetime import datetime, timedelta
from typing import Any

import pyotp

from vault.call.operations import InvalidRequest

SECRET = 20
"""Octets (RFC 4226, 4: 160 bits)."""
PERIOD = 30
DRIFT = 1
"""Steps before and after the present one whose codes are taken (RFC 6238, 5.2)."""
FREE_FAILURES = 4
LONGEST_LOCK = timedelta(minutes=60)
ISSUER = "HaNoi IOC"
_CODE = re.compile(r"[0-9]{6}")


def code_of(parameters: dict[str, Any]) -> str:
    """The member `code`: six digits, ASCII. Raises InvalidRequest."""
    code = parameters.get("code")
    if not isinstance(code, str) or not _CODE.fullmatch(code):
        raise InvalidRequest
    return code


def step_of(at: datetime) -> int:
    """The step that `at` lies in."""
    return int(at.timestamp()) // PERIOD


def matching_step(secret: bytes | bytearray, code: str, at: datetime) -> int:
    """The newest step about `at` whose code this is, or 0. All of them are looked at, whichever it is."""
    totp, now = _totp(secret), step_of(at)
    steps = range(now - DRIFT, now + DRIFT + 1)
    return max([step for step in steps if hmac.compare_digest(totp.generate_otp(step), code)], default=0)


def provisioning_uri(secret: bytes | bytearray, person: str) -> str:
    """What an authenticator app scans (`otpauth://…`); it holds the secret."""
    return _totp(secret).provisioning_uri(name=person, issuer_name=ISSUER)


def lock_after(failures: int) -> timedelta:
    """How long nothing is looked at after so many failures in a row: from the fifth on 1, 2, 4 … 60 min."""
    beyond = failures - FREE_FAILURES
    if beyond <= 0:
        return timedelta()
    # 2⁶ minutes are more than the longest: no need to count further.
    return min(timedelta(minutes=2 ** min(beyond - 1, 6)), LONGEST_LOCK)


def _totp(secret: bytes | bytearray) -> pyotp.TOTP:
    return pyotp.TOTP(base64.b32encode(secret).decode("ascii"), interval=PERIOD)
