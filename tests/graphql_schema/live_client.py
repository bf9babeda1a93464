"""ASGI conversations with the live routes, without a socket."""

import asyncio
from typing import Any

import orjson
from litestar import Litestar


class Socket:
    """A WebSocket on /graphql as a client sees it."""

    def __init__(self, app: Litestar, protocols: tuple[str, ...] = ("graphql-transport-ws",)) -> None:
        self._incoming: asyncio.Queue[dict[str, Any]] = asyncio.Queue()
        self._outgoing: asyncio.Queue[dict[str, Any]] = asyncio.Queue()
        scope: Any = {
            "type": "websocket",
            "asgi": {"version": "3.0"},
            "http_version": "1.1",
            "scheme": "wss",
            "path": "/graphql",
            "raw_path": b"/graphql",
            "root_path": "",
            "query_string": b"",
            "headers": [],
            "client": ("203.0.113.7", 1),
            "server": ("localhost", 443),
            "subprotocols": list(protocols),
            "extensions": {},
        }
        self._incoming.put_nowait({"type": "websocket.connect"})
        self.task = asyncio.create_task(app(scope, self._incoming.get, self._outgoing.put))  # type: ignore[arg-type]  # no TypedDicts

    async def __aenter__(self) -> "Socket":
        return self

    async def __aexit__(self, *_: object) -> None:
        self._incoming.put_nowait({"type": "websocket.disconnect", "code": 1000})
        async with asyncio.timeout(60):
            await self.task

    def say(self, message: object) -> None:
        """Send a message; text and octets as they are, all else as JSON."""
        text = message if isinstance(message, str) else orjson.dumps(message).decode()
        self._incoming.put_nowait({"type": "websocket.receive", "text": text, "bytes": None})

    async def event(self) -> dict[str, Any]:
        """The next ASGI event."""
        async with asyncio.timeout(60):
            return await self._outgoing.get()

    async def hear(self) -> dict[str, Any]:
        """The next message; the acceptance is passed over."""
        while True:
            event = await self.event()
            if event["type"] == "websocket.send":
                message: dict[str, Any] = orjson.loads(event["text"])
                return message
            if event["type"] == "websocket.close":
                return {"type": "closed", "code": event["code"], "reason": event["reason"]}

    async def let_in(self, who: str = "citizen") -> None:
        """Begin as somebody the fake gateway knows."""
        self.say({"type": "connection_init", "payload": {"authorization": who, "dpop": "proof"}})
        assert (await self.hear())["type"] == "connection_ack"


class Stream:
    """A POST to /graphql/stream."""

    def __init__(self, app: Litestar, body: object, authorization: str | None = "DPoP lan") -> None:
        self._outgoing: asyncio.Queue[dict[str, Any]] = asyncio.Queue()
        self._left = asyncio.Event()
        self._body: bytes | None = orjson.dumps(body)
        headers = [(b"content-type", b"application/json")]
        if authorization is not None:
            headers += [(b"authorization", authorization.encode()), (b"dpop", b"proof")]
        scope: Any = {
            "type": "http",
            "asgi": {"version": "3.0"},
            "http_version": "1.1",
            "method": "POST",
            "scheme": "https",
            "path": "/graphql/stream",
            "raw_path": b"/graphql/stream",
            "root_path": "",
            "query_string": b"",
            "headers": headers,
            "client": ("203.0.113.7", 1),
            "server": ("localhost", 443),
            "extensions": {},
        }
        self.task = asyncio.create_task(app(scope, self._receive, self._outgoing.put))  # type: ignore[arg-type]  # no TypedDicts

    async def _receive(self) -> Any:
        if self._body is not None:
            body, self._body = self._body, None
            return {"type": "http.request", "body": body, "more_body": False}
        await self._left.wait()
        return {"type": "http.disconnect"}

    async def __aenter__(self) -> "Stream":
        return self

    async def __aexit__(self, *_: object) -> None:
        self._left.set()
        async with asyncio.timeout(60):
            await self.task

    async def start(self) -> tuple[int, dict[str, str]]:
        """Status and headers."""
        async with asyncio.timeout(60):
            event = await self._outgoing.get()
        return event["status"], {name.decode(): value.decode() for name, value in event["headers"]}

    async def chunk(self) -> str:
        """The next octets of the body."""
        async with asyncio.timeout(60):
            octets: bytes = (await self._outgoing.get())["body"]
        return octets.decode()
