"""Reading Keycloak's events of one realm with a client whose only role is `view-events`."""

from collections.abc import Iterable
from typing import Any

import httpx

from foundation.identity.client_token import ClientToken

PAGE = 1000
MOST_AT_ONCE = 50_000
"""For one millisecond, which can't be halved."""

Event = dict[str, Any]


class TooManyEvents(Exception):
    """More than MOST_AT_ONCE within one millisecond: they can't be told apart by time."""


class EventSource:
    """The events of one realm. Raises httpx.HTTPError if it can't be asked, ValueError on nonsense."""

    def __init__(
        self,
        *,
        keycloak_url: str,
        realm: str,
        user_types: Iterable[str],
        token: ClientToken,
        http: httpx.AsyncClient,
    ) -> None:
        self.issuer = f"{keycloak_url}/realms/{realm}"
        self._admin_url = f"{keycloak_url}/admin/realms/{realm}"
        self._user_types = sorted(user_types)
        self._token = token
        self._http = http

    async def user_events(self, since: int, until: int) -> list[Event]:
        """Those of the types asked for, from `since` to `until` (epoch milliseconds, both inclusive)."""
        return await self._read("events", {"type": self._user_types}, since, until)

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
            headers={"Authorization": f"Bearer {await self._token.get()}"},
        )
        if response.status_code == httpx.codes.UNAUTHORIZED:
            self._token.forget()
        response.raise_for_status()
        page = response.json()
        if not isinstance(page, list):
            raise ValueError("Keycloak did not answer a list of events")
        return page
