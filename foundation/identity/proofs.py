"""DPoP proofs (RFC 9449, 4.3): this request, this token, this key, now. One use is for `revocation.admit`."""

import hashlib
import hmac
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import urlsplit

from joserfc.errors import JoseError
from joserfc.jwk import ECKey

from foundation.identity import jose
from foundation.identity.challenges import ProofInvalid, ProofTooOld
from foundation.ids import b64u

LONGEST_PROOF = 4096
LONGEST_JTI = 128
WINDOW = timedelta(seconds=60)
_PUBLIC_MEMBERS = ("kty", "crv", "x", "y")
_PRIVATE_MEMBERS = frozenset({"d", "p", "q", "dp", "dq", "qi", "oth", "k"})


@dataclass(frozen=True, slots=True)
class Proof:
    """A proof that fits, not yet known to be new."""

    jti: str
    issued_at: datetime


def verify_proof(proof: str, *, method: str, url: str, token: str, jkt: str, now: datetime) -> Proof:
    """Check `proof` for a request of `method` to `url` with `token`, whose `cnf.jkt` is `jkt`.

    `url` comes from settings and the route, never from the Host header. Raises ProofInvalid, ProofTooOld.
    """
    if len(proof) > LONGEST_PROOF:
        raise ProofInvalid("the proof is too long")
    try:
        header = jose.header_of(proof)
        if header.get("typ") != "dpop+jwt":
            raise ProofInvalid("typ must be dpop+jwt")
        key = _public_key(header.get("jwk"))
        claims = jose.verified_payload_of(proof, key)
    except jose.NotJose as error:
        raise ProofInvalid(str(error)) from error
    if not hmac.compare_digest(key.thumbprint(), jkt):
        raise ProofInvalid("the key is not the one the token is bound to")
    if claims.get("htm") != method:
        raise ProofInvalid("htm is not the request's method")
    if _comparable(claims.get("htu")) != _comparable(url):
        raise ProofInvalid("htu is not the request's URL")
    if claims.get("ath") != b64u(hashlib.sha256(token.encode("ascii")).digest()):
        raise ProofInvalid("ath is not the token's hash")
    return Proof(jti=_jti(claims), issued_at=_issued_at(claims, now))


def _public_key(jwk: Any) -> ECKey:
    if not isinstance(jwk, dict):
        raise ProofInvalid("jwk is missing")
    if _PRIVATE_MEMBERS & jwk.keys():
        raise ProofInvalid("jwk must be a public key")
    if jwk.get("kty") != "EC" or jwk.get("crv") != "P-256":
        raise ProofInvalid("jwk must be a P-256 key")
    try:
        given = ECKey.import_key({name: jwk[name] for name in _PUBLIC_MEMBERS})
        # Imported once more from the point itself, so that the thumbprint is of the canonical form.
        return ECKey.import_key(given.public_key)
    except (JoseError, ValueError, TypeError, KeyError) as error:
        raise ProofInvalid("jwk is not a P-256 key") from error


def _jti(claims: dict[str, Any]) -> str:
    jti = claims.get("jti")
    if not (isinstance(jti, str) and 1 <= len(jti) <= LONGEST_JTI and jti.isascii() and jti.isprintable()):
        raise ProofInvalid("jti must be 1 to 128 printable ASCII characters")
    return jti


def _issued_at(claims: dict[str, Any], now: datetime) -> datetime:
    iat = claims.get("iat")
    if not isinstance(iat, int) or isinstance(iat, bool):
        raise ProofInvalid("iat must be a whole number")
    # Whole numbers are compared: one beyond a float's range would be no refusal, but a fault.
    if abs(iat - int(now.timestamp())) > WINDOW.total_seconds():
        raise ProofTooOld
    return datetime.fromtimestamp(iat, UTC)


def _comparable(url: Any) -> tuple[str, str | None, int | None, str]:
    """Scheme, host, port and path (RFC 9449, 4.3, 9): query and fragment do not count."""
    if not isinstance(url, str):
        raise ProofInvalid("htu is missing")
    try:
        parts = urlsplit(url)
        port = parts.port or (443 if parts.scheme == "https" else None)
    except ValueError as error:
        raise ProofInvalid("htu is not a URL") from error
    if parts.username is not None or parts.password is not None:
        raise ProofInvalid("htu must not carry credentials")
    return parts.scheme, parts.hostname, port, parts.path or "/"
