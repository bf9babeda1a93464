"""What metrics and traces cost a request: the same list with both on (1 % traced), with metrics, with none.

"None" takes out what is counted and traced where the request passes (patched to nothing), in the same process
and in turn. CPU of the process, PostgreSQL not included.
"""

import asyncio
import contextlib
import http.server
import threading
from collections.abc import Iterator
from typing import Any
from unittest import mock

from benchmarks._parts import paired, seeded_cluster
from benchmarks.graphql_list import ROWS, asked
from foundation.settings import TracingSettings
from foundation.telemetry import metrics, traces

CALLS, ROUNDS = 60, 15
TARGET = "at most 1.05"


class _Nothing:
    """Stands in for a metric."""

    def labels(self, *_: object) -> "_Nothing":
        return self

    def inc(self, *_: object) -> None:
        return

    dec = observe = set = inc

    def set_to_current_time(self) -> None:
        return


def _no_wait(_: str) -> contextlib.nullcontext[None]:
    return contextlib.nullcontext()


def _no_span(*_: object, **__: object) -> traces.Span:
    return traces._NOTHING


@contextlib.contextmanager
def nothing_counted() -> Iterator[None]:
    """As if nobody had written a metric or a span."""
    nothing = _Nothing()
    names = [name for name, value in vars(metrics).items() if hasattr(value, "_labelnames")]
    with contextlib.ExitStack() as stack:
        for name in names:
            stack.enter_context(mock.patch.object(metrics, name, nothing))
        stack.enter_context(mock.patch.object(metrics, "waiting_for", _no_wait))
        for name in ("span", "root"):
            stack.enter_context(mock.patch.object(traces, name, _no_span))
        yield


@contextlib.contextmanager
def collector() -> Iterator[int]:
    """Somebody who takes traces; the port."""

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            self.rfile.read(int(self.headers["content-length"]))
            self.send_response(200)
            self.send_header("content-length", "0")
            self.end_headers()

        def log_message(self, *_: Any) -> None:
            return

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield server.server_port
    finally:
        server.shutdown()


def run() -> list[dict[str, Any]]:
    """Rows for `ioc bench`: CPU µs a request."""
    with seeded_cluster(durable=False) as cluster, collector() as port:
        return asyncio.run(_measure(cluster, port))


async def _measure(cluster: Any, port: int) -> list[dict[str, Any]]:
    async with asked(cluster) as ask:

        async def without() -> None:
            with nothing_counted():
                await ask()

        async def patched_only() -> None:
            # The patching itself costs: ours pays as much for it, so that it is no difference.
            with nothing_counted():
                pass
            await ask()

        rows = []
        for name, ratio in (
            ("metrics alone", None),
            ("metrics, 1 % traced", 0.01),
            ("metrics, all traced", 1.0),
        ):
            endpoint = f"http://127.0.0.1:{port}/v1/traces"
            traces.configure(
                None if ratio is None else TracingSettings(endpoint=endpoint, ratio=ratio), "bench"
            )
            found = await paired(patched_only, without, calls=CALLS, rounds=ROUNDS)
            traces.close()
            rows.append(
                {
                    "name": "telemetry",
                    "work": f"a list of {ROWS} reports: {name}",
                    "ours": f"{found.ours_cpu:.0f} µs CPU",
                    "peer": f"{found.peer_cpu:.0f} µs CPU",
                    "peer_name": "nothing counted",
                    "ratio": round(found.cpu_ratio, 3),
                    "target": TARGET if ratio != 1.0 else "none",
                }
            )
        return rows
