"""Two realms with keys of the tests' own, tokens and proofs that fit, and ways to spoil them."""

import hashlib
import hmac
import json
import time
import zlib
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
from joserfc.jwk import ECKey

from foundation.identity import jose
from foundation.identity.challenges import TokenInvalid
from foundation.identity.tokens import TokenVerifier
from foundation.ids import b64u, unb64u
from foundation.settings import IdentitySettings, KeycloakClientSettings, RealmSettings

CITIZENS = "https://keycloak.test/realms/ihanoi"
OFFICIALS = "https://keycloak.test/realms/hanoi-ioc"
PUBLIC_URL = "https://api.test:8443"
URL = f"{PUBLIC_URL}/graphql"
NOW = datetime.fromtimestamp(int(time.time()), UTC)

REALM_KEY = ECKey.generate_key("P-256")
OTHER_REALM_KEY = ECKey.generate_key("P-256")
CLIENT_KEY = ECKey.generate_key("P-256")
DEVICE = ECKey.generate_key("P-256")
THIEF = ECKey.generate_key("P-256")


class FixedKeys:
    """A realm's keys without a network."""

    def __init__(self, **keys: ECKey) -> None:
        self._keys = keys

    async def key(self, kid: str) -> ECKey:
        if kid not in self._keys:
            raise TokenInvalid("kid is not a key of the issuer")
        return self._keys[kid]


def settings(folder: Path | None = None, **changes: Any) -> IdentitySettings:
    """Settings of a service whose confidential client has a key in `folder`."""
    key_file = (folder or Path("/nonexistent")) / "client.pem"
    if folder is not None:
        key_file.write_bytes(CLIENT_KEY.as_pem(private=True))
    values: dict[str, Any] = {
        "public_url": PUBLIC_URL,
        "audience": "ioc-backend",
        "keycloak_ca_file": Path("/nonexistent/ca.pem"),
        "citizens": RealmSettings(issuer=CITIZENS, clients=["ihanoi-app"], minimum_acr="aal1"),
        "officials": RealmSettings(issuer=OFFICIALS, clients=["ioc-ipad"], minimum_acr="aal2"),
        "introspection": KeycloakClientSettings(client_id="ioc-backend", key_file=key_file),
    }
    return IdentitySettings(**{**values, **changes})


def verifier() -> TokenVerifier:
    """A verifier that knows the citizens' key as `c` and the officials' as `o`."""
    return TokenVerifier.of_both(settings(), FixedKeys(c=OTHER_REALM_KEY), FixedKeys(o=REALM_KEY))


def official_claims(**changes: Any) -> dict[str, Any]:
    """What Keycloak puts into an official's access token. A change to None leaves the claim out."""
    issued = int(NOW.timestamp())
    claims = {
        "exp": issued + 300,
        "iat": issued,
        "auth_time": issued - 30,
        "jti": "onrtrt:1",
        "iss": OFFICIALS,
        "aud": "ioc-backend",
        "sub": "6f0a3a52-5b54-4d0e-8a55-0c2b4f1d0b01",
        "typ": "DPoP",
        "azp": "ioc-ipad",
        "sid": "zqvYdkclRdnLRHAaFMhXTINU",
        "acr": "aal2",
        "cnf": {"jkt": DEVICE.thumbprint(), "kc-jkt-type": "DPoP"},
        "scope": "openid organization:u-00070 aud-ioc-backend",
        "amr": ["pwd", "otp"],
        "organization": {"u-00070": {"unit_code": ["00070"]}},
    }
    return {name: value for name, value in {**claims, **changes}.items() if value is not None}


def citizen_claims(**changes: Any) -> dict[str, Any]:
    """What Keycloak puts into a citizen's access token."""
    claims = official_claims(
        iss=CITIZENS,
        azp="ihanoi-app",
        acr="aal1",
        amr=["pwd"],
        organization=None,
        scope="openid aud-ioc-backend",
    )
    claims = {**claims, **changes}
    number = number_of(str(claims["sub"]))
    claims = {"phone": number, "phone_verified": number, **claims}
    return {name: value for name, value in claims.items() if value is not None}


