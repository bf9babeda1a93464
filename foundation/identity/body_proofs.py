"""Proofs that sign the request's body too: the device says what it asks, not only whom.

Claim `digest` of the DPoP proof: `sha-256=:<base64>:` over the exact octets of the body (RFC 9530, 2), as in
the vault's call (formats.md). No canonicalisation: what is compared is what was sent.
"""

import base64
import hashlib
import hmac

from foundation.errors import Refusal
from foundation.identity import jose


class DigestRequired(Refusal):
    """The device must sign this request's body, and did not, or signed another one."""

    code = "identity.digest_required"
    vi = "Thiết bị phải ký nội dung của thao tác này. Hãy cập nhật ứng dụng rồi thử lại."
    en = "The device must sign the content of this operation. Please update the app and try again."


def digest_of(body: bytes) -> str:
    """The claim for a body."""
    return f"sha-256=:{base64.b64encode(hashlib.sha256(body).digest()).decode('ascii')}:"


def check_body(proof: str, body: bytes) -> None:
    """Raise DigestRequired unless `proof`, whose signature was checked, signs these octets."""
    try:
        claimed = jose.unverified_payload_of(proof).get("digest")
    except (jose.NotJose, IndexError) as error:
        raise DigestRequired from error
    if not (isinstance(claimed, str) and claimed.isascii() and hmac.compare_digest(claimed, digest_of(body))):
        raise DigestRequired
