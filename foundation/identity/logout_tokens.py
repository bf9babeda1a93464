"""Keycloak's back-channel logout (OpenID Connect Back-Channel Logout 1.0, 2.4 and 2.6)."""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

from foundation.identity import jose
from foundation.identity.challenges import MalformedRequest
from foundation.identity.revocation import SessionEnd
from foundation.identity.tokens import KeySource
from foundation.settings import IdentitySettings

LONGEST_TOKEN = 8192
OLDEST = timedelta(minutes=5)
_EVENT = "http://schemas.openid.net/event/backchannel-logout"


class LogoutTokenVerifier:
    """Verifies logout tokens of the two realms."""

    def __init__(self, settings: IdentitySettings, citizens: KeySource, officials: KeySource) -> None:
        self._realms: Mapping[str, tuple[list[str], KeySource]] = {
            settings.citizens.issuer: (settings.citizens.clients, citizens),
            settings.officials.issuer: (settings.officials.clients, officials),
        }

    async def verify(self, logout_token: str, now: datetime) -> SessionEnd:
        """The end that it announces. Raises MalformedRequest, TokenInvalid, IdentityUnavailable."""
        if len(logout_token) > LONGEST_TOKEN:
            raise MalformedRequest("the logout token is too long")
        try:
            header = jose.header_of(logout_token)
            issuer = jose.unverified_payload_of(logout_token).get("iss")
            realm = self._realms.get(issuer) if isinstance(issuer, str) else None
            if header.get("typ") != "logout+jwt" or realm is None or not isinstance(header.get("kid"), str):
                raise MalformedRequest("not a logout token of an accepted issuer")
            clients, keys = realm
            claims = jose.verified_payload_of(logout_token, await keys.key(header["kid"]))
        except jose.NotJose as error:
            raise MalformedRequest(str(error)) from error
        _check(claims, clients, now)
        sid, sub = claims.get("sid"), claims.get("sub")
        return SessionEnd(
            event_id=f"logout:{claims['iss']}:{claims['jti']}",
            iss=claims["iss"],
            sid=sid,
            sub=sub,
            ended_at=datetime.fromtimestamp(claims["iat"], UTC),
            cause="backchannel_logout",
        )


def _check(claims: dict[str, Any], clients: list[str], now: datetime) -> None:
    if claims.get("aud") not in clients:
        raise MalformedRequest("aud is not an accepted client")
    if "nonce" in claims:
        raise MalformedRequest("a logout token has no nonce")
    events = claims.get("events")
    if not isinstance(events, dict) or not isinstance(events.get(_EVENT), dict):
        raise MalformedRequest("events does not name back-channel logout")
    iat, exp = claims.get("iat"), claims.get("exp")
    if not (isinstance(iat, int) and isinstance(exp, int)):
        raise MalformedRequest("iat and exp are needed")
    if exp <= now.timestamp() or abs(now.timestamp() - iat) > OLDEST.total_seconds():
        raise MalformedRequest("the logout token is not current")
    if not isinstance(claims.get("jti"), str) or len(claims["jti"]) > 128:
        raise MalformedRequest("jti is missing")
    named = [claims[name] for name in ("sid", "sub") if name in claims]
    # Neither would end every session of the realm: never on the word of a token.
    if not named or not all(isinstance(value, str) and 1 <= len(value) <= 128 for value in named):
        raise MalformedRequest("sid or sub is needed")
