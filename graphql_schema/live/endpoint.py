"""The live routes: WebSocket on /graphql, server-sent events on /graphql/stream."""

from collections.abc import Callable

import structlog
from litestar import asgi
from litestar.enums import ScopeType
from litestar.handlers import ASGIRouteHandler
from litestar.types import Receive, Scope, Send, WebSocketScope

from graphql_schema.http import PATH, parts_of
from graphql_schema.limits import Limits
from graphql_schema.live import sse
from graphql_schema.live.operations import LiveOperations
from graphql_schema.live.websocket import WebSocketConnection
from graphql_schema.transport import Headers


class LiveEndpoint:
    """Starts connections. `websocket` is called by the endpoint of /graphql."""

    def __init__(self, live: LiveOperations, limits: Limits, new_request_id: Callable[[], str]) -> None:
        self._live = live
        self._events = sse.EventStream(live, limits)
        self._new_request_id = new_request_id

    def handler(self) -> ASGIRouteHandler:
        """The route of server-sent events."""

        @asgi(sse.PATH, copy_scope=False)
        async def stream(scope: Scope, receive: Receive, send: Send) -> None:
            if scope["type"] == ScopeType.WEBSOCKET:
                await send({"type": "websocket.close", "code": 1000, "reason": ""})
                return
            headers = Headers(tuple(scope["headers"]))
            parts = parts_of(scope, headers, self._new_request_id(), sse.PATH)
            with structlog.contextvars.bound_contextvars(request_id=parts.request_id):
                await self._events.serve(scope, receive, send, headers, parts)

        return stream

    async def websocket(self, scope: WebSocketScope, receive: Receive, send: Send) -> None:
        """One connection. Its proof names GET and the URL of /graphql."""
        parts = parts_of(scope, Headers(tuple(scope["headers"])), self._new_request_id(), PATH)
        with structlog.contextvars.bound_contextvars(request_id=parts.request_id):
            await WebSocketConnection(self._live, parts, receive, send).serve(scope)
