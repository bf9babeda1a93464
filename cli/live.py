"""A phone that follows changes live: a WebSocket of graphql-transport-ws through the edge, as the apps do."""

import asyncio
import json
import ssl
import time
from dataclasses import dataclass, field
from types import TracebackType
from typing import Any, Self

import websockets
from websockets.asyncio.client import ClientConnection

from cli.client import IocClient

_PROTOCOL = websockets.Subprotocol("graphql-transport-ws")
_OPEN_SECONDS = 15


@dataclass(frozen=True, slots=True)
class Seen:
    """A change, and when it was there (`time.monotonic()`, seconds)."""

    change: dict[str, Any]
    at: float


@dataclass(slots=True)
class Live:
    """`async with Live(client, document) as phone:` holds what came from then on.

    Raises ConnectionError when the api does not let it in.
    """

    client: IocClient
    document: str
    seen: list[Seen] = field(default_factory=list)
    closed_at: float | None = None
    close_code: int | None = None
    _socket: ClientConnection | None = None
    _reader: "asyncio.Task[None] | None" = None

    async def __aenter__(self) -> Self:
        url = self.client.endpoints.api_url.replace("https://", "wss://") + "/graphql"
        trust = ssl.create_default_context(cafile=str(self.client.endpoints.ca_file))
        # No proxy of the environment sees a token.
        self._socket = await websockets.connect(url, ssl=trust, subprotocols=[_PROTOCOL], proxy=None)
        try:
            async with asyncio.timeout(_OPEN_SECONDS):
                await self._subscribe(self._socket)
        except BaseException:
            await self._socket.close()
            raise
        self._reader = asyncio.create_task(self._read(self._socket))
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._socket is not None:
            await self._socket.close()
        if self._reader is not None:
            await self._reader

    async def _subscribe(self, socket: ClientConnection) -> None:
        headers = dict(await self.client.headers("GET"))
        payload = {"authorization": headers["Authorization"], "dpop": headers["DPoP"]}
        await socket.send(json.dumps({"type": "connection_init", "payload": payload}))
        answer = json.loads(await socket.recv())
        if answer["type"] != "connection_ack":
            raise ConnectionError(f"not let in: {answer}")
        asked = {"query": self.document, "variables": {}}
        await socket.send(json.dumps({"id": "1", "type": "subscribe", "payload": asked}))

    async def _read(self, socket: ClientConnection) -> None:
        try:
            async for message in socket:
                self._take(json.loads(message))
        except websockets.ConnectionClosedError:
            pass  # the code says why
        self.closed_at, self.close_code = time.monotonic(), socket.close_code

    def _take(self, message: dict[str, Any]) -> None:
        data = message.get("payload", {}).get("data") if message["type"] == "next" else None
        if data:
            (change,) = data.values()
            self.seen.append(Seen(change, time.monotonic()))
