"""Access tokens (RFC 9068, RFC 9449): one issuer a realm, `aud` exactly this service, bound to a key."""

import hashlib
import re
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Protocol

from joserfc.jwk import ECKey

from foundation.identity import jose
from foundation.identity.challenges import OrganisationMissing, StepUpRequired, TokenExpired, TokenInvalid
from foundation.identity.principal import VerifiedSession
from foundation.identity.step_up import LEVELS, PASSKEY
from foundation.settings import IdentitySettings, RealmSettings

LONGEST_TOKEN = 8192
SKEW = timedelta(seconds=5)
"""How far Keycloak's clock may be ahead of ours."""
_THUMBPRINT = re.compile(r"[A-Za-z0-9_-]{43}")


class KeySource(Protocol):
    """Where a realm's keys come from."""

    async def key(self, kid: str) -> ECKey:
        """The key of this id. Raises TokenInvalid, IdentityUnavailable."""
        ...


@dataclass(frozen=True, slots=True)
class Realm:
    """A realm whose tokens are accepted. Officials' tokens name one working organisation."""

    settings: RealmSettings
    keys: KeySource
    officials: bool


class TokenVerifier:
    """Verifies access tokens of some realms for one audience."""

    def __init__(self, audience: str, *realms: Realm) -> None:
        self._audience = audience
        self._realms = {realm.settings.issuer: realm for realm in realms}

    @classmethod
    def of_both(
        cls, settings: IdentitySettings, citizens: KeySource, officials: KeySource
    ) -> "TokenVerifier":
        """Of citizens and officials."""
        return cls(
            settings.audience,
            Realm(settings.citizens, citizens, officials=False),
            Realm(settings.officials, officials, officials=True),
        )

    def is_official(self, session: VerifiedSession) -> bool:
        """Whether the session is of the officials' realm."""
        return self._realms[session.iss].officials

    async def verify(self, token: str, now: datetime) -> VerifiedSession:
        """The session of an access token. Raises an IdentityRefusal that names what is missing."""
        if len(token) > LONGEST_TOKEN:
            raise TokenInvalid("the token is too long")
        try:
            claims, realm = await self._claims(token)
        except jose.NotJose as error:
            raise TokenInvalid(str(error)) from error
        _check_times(claims, now)
        if claims.get("aud") != self._audience:
            raise TokenInvalid(f"aud must be exactly {self._audience}")
        if claims.get("azp") not in realm.settings.clients:
            raise TokenInvalid("azp is not an accepted client")
        session = _session(token, claims, realm)
        if LEVELS[session.acr] < LEVELS[realm.settings.minimum_acr]:
            raise StepUpRequired(realm.settings.minimum_acr, None)
        return session

    async def _claims(self, token: str) -> tuple[dict[str, Any], Realm]:
        header = jose.header_of(token)
        if header.get("typ") != "at+jwt":
            raise TokenInvalid("typ must be at+jwt")
        issuer = jose.unverified_payload_of(token).get("iss")
        realm = self._realms.get(issuer) if isinstance(issuer, str) else None
        if realm is None:
            raise TokenInvalid("iss is not an accepted issuer")
        kid = header.get("kid")
        if not isinstance(kid, str):
            raise TokenInvalid("kid is missing")
        return jose.verified_payload_of(token, await realm.keys.key(kid)), realm


def _check_times(claims: dict[str, Any], now: datetime) -> None:
    if _moment(claims, "exp") <= now:
        raise TokenExpired
    if _moment(claims, "iat") > now + SKEW:
        raise TokenInvalid("iat is in the future")
    if "nbf" in claims and _moment(claims, "nbf") > now + SKEW:
        raise TokenInvalid("nbf is in the future")
    if _moment(claims, "auth_time") > now + SKEW:
        raise TokenInvalid("auth_time is in the future")


def _session(token: str, claims: dict[str, Any], realm: Realm) -> VerifiedSession:
    acr = _text(claims, "acr")
    amr = claims.get("amr")
    if acr not in LEVELS:
        raise TokenInvalid("acr is not a known level")
    if not isinstance(amr, list) or not all(isinstance(method, str) for method in amr):
        raise TokenInvalid("amr is missing")
    if acr == "aal3" and PASSKEY not in amr:
        raise TokenInvalid("aal3 without a passkey")
    return VerifiedSession(
        iss=realm.settings.issuer,
        sub=_text(claims, "sub"),
        sid=_text(claims, "sid"),
        jkt=_thumbprint(claims),
        azp=_text(claims, "azp"),
        acr=acr,
        amr=tuple(amr),
        auth_time=_moment(claims, "auth_time"),
        expires_at=_moment(claims, "exp"),
        organisation=_organisation(claims) if realm.officials else None,
        phone=None if realm.officials else _optional_text(claims, "phone"),
        phone_verified=None if realm.officials else _optional_text(claims, "phone_verified"),
        token_digest=hashlib.sha256(token.encode("ascii")).digest(),
    )


def _thumbprint(claims: dict[str, Any]) -> str:
    confirmation = claims.get("cnf")
    jkt = confirmation.get("jkt") if isinstance(confirmation, dict) else None
    if not isinstance(jkt, str) or not _THUMBPRINT.fullmatch(jkt):
        raise TokenInvalid("cnf.jkt is missing")
    return jkt


def _organisation(claims: dict[str, Any]) -> str:
    """The unit code of the one organisation, whose alias must be made from it (formats.md)."""
    organisations = claims.get("organization")
    if not isinstance(organisations, dict) or len(organisations) != 1:
        raise OrganisationMissing
    ((alias, attributes),) = organisations.items()
    codes = attributes.get("unit_code") if isinstance(attributes, dict) else None
    if not isinstance(codes, list) or len(codes) != 1 or not isinstance(codes[0], str):
        raise OrganisationMissing
    if alias != f"u-{codes[0].lower()}":
        raise OrganisationMissing
    return codes[0]


def _text(claims: dict[str, Any], name: str) -> str:
    value = claims.get(name)
    if not (isinstance(value, str) and 1 <= len(value) <= 128 and value.isprintable()):
        raise TokenInvalid(f"{name} is missing")
    return value


def _optional_text(claims: dict[str, Any], name: str) -> str | None:
    return _text(claims, name) if name in claims else None


def _moment(claims: dict[str, Any], name: str) -> datetime:
    value = claims.get(name)
    if not isinstance(value, int) or isinstance(value, bool):
        raise TokenInvalid(f"{name} is missing")
    try:
        return datetime.fromtimestamp(value, UTC)
    except (ValueError, OverflowError, OSError) as error:
        raise TokenInvalid(f"{name} is not a moment") from error
