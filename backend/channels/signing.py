"""Signatures of messages: the Standard Webhooks scheme both ways, and Zalo's own.

The `standardwebhooks` library makes the signatures. Its `verify` is not used: it reads the wall clock, and
before the signature, so that anybody could raise the alarm of a wrong clock; "1.5" is a time there, and what
is no signature at all is a ValueError (docs/decisions/0034-channels.md).
"""

import base64
import hashlib
import hmac
import re
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime

from standardwebhooks import Webhook

from backend.channels.errors import BadSignature, ClockOff
from backend.channels.limits import CLOCK_SECONDS
from backend.channels.types import Key

SECRET_BYTES = 32
MOST_SIGNATURES = 8
_PREFIX = "whsec_"
_TIME = re.compile(r"[1-9][0-9]{8,11}")
_MILLISECONDS = re.compile(r"[1-9][0-9]{11,14}")
_OWN_ID = re.compile(r"[\x21-\x2d\x2f-\x7e]{1,128}")
"""No full stop: it ends the id in what is signed."""
# Zalo sends an event again for 12 hours with the time of the event, not of the sending.
ZALO_SECONDS = 13 * 3_600


def shown(secret: bytes) -> str:
    """A secret as the scheme writes it: `whsec_` and base64."""
    return _PREFIX + base64.b64encode(secret).decode("ascii")


def signed_headers(own_id: str, now: datetime, body: bytes, secrets: Sequence[bytes]) -> dict[str, str]:
    """The three headers of a message; one signature for each secret, so that keys can be changed."""
    made = [Webhook(secret).sign(own_id, now, body.decode("utf-8")) for secret in secrets]
    return {
        "webhook-id": own_id,
        "webhook-timestamp": str(int(now.timestamp())),
        "webhook-signature": " ".join(made),
    }


def verify(headers: Mapping[str, str], body: bytes, keys: Sequence[Key], now: datetime) -> Key:
    """The key that signed. Raises BadSignature; ClockOff when signed, but more than 5 minutes off."""
    own_id, stamp = headers.get("webhook-id", ""), headers.get("webhook-timestamp", "")
    given = headers.get("webhook-signature", "").split(" ")
    if not _OWN_ID.fullmatch(own_id) or not _TIME.fullmatch(stamp) or len(given) > MOST_SIGNATURES:
        raise BadSignature
    try:
        text = body.decode("utf-8")
        moment = datetime.fromtimestamp(int(stamp), UTC)
    except (UnicodeDecodeError, ValueError, OverflowError, OSError) as error:
        raise BadSignature from error
    for key in keys:
        expected = Webhook(key.secret).sign(own_id, moment, text).encode("ascii")
        # "v1,<base64>"; other versions are passed over. All are compared, whichever fits.
        fitting = [hmac.compare_digest(expected, one.encode("latin-1", "replace")) for one in given]
        if any(fitting):
            _check_clock((now - moment).total_seconds(), CLOCK_SECONDS)
            return key
    raise BadSignature


def verify_zalo(header: str, body: bytes, app_id: str, stamp: str, keys: Sequence[Key], now: datetime) -> Key:
    """The key of a Zalo event: `mac=` SHA-256(app id ‖ body ‖ timestamp ‖ OA secret key), in hex.

    `stamp` is the event's own `timestamp` in milliseconds. Raises as `verify`.
    """
    if not _MILLISECONDS.fullmatch(stamp):
        raise BadSignature
    given = header.strip().removeprefix("mac=").strip().lower().encode("latin-1", "replace")
    for key in keys:
        octets = app_id.encode("ascii") + body + stamp.encode("ascii") + key.secret
        if hmac.compare_digest(hashlib.sha256(octets).hexdigest().encode("ascii"), given):
            age = now.timestamp() - int(stamp) / 1_000
            if age < 0:
                _check_clock(age, CLOCK_SECONDS)
            _check_clock(age, ZALO_SECONDS)
            return key
    raise BadSignature


def _check_clock(age: float, most: float) -> None:
    if abs(age) > most:
        raise ClockOff
