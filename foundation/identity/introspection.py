"""Asking Keycloak whether an official's session lives (RFC 7662), remembered for a few seconds a token."""

import asyncio
import time
from collections.abc import Callable

import httpx

from foundation.clock import Clock
from foundation.identity.challenges import IdentityUnavailable, SessionEnded
from foundation.identity.client_assertion import ClientAssertion
from foundation.identity.principal import VerifiedSession

MOST_REMEMBERED = 50_000


class Introspector:
    """Confirms tokens of one issuer. What can't be asked is refused.

    Keycloak 26.7 leaves the organisation out of its answer for `organization:<alias>`; that somebody left it
    comes as an admin event.
    """

    def __init__(
        self,
        *,
        issuer: str,
        assertion: ClientAssertion,
        http: httpx.AsyncClient,
        clock: Clock,
        remember_seconds: float,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._issuer = issuer
        self._assertion = assertion
        self._http = http
        self._clock = clock
        self._remember_seconds = remember_seconds
        self._monotonic = monotonic
        self._alive_until: dict[bytes, float] = {}
        self._asking: dict[bytes, asyncio.Task[float]] = {}

    async def confirm(self, token: str, session: VerifiedSession) -> None:
        """Return when the session lived at most `remember_seconds` ago.

        Raises SessionEnded when Keycloak says it does not, IdentityUnavailable when it does not say.
        """
        if self._monotonic() < self._alive_until.get(session.token_digest, 0.0):
            return
        asking = self._asking.get(session.token_digest)
        if asking is None:
            asking = asyncio.create_task(self._ask(token, session))
            self._asking[session.token_digest] = asking
            asking.add_done_callback(lambda task: self._answered(session.token_digest, task))
        # A caller that gives up must not take the answer away from the others.
        await asyncio.shield(asking)

    async def confirm_now(self, token: str, session: VerifiedSession) -> None:
        """As `confirm`, but nothing remembered is enough: what lasts is asked about anew each time."""
        self._alive_until.pop(session.token_digest, None)
        self._remember(session.token_digest, await self._ask(token, session))

    def _answered(self, digest: bytes, task: asyncio.Task[float]) -> None:
        del self._asking[digest]
        # Looked at here, for every caller may have gone by now.
        if not task.cancelled() and task.exception() is None:
            self._remember(digest, task.result())

    async def _ask(self, token: str, session: VerifiedSession) -> float:
        asked_at = self._monotonic()
        try:
            response = await self._http.post(
                f"{self._issuer}/protocol/openid-connect/token/introspect",
                data={"token": token, **self._assertion.form(self._issuer, self._clock.now())},
            )
            response.raise_for_status()
            answer = response.json()
            active = answer["active"]
        except (httpx.HTTPError, ValueError, KeyError, TypeError) as error:
            raise IdentityUnavailable from error
        if active is not True or answer.get("sub") != session.sub or answer.get("sid") != session.sid:
            raise SessionEnded
        return asked_at + self._remember_seconds

    def _remember(self, digest: bytes, until: float) -> None:
        if len(self._alive_until) >= MOST_REMEMBERED:
            now = self._monotonic()
            self._alive_until = {key: value for key, value in self._alive_until.items() if value > now}
        if len(self._alive_until) < MOST_REMEMBERED:
            self._alive_until[digest] = until
