"""`graphql-transport-ws` (the protocol of the library graphql-ws) on /graphql.

Token and proof come in `connection_init` as {"authorization": "DPoP …", "dpop": "…"}; the proof names GET and
the https URL. Close codes: the protocol's own (4400, 4406, 4408, 4409, 4429), 4401 when the caller is not let
in or the session or token ends, 4429 also when he must wait before he is, 4430 when the client reads too
slowly, 1012 when the process is about to end or nobody can say whether the caller still may: connect again
and resume after the last cursor.
"""

import asyncio
import contextlib
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import msgspec
import orjson
import structlog
from litestar.types import Receive, Send, WebSocketScope

from backend.changes.errors import SessionOver, TooSlow
from foundation.errors import Refusal
from foundation.identity.challenges import IdentityRefusal, IdentityUnavailable
from foundation.identity.principal import Principal
from foundation.limits.refusals import LimitRefusal
from graphql_schema.errors import INTERNAL, INTERNAL_MESSAGES
from graphql_schema.execution.documents import DocumentInvalid
from graphql_schema.execution.run import error_of
from graphql_schema.http import shown_of
from graphql_schema.live.ends import ConnectAgain, NoLonger, code_of
from graphql_schema.live.operations import LiveOperations
from graphql_schema.transport import GraphQLRequest, RequestParts

PROTOCOL = "graphql-transport-ws"
INIT_SECONDS = 10.0
SEND_SECONDS = 10.0
PING_SECONDS = 30.0
LONGEST_MESSAGE = 65_536
LONGEST_ID = 128
MOST_BEGUN = 20
"""Subscriptions of a connection, those included that are about to be refused."""
BAD_MESSAGE, NOT_LET_IN, BAD_PROTOCOL, TOO_LATE = 4400, 4401, 4406, 4408
KNOWN_ID, TOO_MANY, READS_TOO_SLOWLY, FAULT = 4409, 4429, 4430, 1011
RESTART = 1012

log = structlog.get_logger()


class Closed(Exception):
    """The connection ends with a code and a reason; `spread`: many may end so at once."""

    def __init__(self, code: int, reason: str, *, spread: bool = False) -> None:
        super().__init__(reason)
        self.code = code
        self.reason = reason
        self.spread = spread


class _Message(msgspec.Struct):
    type: str
    id: str | None = None
    payload: dict[str, Any] | None = None


class _Payload(msgspec.Struct, rename="camel"):
    query: str | None = None
    document_id: str | None = None
    operation_name: str | None = None
    variables: dict[str, Any] | None = None
    extensions: dict[str, Any] | None = None


