"""A realm's signing keys: fetched over TLS from the issuer, kept, fetched again for an unknown key id."""

import asyncio
import time
from collections.abc import Callable

import httpx
from joserfc.errors import JoseError
from joserfc.jwk import ECKey

from foundation.identity.challenges import IdentityUnavailable, TokenInvalid

FLOOR_SECONDS = 10.0
"""At least this long after a fetch in vain, so that invented key ids can't be turned into load on Keycloak.

A fetch that brought the key it was for holds up no other: after a rotation the new key is known at once."""
FRESH_SECONDS = 300.0
"""After this a key set is fetched again, so that a withdrawn key is not trusted for long."""
STALE_SECONDS = 3600.0
"""After this a key set that can't be fetched again is not trusted any more."""


class RealmKeys:
    """The ES256 keys of one issuer."""

    def __init__(
        self, issuer: str, http: httpx.AsyncClient, monotonic: Callable[[], float] = time.monotonic
    ) -> None:
        self._url = f"{issuer}/protocol/openid-connect/certs"
        self._http = http
        self._monotonic = monotonic
        self._keys: dict[str, ECKey] = {}
        self._fetched_at = -STALE_SECONDS
        self._in_vain_at = -STALE_SECONDS
        self._lock = asyncio.Lock()

    async def key(self, kid: str) -> ECKey:
        """The key of this id. Raises TokenInvalid for none, IdentityUnavailable without a key set."""
        if kid not in self._keys or self._age() > FRESH_SECONDS:
            async with self._lock:
                if kid not in self._keys or self._age() > FRESH_SECONDS:
                    await self._fetch(kid)
        if self._age() > STALE_SECONDS:
            raise IdentityUnavailable
        if kid not in self._keys:
            raise TokenInvalid("kid is not a key of the issuer")
        return self._keys[kid]

    def _age(self) -> float:
        return self._monotonic() - self._fetched_at

    async def _fetch(self, kid: str) -> None:
        now = self._monotonic()
        if now - self._in_vain_at < FLOOR_SECONDS:
            return
        self._in_vain_at = now
        try:
            response = await self._http.get(self._url)
            response.raise_for_status()
            self._keys = _es256_keys(response.json())
        except (httpx.HTTPError, JoseError, ValueError, KeyError, TypeError):
            # Old keys stay until STALE_SECONDS; `key` decides.
            return
        self._fetched_at = now
        if kid in self._keys:
            self._in_vain_at = -STALE_SECONDS


def _es256_keys(document: dict[str, list[dict[str, str]]]) -> dict[str, ECKey]:
    return {
        jwk["kid"]: ECKey.import_key({name: jwk[name] for name in ("kty", "crv", "x", "y")})
        for jwk in document["keys"]
        if jwk.get("kty") == "EC" and jwk.get("crv") == "P-256" and jwk.get("use", "sig") == "sig"
    }
