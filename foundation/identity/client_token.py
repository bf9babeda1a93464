"""Access tokens of our own clients at Keycloak (private_key_jwt), kept until near their end."""

import asyncio
import time
from collections.abc import Callable

import httpx

from foundation.clock import Clock
from foundation.identity.client_assertion import ClientAssertion

SPARE_SECONDS = 10.0


class ClientToken:
    """The token of one client in one realm. Whoever asks at the same time shares one fetch."""

    def __init__(
        self,
        *,
        keycloak_url: str,
        realm: str,
        assertion: ClientAssertion,
        http: httpx.AsyncClient,
        clock: Clock,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self.issuer = f"{keycloak_url}/realms/{realm}"
        self._assertion = assertion
        self._http = http
        self._clock = clock
        self._monotonic = monotonic
        self._token = ""
        self._until = float("-inf")
        self._lock = asyncio.Lock()

    async def get(self) -> str:
        """A token with time left. Raises httpx.HTTPError; KeyError or ValueError for nonsense."""
        async with self._lock:
            asked_at = self._monotonic()
            if asked_at >= self._until:
                response = await self._http.post(
                    f"{self.issuer}/protocol/openid-connect/token",
                    data={
                        "grant_type": "client_credentials",
                        **self._assertion.form(self.issuer, self._clock.now()),
                    },
                )
                response.raise_for_status()
                body = response.json()
                self._token = str(body["access_token"])
                self._until = asked_at + float(body["expires_in"]) - SPARE_SECONDS
            return self._token

    def forget(self) -> None:
        """Keycloak did not take it: the next one is fetched."""
        self._until = float("-inf")