class WebSocketConnection:
    """One connection from its handshake to its end."""

    def __init__(self, live: LiveOperations, parts: RequestParts, receive: Receive, send: Send) -> None:
        self._live = live
        self._parts = parts
        self._receive = receive
        self._send = send
        self._running: dict[str, asyncio.Task[None]] = {}
        self._ended: asyncio.Future[Closed] = asyncio.get_running_loop().create_future()
        self._answered = True

    async def serve(self, scope: WebSocketScope) -> None:
        """Until either side ends it. Nothing of it goes on afterwards."""
        await self._receive()  # websocket.connect
        if PROTOCOL not in scope["subprotocols"]:
            await self._send({"type": "websocket.close", "code": BAD_PROTOCOL, "reason": "protocol"})
            return
        await self._send({"type": "websocket.accept", "subprotocol": PROTOCOL, "headers": []})
        why = Closed(FAULT, INTERNAL)
        try:
            principal = await self._let_in()
            await self._converse(principal)
        except Closed as closed:
            why = closed
        except Exception:
            log.exception("websocket_failed")
        finally:
            # Before anything else is said: a reader who is slow to take the end gets no more changes.
            for task in self._running.values():
                task.cancel()
            await asyncio.gather(*self._running.values(), return_exceptions=True)
        if why.spread:
            await self._wait_turn()
        await self._close(why)

    async def _let_in(self) -> Principal:
        try:
            async with asyncio.timeout(INIT_SECONDS):
                message = await self._next()
        except TimeoutError as error:
            raise Closed(TOO_LATE, "connection_init") from error
        if message.type != "connection_init":
            raise Closed(BAD_MESSAGE if message.type != "subscribe" else NOT_LET_IN, "connection_init")
        payload = message.payload or {}
        self._parts = replace(
            self._parts, authorization=_one(payload, "authorization"), dpop=_one(payload, "dpop")
        )
        try:
            principal = await self._live.authenticate(self._parts)
        except (LimitRefusal, IdentityUnavailable) as refusal:
            raise Closed(TOO_MANY, refusal.code) from refusal
        except Refusal as refusal:
            raise Closed(NOT_LET_IN, refusal.code) from refusal
        await self._say({"type": "connection_ack"})
        return principal

    async def _converse(self, principal: Principal) -> None:
        pinging = asyncio.create_task(self._ping())
        listening = asyncio.create_task(self._listen())
        watching = asyncio.create_task(self._live.watch(self._parts, principal))
        moving = asyncio.create_task(self._live.moved())
        try:
            waited: list[asyncio.Future[Any]] = [listening, pinging, watching, moving, self._ended]
            done, _ = await asyncio.wait(waited, return_when=asyncio.FIRST_COMPLETED)
            if self._ended in done:
                raise self._ended.result()
            for task in (listening, pinging):
                if task in done:
                    task.result()  # raises Closed
            if moving in done:
                raise Closed(RESTART, "restart")
            watching.result()  # raises
        except NoLonger as end:
            raise Closed(NOT_LET_IN, end.code) from end
        except ConnectAgain as end:
            raise Closed(RESTART, "restart", spread=True) from end
        finally:
            for task in (listening, pinging, watching, moving):
                task.cancel()
            await asyncio.gather(listening, pinging, watching, moving, return_exceptions=True)

    async def _listen(self) -> None:
        while True:
            message = await self._next()
            match message.type:
                case "ping":
                    await self._say({"type": "pong"})
                case "pong":
                    self._answered = True
                case "complete":
                    self._cancel(message.id)
                case "subscribe":
                    self._begin(message)
                case _:
                    raise Closed(
                        TOO_MANY if message.type == "connection_init" else BAD_MESSAGE, message.type[:40]
                    )

    def _begin(self, message: _Message) -> None:
        name, payload = message.id, message.payload
        if not name or len(name) > LONGEST_ID or payload is None:
            raise Closed(BAD_MESSAGE, "subscribe")
        if name in self._running:
            raise Closed(KNOWN_ID, "subscriber exists")
        if len(self._running) >= MOST_BEGUN:
            raise Closed(TOO_MANY, "subscriptions")
        task = asyncio.create_task(self._follow(name, payload))
        self._running[name] = task
        task.add_done_callback(lambda _: self._running.pop(name, None))

    def _cancel(self, name: str | None) -> None:
        task = self._running.get(name or "")
        if task is not None:
            task.cancel()

    async def _follow(self, name: str, payload: Mapping[str, Any]) -> None:
        try:
            request = request_of(payload)
            principal = await self._again()
            async with self._live.counted(principal):
                document = await self._live.admitted(principal, request)
                results = self._live.results(principal, document, request.variables, self._parts)
                async with contextlib.aclosing(results):
                    async for body in results:
                        if "data" not in body:
                            await self._say({"id": name, "type": "error", "payload": body["errors"]})
                            return
                        await self._say({"id": name, "type": "next", "payload": body})
            await self._say({"id": name, "type": "complete"})
        except DocumentInvalid as invalid:
            errors = [
                error_of(invalid.code, error.message, self._parts.request_id) for error in invalid.errors
            ]
            await self._say({"id": name, "type": "error", "payload": errors})
        except Refusal as refusal:
            await self._say({"id": name, "type": "error", "payload": [shown_of(refusal, self._parts)]})
        except SessionOver as end:
            self._end(Closed(NOT_LET_IN, code_of(type(end))))
        except TooSlow:
            self._end(Closed(READS_TOO_SLOWLY, code_of(TooSlow)))
        except Closed as closed:
            self._end(closed)
        except Exception:
            log.exception("subscription_failed")
            message = INTERNAL_MESSAGES[self._parts.language]
            error = error_of(INTERNAL, message, self._parts.request_id)
            await self._say({"id": name, "type": "error", "payload": [error]})

    async def _again(self) -> Principal:
        try:
            return await self._live.again(self._parts)
        except IdentityUnavailable:
            raise  # of this subscription: the others end when the watch says so
        except IdentityRefusal as refusal:
            raise Closed(NOT_LET_IN, refusal.code) from refusal

    def _end(self, closed: Closed) -> None:
        if not self._ended.done():
            self._ended.set_result(closed)

    async def _ping(self) -> None:
        """A client that is gone without a word is noticed after a minute."""
        while True:
            await asyncio.sleep(PING_SECONDS)
            if not self._answered:
                raise Closed(TOO_LATE, "pong")
            self._answered = False
            await self._say({"type": "ping"})

    async def _next(self) -> _Message:
        event = await self._receive()
        if event["type"] != "websocket.receive":
            raise Closed(1000, "")
        octets = event["text"] if event["text"] is not None else event["bytes"] or b""
        if len(octets) > LONGEST_MESSAGE:
            raise Closed(BAD_MESSAGE, "too long")
        try:
            return msgspec.json.decode(octets, type=_Message)
        except (msgspec.DecodeError, UnicodeError, RecursionError) as error:
            raise Closed(BAD_MESSAGE, "malformed") from error

    async def _say(self, message: Mapping[str, Any]) -> None:
        # Whoever does not take a message in time reads too slowly: nothing is held for him without end.
        try:
            async with asyncio.timeout(SEND_SECONDS):
                await self._send(
                    {"type": "websocket.send", "text": orjson.dumps(message).decode(), "bytes": None}
                )
        except TimeoutError as error:
            raise Closed(READS_TOO_SLOWLY, code_of(TooSlow)) from error

    async def _wait_turn(self) -> None:
        """Nothing is running any more; who leaves meanwhile is gone."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(self._live.pause()):
                while (await self._receive())["type"] != "websocket.disconnect":
                    pass

    async def _close(self, closed: Closed) -> None:
        # The other side may be gone, or not reading: then there is nobody to tell.
        with contextlib.suppress(TimeoutError, OSError, RuntimeError):
            async with asyncio.timeout(SEND_SECONDS):
                await self._send({"type": "websocket.close", "code": closed.code, "reason": closed.reason})


def request_of(payload: Mapping[str, Any]) -> GraphQLRequest:
    """The request in a `subscribe` message. Raises Closed when it is none."""
    try:
        request = msgspec.convert(payload, _Payload)
    except msgspec.ValidationError as error:
        raise Closed(BAD_MESSAGE, "subscribe") from error
    return GraphQLRequest(request.query, request.document_id, request.operation_name, request.variables or {})


def _one(payload: Mapping[str, Any], name: str) -> tuple[str, ...]:
    value = payload.get(name)
    return (value,) if isinstance(value, str) else ()
