"""Around the api's application: requests under way, and what an answer says while the process drains.

While it drains every answer of HTTP/1.1 closes its connection (RFC 9112, 9.6): whoever keeps connections
open, the edge, opens the next one elsewhere, and none is left idle that could be closed under a request.
"""

import contextlib
import os
import signal
import time
from collections.abc import Callable
from typing import Any

from litestar.enums import ScopeType
from litestar.types import ASGIApp, Message, Receive, Scope, Send

from foundation.health import Health
from foundation.telemetry import metrics

DRAIN = signal.SIGUSR1
"""What the main process sends to those that serve."""
_CLOSE = (b"connection", b"close")


class Serving:
    """The application that the server calls. Whatever is not told here is the inner one's."""

    def __init__(self, app: ASGIApp, health: Health) -> None:
        self.app = app
        self._health = health

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """One request, connection or lifespan."""
        if scope["type"] != ScopeType.HTTP:
            await self.app(scope, receive, send)
            return
        metrics.IN_FLIGHT.inc()
        try:
            closes = scope["http_version"].startswith("1")
            await self.app(scope, receive, self._closing(send) if closes else send)
        finally:
            metrics.IN_FLIGHT.dec()

    def _closing(self, send: Send) -> Send:
        async def closing(message: Message) -> None:
            # Asked when the answer begins: draining may have begun while it was made.
            if message["type"] == "http.response.start" and self._health.draining:
                message["headers"] = [*message["headers"], _CLOSE]
            await send(message)

        return closing


START_SECONDS = 20.0
"""What a process may take from its beginning until it serves: so long both do, the old one and the new."""


def drain_before_respawn(server: Any) -> None:
    """On SIGHUP each serving process is followed by a new one, with keys and certificates as they are then.

    The old one drains when the new one serves, and is stopped `drain_seconds` later: Granian's
    `respawn_interval` is the sum. An alarm, for a thread would be forked with the new process.
    """

    def begin() -> None:
        old = [worker.inner.pid for worker in server.wrks if worker.is_alive()]

        def drain(_number: int, _frame: object) -> None:
            for pid in old:
                with contextlib.suppress(ProcessLookupError):
                    os.kill(pid, DRAIN)

        signal.signal(signal.SIGALRM, drain)
        signal.setitimer(signal.ITIMER_REAL, START_SECONDS)

    server.on_reload(begin)


def drain_before_stop(server: Any, seconds: float, sleep: Callable[[float], None] = time.sleep) -> None:
    """Let the server's processes drain for a while before they are stopped.

    `server` is Granian's of processes: when it is told to stop it asks each one to end what is under way.
    """
    stop = server.shutdown

    def drain_and_stop(exit_code: int = 0) -> None:
        for worker in server.wrks:
            if worker.is_alive():
                os.kill(worker.inner.pid, DRAIN)
        sleep(seconds)
        stop(exit_code)

    server.shutdown = drain_and_stop
