"""Reading Keycloak's events of one realm with a client whose only role is `view-events`."""

import time
from collections.abc import Callable

import httpx

from directory.endings import PERSON_EVENTS, SESSION_EVENTS, Event
from foundation.clock import Clock
from foundation.identity.client_assertion import ClientAssertion

PAGE = 1000
MOST_AT_ONCE = 50_000
"""For one millisecond, which can't be halved."""
_SPARE_SECONDS = 10.0
_USER_TYPES = sorted(SESSION_EVENTS | PERSON_EVENTS)


class TooManyEvents(Exception):
    """More than MOST_AT_ONCE within one millisecond: they can't be told apart by time."""


class EventSource:
    """The events of one realm. Raises httpx.HTTPError if it can't be asked, ValueError on nonsense."""

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
        self._admin_url = f"{keycloak_url}/admin/realms/{realm}"
        self._assertion = assertion
        self._http = http
        self._clock = clock
        self._monotonic = monotonic
        self._token = ""
        self._token_until = float("-inf")

    async def user_events(self, since: int, until: int) -> list[Event]:
        """Those that may end sessions, from `since` to `until` (epoch milliseconds, both inclusive)."""
        return await self._read("events", {"type": _USER_TYPES}, since, until)

    async def admin_events(self, since: int, until: int) -> list[Event]:
        """All of them, from `since` to `until`."""
        return await self._read("admin-events", {}, since, until)

    async def _read(self, path: str, filters: dict[str, list[str]], since: int, until: int) -> list[Event]:
        """No paging: rows of equal milliseconds come in any order, so a full page is read as two halves."""
        limit = PAGE if since < until else MOST_AT_ONCE
        page = await self._page(path, filters, since, until, limit)
        if len(page) < limit:
            return page
        if since >= until:
            raise TooManyEvents(path)
        middle = (since + until) // 2
        early = await self._read(path, filters, since, middle)
        return early + await self._read(path, filters, middle + 1, until)

    async def _page(
        self, path: str, filters: dict[str, list[str]], since: int, until: int, limit: int
    ) -> list[Event]:
        window = {"dateFrom": str(since), "dateTo": str(until), "direction": "asc", "max": str(limit)}
        response = await self._http.get(
            f"{self._admin_url}/{path}",
            params={**filters, **window},
            headers={"Authorization": f"Bearer {await self._access_token()}"},
        )
        if response.status_code == httpx.codes.UNAUTHORIZED:
            self._token_until = float("-inf")
        response.raise_for_status()
        page = response.json()
        if not isinstance(page, list):
            raise ValueError("Keycloak did not answer a list of events")
        return page

    async def _access_token(self) -> str:
        asked_at = self._monotonic()
        if asked_at >= self._token_until:
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
            self._token_until = asked_at + float(body["expires_in"]) - _SPARE_SECONDS
        return self._token
