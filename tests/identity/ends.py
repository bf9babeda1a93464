"""The ways in which a session ends at Keycloak, each as one act. Used by attacks and by the benchmark."""

import asyncio
import time
from collections.abc import Awaitable, Callable
from typing import Any

from cli.client import IocClient
from cli.login import make_proof, payload_of
from tests.identity.administration import Administration, TestPerson

VIEWER = {"query": "{ viewer { __typename } }"}

End = Callable[[Administration, IocClient], Awaitable[None]]


async def logout(keycloak: Administration, client: IocClient) -> None:
    """The person signs out."""
    await client.sign_out()


async def removal(keycloak: Administration, client: IocClient) -> None:
    """An administrator removes the session."""
    await keycloak.remove_session(client.person.realm, claims_of(client)["sid"])


async def disabling(keycloak: Administration, client: IocClient) -> None:
    """An administrator disables the person."""
    await keycloak.update_person(client.person, enabled=False)


async def disabling_for_a_moment(keycloak: Administration, client: IocClient) -> None:
    """Disabled and enabled again at once: Keycloak itself would let the old session live on."""
    await disabling(keycloak, client)
    await keycloak.update_person(client.person, enabled=True)


async def revoking_the_refresh_token(keycloak: Administration, client: IocClient) -> None:
    """Whoever holds the refresh token revokes it."""
    assert client.tokens is not None
    await keycloak.revoke(client, client.tokens.refresh)


async def revoking_the_access_token(keycloak: Administration, client: IocClient) -> None:
    """Whoever holds the access token revokes it."""
    assert client.tokens is not None
    assert client.tokens.access is not None
    await keycloak.revoke(client, client.tokens.access)


async def expiry(keycloak: Administration, client: IocClient) -> None:
    """The access token's time runs out; it was made short before (`short_tokens`)."""
    await asyncio.sleep(claims_of(client)["exp"] - time.time())


ENDS: dict[str, End] = {
    "logout": logout,
    "removal": removal,
    "disabling": disabling,
    "disabling_for_a_moment": disabling_for_a_moment,
    "revoking_the_refresh_token": revoking_the_refresh_token,
    "revoking_the_access_token": revoking_the_access_token,
    "expiry": expiry,
}
UNITS = {"ihanoi": None, "hanoi-ioc": "00070"}
"""Realms, and where their people work."""


class Knocker:
    """Whoever holds token and key, whatever the app believes of its session."""

    def __init__(self, client: IocClient) -> None:
        assert client.tokens is not None
        assert client.tokens.access is not None
        self._client, self._token = client, client.tokens.access

    async def answer(self) -> tuple[int, str | None]:
        """Status and code of a fresh request with the token as it was."""
        url = f"{self._client.endpoints.api_url}/graphql"
        proof = make_proof(self._client.key, "POST", url, self._token)
        headers = [("Authorization", f"DPoP {self._token}"), ("DPoP", proof)]
        response = await self._client.raw(headers=headers, json=VIEWER)
        errors: list[dict[str, Any]] = response.json().get("errors", [])
        return response.status_code, errors[0]["extensions"]["code"] if errors else None


def claims_of(client: IocClient) -> dict[str, Any]:
    """What the access token says that the client holds."""
    assert client.tokens is not None
    return payload_of(client.tokens.access or "")


async def newcomer(keycloak: Administration, realm: str) -> TestPerson:
    """Somebody of a realm, who may work."""
    person = await keycloak.new_person(realm, UNITS[realm])
    if person.organisation:
        keycloak.employ(person)
    return person
