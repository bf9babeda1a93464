"""Server-sent events (the protocol of graphql-sse, distinct connections): POST /graphql/stream.

Token and proof as on /graphql, the proof for this path. The stream ends with `complete`; when the session
ends, the client reads too slowly or something of ours fails, an `errors`-only `next` says so before.
`complete` without one: the process is about to end, or nobody can say whether the client still may. Connect
again and resume after the last cursor.
"""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from typing import Any

import orjson
import structlog
from litestar.types import HTTPScope, Receive, Send

from backend.changes.errors import SessionOver, TooSlow
from foundation.errors import Refusal
from foundation.identity.principal import Principal
from graphql_schema import transport
from graphql_schema.errors import INTERNAL, INTERNAL_MESSAGES
from graphql_schema.execution.documents import Document, DocumentInvalid
from graphql_schema.execution.run import error_of
from graphql_schema.http import not_let_in, refusal_reply, send_reply, shown_of
from graphql_schema.limits import Limits, RequestRefused
from graphql_schema.live.ends import ConnectAgain, NoLonger, code_of
from graphql_schema.live.operations import LiveOperations
from graphql_schema.transport import GraphQLRequest, Headers, RequestParts

PATH = "/graphql/stream"
KEEP_ALIVE_SECONDS = 15.0
SEND_SECONDS = 10.0
_HEADERS = {
    "content-type": "text/event-stream; charset=utf-8",
    "cache-control": "no-store",
    "x-accel-buffering": "no",
}

log = structlog.get_logger()


class _NotTaken(Exception):
    """The client takes nothing any more."""


class EventStream:
    """Answers POST /graphql/stream."""

    def __init__(self, live: LiveOperations, limits: Limits) -> None:
        self._live = live
        self._limits = limits

    async def serve(
        self, scope: HTTPScope, receive: Receive, send: Send, headers: Headers, parts: RequestParts
    ) -> None:
        """One stream, or one refusal as JSON."""
        try:
            principal = await self._live.authenticate(parts)
            try:
                request = await self._request(scope, receive, headers)
            except RequestRefused as refusal:
                await self._live.refused(principal, refusal)
                raise
            async with self._live.counted(principal):
                document = await self._live.admitted(principal, request)
                await self._stream(principal, document, request, parts, receive, send)
        except DocumentInvalid as invalid:
            errors = [error_of(invalid.code, error.message, parts.request_id) for error in invalid.errors]
            await send_reply(send, refusal_reply(400, errors), parts.request_id)
        except RequestRefused as refusal:
            reply = refusal_reply(refusal.status, [shown_of(refusal, parts)])
            await send_reply(send, reply, parts.request_id)
        except Refusal as refusal:
            await send_reply(send, not_let_in(refusal, parts), parts.request_id)

    async def _request(self, scope: HTTPScope, receive: Receive, headers: Headers) -> GraphQLRequest:
        if scope["method"] != "POST":
            raise transport.MethodRefused
        transport.check_content_type(headers)
        try:
            async with asyncio.timeout(self._limits.body_seconds):
                body = await transport.read_body(receive, self._limits.body_octets)
        except TimeoutError as error:
            raise transport.BodyTooSlow from error
        return transport.request_of_body(body)

    async def _stream(
        self,
        principal: Principal,
        document: Document,
        request: GraphQLRequest,
        parts: RequestParts,
        receive: Receive,
        send: Send,
    ) -> None:
        shown = [(name.encode(), value.encode()) for name, value in _HEADERS.items()]
        shown.append((b"x-request-id", parts.request_id.encode()))
        await send({"type": "http.response.start", "status": 200, "headers": shown})
        writing = asyncio.create_task(self._write(principal, document, request, parts, send))
        leaving = asyncio.create_task(_left(receive))
        watching = asyncio.create_task(self._live.watch(parts, principal))
        moving = asyncio.create_task(self._live.moved())
        tasks = (writing, leaving, watching, moving)
        try:
            done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
        if moving in done and writing not in done:
            await _say_again(send)
        elif done == {watching}:
            await self._say_watched(watching.exception(), parts, receive, send)

    async def _say_watched(
        self, why: BaseException | None, parts: RequestParts, receive: Receive, send: Send
    ) -> None:
        """The end that the watch raised."""
        if isinstance(why, NoLonger):
            await _say_end(send, why.code, parts)
            return
        if not isinstance(why, ConnectAgain):
            log.error("watch_failed", exc_info=why)
        try:
            async with asyncio.timeout(self._live.pause()):
                await _left(receive)
        except TimeoutError:
            await _say_again(send)

    async def _write(
        self,
        principal: Principal,
        document: Document,
        request: GraphQLRequest,
        parts: RequestParts,
        send: Send,
    ) -> None:
        results = self._live.results(principal, document, request.variables, parts)
        try:
            async with contextlib.aclosing(results):
                async for body in _with_pauses(results):
                    await _event(send, b":\n\n" if body is None else _next(body))
        except (SessionOver, TooSlow) as end:
            await _say_end(send, code_of(type(end)), parts)
            return
        except Refusal as refusal:
            await _event(send, _next({"errors": [shown_of(refusal, parts)]}))
        except _NotTaken:
            return
        except Exception:
            # Before `complete`, which alone means: connect again. What always fails would be begun for ever.
            log.exception("stream_failed")
            error = error_of(INTERNAL, INTERNAL_MESSAGES[parts.language], parts.request_id)
            await _event(send, _next({"errors": [error]}))
        await _event(send, b"event: complete\ndata:\n\n", more=False)


async def _say_again(send: Send) -> None:
    """Not an error: connect again, resume after the last cursor."""
    with contextlib.suppress(_NotTaken):
        await _event(send, b"event: complete\ndata:\n\n", more=False)


async def _say_end(send: Send, code: str, parts: RequestParts) -> None:
    # The other side may not be reading: then there is nobody to tell.
    with contextlib.suppress(_NotTaken):
        await _event(send, _next({"errors": [error_of(code, "", parts.request_id)]}))
        await _event(send, b"event: complete\ndata:\n\n", more=False)


async def _with_pauses(results: AsyncIterator[dict[str, Any]]) -> AsyncIterator[dict[str, Any] | None]:
    """The results, and None whenever there was nothing for a while."""
    coming: asyncio.Future[dict[str, Any]] = asyncio.ensure_future(anext(results))
    try:
        while True:
            done, _ = await asyncio.wait([coming], timeout=KEEP_ALIVE_SECONDS)
            if not done:
                yield None
                continue
            try:
                body = coming.result()
            except StopAsyncIteration:
                return
            yield body
            coming = asyncio.ensure_future(anext(results))
    finally:
        coming.cancel()
        await asyncio.gather(coming, return_exceptions=True)


async def _left(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass


def _next(body: dict[str, Any]) -> bytes:
    return b"event: next\ndata: " + orjson.dumps(body) + b"\n\n"


async def _event(send: Send, octets: bytes, *, more: bool = True) -> None:
    try:
        async with asyncio.timeout(SEND_SECONDS):
            await send({"type": "http.response.body", "body": octets, "more_body": more})
    except TimeoutError as error:
        raise _NotTaken from error
