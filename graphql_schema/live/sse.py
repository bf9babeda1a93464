"""Server-sent events (the protocol of graphql-sse, distinct connections): POST /graphql/stream.

Token and proof as on /graphql, the proof for this path. The stream ends with `complete`; when the session
ends or the client reads too slowly, an `errors`-only `next` says so before. `complete` without one: the
process is about to end. Connect again and resume after the last cursor.
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
from foundation.identity.challenges import IdentityRefusal
from foundation.identity.principal import Principal
from graphql_schema import transport
from graphql_schema.execution.documents import Document, DocumentInvalid
from graphql_schema.execution.run import error_of
from graphql_schema.limits import Limits, RequestRefused
from graphql_schema.live.operations import LiveOperations
from graphql_schema.transport import GraphQLRequest, Headers, RequestParts

PATH = "/graphql/stream"
KEEP_ALIVE_SECONDS = 15.0
SEND_SECONDS = 10.0
_ENDS = {SessionOver: "identity.session_ended", TooSlow: "changes.too_slow"}
_HEADERS = {
    "content-type": "text/event-stream; charset=utf-8",
    "cache-control": "no-store",
    "x-accel-buffering": "no",
}

log = structlog.get_logger()


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
            await _answer(send, 400, errors, parts)
        except Refusal as refusal:
            await _refuse(send, refusal, parts)

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
            # Not an error: connect again, resume after the last cursor.
            with contextlib.suppress(TimeoutError):
                await _event(send, b"event: complete\ndata:\n\n", more=False)
        elif done == {watching}:
            await _say_end(send, SessionOver, parts)

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
            await _say_end(send, type(end), parts)
            return
        except Refusal as refusal:
            error = error_of(refusal.code, refusal.message(parts.language), parts.request_id)
            await _event(send, _next({"errors": [error]}))
        except TimeoutError:
            return  # the client takes nothing any more
        except Exception:
            log.exception("stream_failed")
        await _event(send, b"event: complete\ndata:\n\n", more=False)


async def _say_end(send: Send, why: type[Exception], parts: RequestParts) -> None:
    # The other side may not be reading: then there is nobody to tell.
    with contextlib.suppress(TimeoutError):
        await _event(send, _next({"errors": [error_of(_ENDS[why], "", parts.request_id)]}))
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
    async with asyncio.timeout(SEND_SECONDS):
        await send({"type": "http.response.body", "body": octets, "more_body": more})


async def _refuse(send: Send, refusal: Refusal, parts: RequestParts) -> None:
    status = refusal.status if isinstance(refusal, IdentityRefusal | RequestRefused) else 403
    challenge = refusal.www_authenticate if isinstance(refusal, IdentityRefusal) else None
    error = error_of(refusal.code, refusal.message(parts.language), parts.request_id)
    await _answer(send, int(status), [error], parts, challenge)


async def _answer(
    send: Send, status: int, errors: list[dict[str, Any]], parts: RequestParts, challenge: str | None = None
) -> None:
    body = orjson.dumps({"errors": errors})
    headers = {
        "content-type": "application/json; charset=utf-8",
        "content-length": str(len(body)),
        "cache-control": "no-store",
        "x-request-id": parts.request_id,
        **({} if challenge is None else {"www-authenticate": challenge}),
    }
    pairs = [(name.encode(), value.encode()) for name, value in headers.items()]
    await send({"type": "http.response.start", "status": status, "headers": pairs})
    await send({"type": "http.response.body", "body": body, "more_body": False})
