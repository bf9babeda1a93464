"""What an operator asks a process: `/health/live`, `/health/ready`, and what else is put beside them.

A listener of its own, on the loopback, never behind the edge: a few lines of HTTP/1.1 (RFC 9112), GET and
HEAD alone, one request a connection. It answers while the process drains, until the process ends.
"""

import asyncio
import contextlib
import os
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from dataclasses import dataclass
from http import HTTPStatus

import orjson
import structlog

from foundation.health import Health
from foundation.settings import OperationsSettings

REQUEST_SECONDS = 5.0
"""From the connection to the last octet of the answer, with all waiting."""
LONGEST_HEAD = 8_192
AT_ONCE = 32
"""Answers that are made at the same time: who sends or reads slowly holds none of these places."""
MOST_OPEN = 256
"""Clients that are waited for; of more, the one that was waited for longest is cut off."""
_BROKEN_OFF = (OSError, asyncio.IncompleteReadError, asyncio.LimitOverrunError)

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Answer:
    """What is sent back."""

    status: HTTPStatus
    body: bytes
    content_type: str = "application/json"


Route = Callable[[], Awaitable[Answer]]
Routes = dict[str, Route]


def health_routes_of(health: Health) -> Routes:
    """`/health/live` and `/health/ready` with the state of each check."""

    async def live() -> Answer:
        silent = health.silent()
        status = HTTPStatus.SERVICE_UNAVAILABLE if silent else HTTPStatus.OK
        return Answer(status, orjson.dumps({"service": health.service, "pid": os.getpid(), "silent": silent}))

    async def ready() -> Answer:
        report = await health.report()
        checks = {name: {"state": state, "reason": reason} for name, (state, reason) in report.checks.items()}
        status = HTTPStatus.OK if report.ready else HTTPStatus.SERVICE_UNAVAILABLE
        body = {"service": health.service, "pid": os.getpid(), "state": report.state, "checks": checks}
        return Answer(status, orjson.dumps(body))

    return {"/health/live": live, "/health/ready": ready}


class OperationsListener:
    """Serves `routes` by path. A route that raises is answered 500 and logged; the process goes on."""

    def __init__(self, settings: OperationsSettings, routes: Routes) -> None:
        self._settings = settings
        self._routes = routes
        self._server: asyncio.Server | None = None
        self._at_once = asyncio.Semaphore(AT_ONCE)
        self._waited_for: dict[asyncio.StreamWriter, None] = {}

    async def open(self, *, shared: bool = False) -> None:
        """Listen. `shared`: beside another process of the same service, which this one takes over from."""
        self._server = await asyncio.start_server(
            self._serve, self._settings.host, self._settings.port, limit=LONGEST_HEAD, reuse_port=shared
        )

    async def close(self) -> None:
        """Listen no more."""
        if self._server is not None:
            self._server.close()
            self._server = None

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        # So that `drain` waits for the last octet: nothing is kept for who does not read.
        writer.transport.set_write_buffer_limits(high=0)
        try:
            async with asyncio.timeout(REQUEST_SECONDS):
                with self._waiting_for(writer):
                    head = await reader.readuntil(b"\r\n\r\n")
                method, _, rest = head.partition(b" ")
                async with self._at_once:
                    answer = await self._answer(method, rest.partition(b" ")[0].partition(b"?")[0])
                with self._waiting_for(writer):
                    writer.write(_octets(answer, without_body=method == b"HEAD"))
                    await writer.drain()
        except TimeoutError:
            writer.transport.abort()
        except _BROKEN_OFF:
            writer.close()
        else:
            writer.close()

    @contextlib.contextmanager
    def _waiting_for(self, writer: asyncio.StreamWriter) -> Iterator[None]:
        """While a client is waited for, it may be cut off in favour of others."""
        if len(self._waited_for) >= MOST_OPEN:
            longest = next(iter(self._waited_for))
            del self._waited_for[longest]
            longest.transport.abort()
        self._waited_for[writer] = None
        try:
            yield
        finally:
            self._waited_for.pop(writer, None)

    async def _answer(self, method: bytes, path: bytes) -> Answer:
        if method not in (b"GET", b"HEAD"):
            return Answer(HTTPStatus.METHOD_NOT_ALLOWED, b"")
        route = self._routes.get(path.decode("latin-1"))
        if route is None:
            return Answer(HTTPStatus.NOT_FOUND, b"")
        try:
            return await route()
        except Exception:
            log.exception("operations_request_failed", path=path.decode("latin-1"))
            return Answer(HTTPStatus.INTERNAL_SERVER_ERROR, b"")


@contextlib.asynccontextmanager
async def operations(
    settings: OperationsSettings | None, health: Health, more: Routes | None = None, *, shared: bool = False
) -> AsyncIterator[None]:
    """The listener while the block runs; none without settings."""
    if settings is None:
        yield
        return
    listener = OperationsListener(settings, {**health_routes_of(health), **(more or {})})
    await listener.open(shared=shared)
    try:
        yield
    finally:
        await listener.close()


def _octets(answer: Answer, *, without_body: bool) -> bytes:
    head = (
        f"HTTP/1.1 {answer.status.value} {answer.status.phrase}\r\n"
        f"content-type: {answer.content_type}\r\n"
        f"content-length: {len(answer.body)}\r\n"
        "cache-control: no-store\r\nconnection: close\r\n\r\n"
    )
    return head.encode("ascii") + (b"" if without_body else answer.body)
