"""Sessions and devices with the real sign-in: what one device ends is out on the other, and in Keycloak."""

import asyncio
import secrets
from collections.abc import AsyncIterator
from typing import Any

import pytest
import websockets
from websockets.asyncio.client import ClientConnection

from cli.client import IocClient
from cli.journey import OPERATIONS
from cli.login import LoginRefused
from tests.conftest import RunningStack
from tests.identity.administration import Administration, TestPerson, until
from tests.identity.ends import VIEWER, newcomer
from tests.scenarios.test_live import connected, followed


@pytest.fixture
async def keycloak(running_stack: RunningStack) -> AsyncIterator[Administration]:
    """The administrator."""
    async with Administration(running_stack) as keycloak:
        yield keycloak


@pytest.fixture
async def citizen(keycloak: Administration) -> AsyncIterator[TestPerson]:
    """Somebody of the test's own."""
    person = await newcomer(keycloak, "ihanoi")
    yield person
    await keycloak.delete_person(person)


@pytest.fixture
async def official(keycloak: Administration) -> AsyncIterator[TestPerson]:
    """An officer of the test's own."""
    person = await newcomer(keycloak, "hanoi-ioc")
    yield person
    await keycloak.delete_person(person)


async def run(client: IocClient, name: str, variables: dict[str, Any] | None = None) -> Any:
    """What a document's one root field answers."""
    document = (OPERATIONS / f"{name}.graphql").read_text(encoding="utf-8")
    answer = await client.graphql(document, variables)
    (value,) = answer["data"].values()
    return value


async def change(client: IocClient, mutation: str, /, **given: Any) -> Any:
    """A mutation's payload."""
    return await run(client, mutation, {"input": {"idempotencyKey": secrets.token_hex(16), **given}})


async def code_of(client: IocClient) -> str:
    """What the door says to the token that the client holds."""
    answer = (await client.raw(json=VIEWER)).json()
    return str(answer["errors"][0]["extensions"]["code"])


async def ended_at_keycloak(client: IocClient) -> None:
    """Return when the session has ended there: until then the browser would sign in to it again."""
    async with asyncio.timeout(60):
        while True:
            try:
                await client.refresh()
            except LoginRefused:
                return
            await asyncio.sleep(0.2)


async def close_of(socket: ClientConnection) -> tuple[int | None, str | None]:
    """Code and reason of the end of a connection."""
    async with asyncio.timeout(60):
        with pytest.raises(websockets.ConnectionClosed):
            while True:
                await socket.recv()
    return socket.close_code, socket.close_reason


async def test_session_ended_from_another_device_is_out_everywhere(
    keycloak: Administration, citizen: TestPerson
) -> None:
    async with keycloak.client(citizen) as phone, keycloak.client(citizen) as tablet:
        following, idle = await followed(phone), await connected(phone)
        nodes = [edge["node"] for edge in (await run(tablet, "Sessions"))["edges"]]
        (other,) = [node["id"] for node in nodes if not node["current"]]
        await change(tablet, "EndSession", session=other)
        closed = [await close_of(following), await close_of(idle)]

        async def refreshed() -> str:
            try:
                await phone.refresh()
            except LoginRefused:
                return "refused"
            return "refreshed"

        refused = await code_of(phone)
        await until(refreshed, "refused")
    assert (closed, refused) == ([(4401, "identity.session_ended")] * 2, "identity.session_ended")


async def test_lost_device_stays_out_with_a_new_session(
    keycloak: Administration, citizen: TestPerson
) -> None:
    async with keycloak.client(citizen) as phone, keycloak.client(citizen) as tablet:
        await run(phone, "Viewer")
        await change(tablet, "ReportLostDevice", device=phone.key.thumbprint())
        await ended_at_keycloak(phone)
        await phone.sign_in()
        refused = await code_of(phone)
        goes_on = (await run(tablet, "Viewer"))["__typename"]
    assert (refused, goes_on) == ("identity.device_blocked", "Citizen")


async def test_idle_connection_of_an_official_ends_with_the_token(
    keycloak: Administration, official: TestPerson
) -> None:
    """A revoked access token ends no session: Keycloak says so when it is asked, and in an event."""
    async with keycloak.client(official) as minh:
        socket = await connected(minh)
        assert minh.tokens is not None
        assert minh.tokens.access is not None
        await keycloak.revoke(minh, minh.tokens.access)
        closed = await close_of(socket)
    assert closed == (4401, "identity.session_ended")
