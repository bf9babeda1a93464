"""The running vault reads Keycloak's events itself, with a client that may do nothing else."""

import asyncio
import ssl
from datetime import UTC, datetime

import httpx
import psycopg
import pytest

from foundation.database.connections import for_psycopg
from foundation.identity.client_assertion import ClientAssertion
from foundation.settings import KeycloakClientSettings
from tests.conftest import RunningStack
from tests.identity.administration import Administration
from tests.identity.software_passkey import SoftwarePasskey

REALM = "hanoi-ioc"


async def _noted(stack: RunningStack, sub: str) -> str:
    """What the vault noted of this person; waits for it."""
    cluster = stack.stack.vault
    async with asyncio.timeout(60):
        while True:
            with psycopg.connect(**for_psycopg(cluster.settings(cluster.superuser))) as connection:
                found = connection.execute(
                    "SELECT cause FROM credentials.suspension WHERE sub = %s", (sub,)
                ).fetchone()
            if found is not None:
                return str(found[0])
            await asyncio.sleep(0.5)


async def test_password_that_an_administrator_resets_keeps_the_person_out(
    running_stack: RunningStack,
) -> None:
    async with Administration(running_stack) as keycloak:
        person = await keycloak.new_person(REALM)
        await keycloak.reset_password(person)
    assert await _noted(running_stack, person.id) == "ACTION reset-password"


async def test_passkey_that_an_administrator_stores_keeps_the_person_out(running_stack: RunningStack) -> None:
    async with Administration(running_stack) as keycloak:
        person = await keycloak.new_person(REALM)
        await keycloak.store_passkey(person, SoftwarePasskey())
    assert await _noted(running_stack, person.id) == f"UPDATE {person.id}"


@pytest.mark.parametrize("path", ["users", "clients", "roles", "organizations", "components"])
async def test_who_reads_the_events_for_the_vault_may_do_nothing_else(
    running_stack: RunningStack, path: str
) -> None:
    endpoints = running_stack.endpoints
    issuer = f"{endpoints.keycloak_url}/realms/{REALM}"
    key = running_stack.home / "secrets" / "keycloak-ioc-vault-events.pem"
    assertion = ClientAssertion(KeycloakClientSettings(client_id="ioc-vault-events", key_file=key))
    trust = ssl.create_default_context(cafile=str(endpoints.ca_file))
    async with httpx.AsyncClient(verify=trust, trust_env=False) as http:
        form = {"grant_type": "client_credentials", **assertion.form(issuer, datetime.now(UTC))}
        token = (await http.post(f"{issuer}/protocol/openid-connect/token", data=form)).json()["access_token"]
        http.headers["Authorization"] = f"Bearer {token}"
        admin = f"{endpoints.keycloak_url}/admin/realms/{REALM}"
        assert (await http.get(f"{admin}/admin-events")).status_code == httpx.codes.OK
        assert (await http.get(f"{admin}/{path}")).status_code == httpx.codes.FORBIDDEN
