"""Ends of sessions at the real Keycloak, seen at the real api: whoever still holds token and key is out.

How long it takes is measured in `benchmarks/session_ends.py`; here it only has to come.
"""

from collections.abc import AsyncIterator

import pytest

from cli.client import LoginRefused
from tests.conftest import RunningStack
from tests.identity.administration import Administration, until
from tests.identity.ends import ENDS, UNITS, Knocker, disabling, newcomer

LET_IN = (200, None)
ENDED = (401, "identity.session_ended")
EXPIRED = (401, "identity.token_expired")


@pytest.fixture
async def keycloak(running_stack: RunningStack) -> AsyncIterator[Administration]:
    async with Administration(running_stack) as administration:
        yield administration


@pytest.mark.parametrize("realm", UNITS)
@pytest.mark.parametrize("kind", [kind for kind in ENDS if kind != "expiry"])
async def test_end_of_a_session_ends_access(kind: str, realm: str, keycloak: Administration) -> None:
    async with keycloak.client(await newcomer(keycloak, realm)) as client:
        knocker = Knocker(client)
        before = await knocker.answer()
        await ENDS[kind](keycloak, client)
        await until(knocker.answer, ENDED)
        assert before == LET_IN


@pytest.mark.parametrize("realm", UNITS)
async def test_expiry_ends_access(realm: str, keycloak: Administration) -> None:
    person = await newcomer(keycloak, realm)
    async with keycloak.short_tokens(realm, 10), keycloak.client(person) as client:
        knocker = Knocker(client)
        before = await knocker.answer()
        await ENDS["expiry"](keycloak, client)
        assert (before, await knocker.answer()) == (LET_IN, EXPIRED)


@pytest.mark.parametrize("realm", UNITS)
async def test_session_of_somebody_disabled_and_enabled_again_stays_dead(
    realm: str, keycloak: Administration
) -> None:
    async with keycloak.client(await newcomer(keycloak, realm)) as client:
        await disabling(keycloak, client)
        await until(Knocker(client).answer, ENDED)
        await keycloak.update_person(client.person, enabled=True)
        # Keycloak itself hands out a new token of the old session.
        await client.refresh()
        assert await Knocker(client).answer() == ENDED


@pytest.mark.parametrize("realm", UNITS)
async def test_session_that_has_ended_is_not_refreshed(realm: str, keycloak: Administration) -> None:
    async with keycloak.client(await newcomer(keycloak, realm)) as client:
        await ENDS["removal"](keycloak, client)
        with pytest.raises(LoginRefused, match="invalid_grant"):
            await client.refresh()