def number_of(sub: str) -> str:
    """A citizen's number in these tests."""
    return f"+8491{zlib.crc32(sub.encode()) % 10**7:07}"


def sign(claims: dict[str, Any], key: ECKey = REALM_KEY, **header: Any) -> str:
    """A token as the realm would sign it, its header changed as asked for."""
    return jose.sign({"typ": "at+jwt", "kid": "o", **header}, claims, key)


def official_token(**changes: Any) -> str:
    return sign(official_claims(**changes))


def citizen_token(**changes: Any) -> str:
    return sign(citizen_claims(**changes), OTHER_REALM_KEY, kid="c")


def forged(header: dict[str, Any], claims: dict[str, Any], signature: bytes = b"") -> str:
    """A compact JWS put together by hand."""
    parts = [json.dumps(header).encode(), json.dumps(claims).encode(), signature]
    return ".".join(b64u(part) for part in parts)


def signed_by_hmac(header: dict[str, Any], claims: dict[str, Any], secret: bytes) -> str:
    """The classic swap: the public key used as an HMAC secret."""
    unsigned = forged(header, claims).rpartition(".")[0]
    return f"{unsigned}.{b64u(hmac.digest(secret, unsigned.encode(), 'sha256'))}"


def proof_claims(token: str, **changes: Any) -> dict[str, Any]:
    claims = {
        "jti": "a-proof",
        "htm": "POST",
        "htu": URL,
        "iat": int(NOW.timestamp()),
        "ath": b64u(hashlib.sha256(token.encode()).digest()),
    }
    return {name: value for name, value in {**claims, **changes}.items() if value is not None}


def proof(token: str, key: ECKey = DEVICE, header: dict[str, Any] | None = None, **changes: Any) -> str:
    """A proof of `key` for a POST to /graphql with `token`. A change to None leaves the claim out."""
    whole = {"typ": "dpop+jwt", "jwk": key.as_dict(private=False), **(header or {})}
    return jose.sign(whole, proof_claims(token, **changes), key)


class Keycloak:
    """Keycloak's endpoints as far as a resource server uses them, behind httpx's mock transport."""

    def __init__(self) -> None:
        self.active = True
        self.away = False
        self.introspections: list[dict[str, str]] = []
        self.key_fetches = 0
        self.session: dict[str, Any] = {
            "sub": official_claims()["sub"],
            "sid": official_claims()["sid"],
        }
        self.keys = [
            {**REALM_KEY.as_dict(private=False), "kid": "o", "use": "sig", "alg": "ES256"},
            {**OTHER_REALM_KEY.as_dict(private=False), "kid": "c", "use": "sig", "alg": "ES256"},
        ]

    def http(self) -> httpx.AsyncClient:
        return httpx.AsyncClient(transport=httpx.MockTransport(self._answer))

    def _answer(self, request: httpx.Request) -> httpx.Response:
        if self.away:
            raise httpx.ConnectError("refused", request=request)
        if request.url.path.endswith("/certs"):
            self.key_fetches += 1
            return httpx.Response(200, json={"keys": self.keys})
        if request.url.path.endswith("/token/introspect"):
            form = dict(httpx.QueryParams(request.content.decode()))
            self.introspections.append(form)
            answer = {"active": True, **self.session} if self.active else {"active": False}
            return httpx.Response(200, json=answer)
        return httpx.Response(404)


class Ticker:
    """A monotonic clock that tests turn by hand."""

    def __init__(self) -> None:
        self.seconds = 1000.0

    def __call__(self) -> float:
        return self.seconds


def at(seconds: float) -> datetime:
    """`seconds` after the moment of the tests."""
    return NOW + timedelta(seconds=seconds)


def claims_of(token: str) -> dict[str, Any]:
    """A token's payload, unverified."""
    claims: dict[str, Any] = json.loads(unb64u(token.split(".")[1]))
    return claims
