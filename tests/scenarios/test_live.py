"""Live changes over real WebSocket and TLS, with the real sign-in, and their end with the session."""

import asyncio
import json
import secrets
import ssl
from typing import Any

import pytest
import websockets
from websockets.asyncio.client import ClientConnection

from cli.client import IocClient
from cli.journey import OPERATIONS
from tests.conftest import RunningStack

SUBSCRIBE = (OPERATIONS / "Changes.graphql").read_text(encoding="utf-8")
SUBMIT = (OPERATIONS / "SubmitReport.graphql").read_text(encoding="utf-8")


async def connected(client: IocClient) -> ClientConnection:
    """A WebSocket that has been let in."""
    url = client.endpoints.api_url.replace("https://", "wss://") + "/graphql"
    trust = ssl.create_default_context(cafile=str(client.endpoints.ca_file))
    socket = await websockets.connect(
        url, ssl=trust, subprotocols=[websockets.Subprotocol("graphql-transport-ws")]
    )
    headers = dict(await client.headers("GET"))
    payload = {"authorization": headers["Authorization"], "dpop": headers["DPoP"]}
    await socket.send(json.dumps({"type": "connection_init", "payload": payload}))
    assert json.loads(await socket.recv())["type"] == "connection_ack"
    return socket


async def followed(client: IocClient, after: str | None = None) -> ClientConnection:
    """A WebSocket that follows changes."""
    socket = await connected(client)
    payload = {"query": SUBSCRIBE, "variables": {"after": after}}
    await socket.send(json.dumps({"id": "1", "type": "subscribe", "payload": payload}))
    return socket


async def next_change(socket: ClientConnection) -> dict[str, Any]:
    """The next change."""
    async with asyncio.timeout(60):
        message = json.loads(await socket.recv())
    change: dict[str, Any] = message["payload"]["data"]["changes"]
    return change


async def submit(citizen: IocClient) -> dict[str, Any]:
    """A new report's code, version and state."""
    given = {
        "category": "tree",
        "ward": "00070",
        "place": "Phố Tràng Thi",
        "body": "Cây đổ.",
        "idempotencyKey": secrets.token_hex(16),
    }
    answer = await citizen.graphql(SUBMIT, {"input": given})
    changed: dict[str, Any] = answer["data"]["submitReport"]
    return changed


async def test_officer_is_told_of_a_new_report_and_resumes_without_loss(running_stack: RunningStack) -> None:
    async with (
        running_stack.client("lan", remember=True) as lan,
        running_stack.client("minh", remember=True) as minh,
    ):
        socket = await followed(minh)
        await asyncio.sleep(1)
        first = (await submit(lan))["report"]["id"]
        change = await next_change(socket)
        await socket.close()
        missed = [(await submit(lan))["report"]["id"] for _ in range(2)]
        socket = await followed(minh, change["cursor"])
        replayed = [(await next_change(socket))["subjectId"] for _ in range(2)]
        await socket.close()
    assert (change["subjectId"], replayed) == (first, missed)


async def test_signing_out_closes_the_socket(running_stack: RunningStack) -> None:
    async with running_stack.client("hung") as hung:
        socket = await followed(hung)
        await asyncio.sleep(0.5)
        await hung.sign_out()
        async with asyncio.timeout(60):
            with pytest.raises(websockets.ConnectionClosed):
                await socket.recv()
    assert (socket.close_code, socket.close_reason) == (4401, "identity.session_ended")
