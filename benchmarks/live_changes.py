"""1,000 subscribers on one process, 5 changes a second: how long until a change is in a subscriber's hands.

Real WebSockets on loopback to a process of the live routes on granian, real PostgreSQL, the real hub; only
the door is left open (who calls is measured elsewhere). The peer is a process that polls: the mean age of
news to a client that asks every second, which is half a second by itself, without a server's load.
"""

import asyncio
import json
import os
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterable
from datetime import datetime
from pathlib import Path
from typing import Any

import websockets
from websockets.asyncio.client import ClientConnection

from benchmarks._parts import seeded_cluster, superuser
from foundation.ids import new_report_code, new_uuid
from stack.home import ROOT
from stack.postgres import PostgresCluster
from stack.settings_files import write_settings

SUBSCRIBERS, CHANGES, EVERY = 1_000, 50, 0.2
WITHIN = 1.0
_REPORT = """
INSERT INTO reports.report (id, code, citizen_id, category, ward_id, place, body, state, handler_id,
  visible_units, routing_reason, version, created_at, updated_at)
SELECT %(id)s, %(code)s, %(citizen)s, 'road', u.id, 'x', 'x', 'received', u.id, ARRAY[u.id], '{}', 1,
  now(), now()
FROM tenancy.unit u WHERE u.code = '00070'
"""
_CHANGE = """
INSERT INTO changes.change (id, kind, resource, version, at, units, citizen_id)
SELECT %s, 'report.accepted', %s, %s, clock_timestamp(), ARRAY[u.id], %s
FROM tenancy.unit u WHERE u.code = '00070'
"""


def run() -> Iterable[dict[str, Any]]:
    """One row: the share within a second, the median and the worst."""
    with seeded_cluster(durable=False) as cluster:
        delays = asyncio.run(_measure(cluster))
    share = sum(delay <= WITHIN for delay in delays) / (SUBSCRIBERS * CHANGES)
    worst = max(delays)
    yield {
        "name": "live_changes",
        "work": f"{SUBSCRIBERS} subscribers, {CHANGES} changes at {1 / EVERY:.0f}/s",
        "ours": f"{share:.1%} within 1 s, median {statistics.median(delays):.2f} s, worst {worst:.2f} s",
        "peer": "0.50 s",
        "peer_name": "mean age when polling each second",
        "ratio": round(statistics.median(delays) / 0.5, 2),
        "target": "95 % within 1 s",
    }


async def _measure(cluster: PostgresCluster) -> list[float]:
    with tempfile.TemporaryDirectory() as folder:
        settings = {}
        for role in ("backend_app", "backend_feed"):
            settings[role] = Path(folder) / f"{role}.toml"
            write_settings(settings[role], cluster.settings(role))
        with socket.create_server(("127.0.0.1", 0)) as free:
            port = free.getsockname()[1]
        roles = {"BENCH_APP": "backend_app", "BENCH_FEED": "backend_feed"}
        environment = {**os.environ, **{name: str(settings[role]) for name, role in roles.items()}}
        command = [sys.executable, "-m", "benchmarks._live_server", str(port)]
        server = subprocess.Popen(command, cwd=ROOT, env=environment)  # noqa: ASYNC220 - once, before all else
        try:
            return await _follow(cluster, port)
        finally:
            server.terminate()
            server.wait(20)


async def _follow(cluster: PostgresCluster, port: int) -> list[float]:
    await _until_up(port)
    sockets = [await _connected(port) for _ in range(SUBSCRIBERS)]
    await asyncio.sleep(1)
    delays: list[float] = []
    readers = [asyncio.create_task(_read(socket, delays)) for socket in sockets]
    await asyncio.to_thread(_write, cluster)
    async with asyncio.timeout(60):
        while len(delays) < SUBSCRIBERS * CHANGES:  # noqa: ASYNC110 - counted by a thousand readers
            await asyncio.sleep(0.1)
    for reader in readers:
        reader.cancel()
    await asyncio.gather(*readers, return_exceptions=True)
    await asyncio.gather(*(socket.close() for socket in sockets))
    return delays


def _write(cluster: PostgresCluster) -> None:
    citizen, code = new_uuid(), new_report_code()
    with superuser(cluster) as connection:
        connection.execute("INSERT INTO citizens.citizen VALUES (%s, 'bench', 'bench')", (citizen,))
        connection.execute(_REPORT, {"id": new_uuid(), "code": code, "citizen": citizen})
        for number in range(CHANGES):
            connection.execute(_CHANGE, (new_uuid(), f"report:{code}", number, citizen))
            time.sleep(EVERY)


async def _read(socket: ClientConnection, delays: list[float]) -> None:
    async for text in socket:
        message = json.loads(text)
        if message["type"] == "next":
            at = message["payload"]["data"]["changes"]["at"]
            delays.append(time.time() - datetime.fromisoformat(at).timestamp())


async def _connected(port: int) -> ClientConnection:
    socket = await websockets.connect(
        f"ws://127.0.0.1:{port}/graphql",
        subprotocols=[websockets.Subprotocol("graphql-transport-ws")],
        ping_interval=None,
    )
    await socket.send('{"type": "connection_init", "payload": {"authorization": "DPoP x", "dpop": "x"}}')
    await socket.recv()
    query = "subscription { changes { cursor kind subjectId version at } }"
    await socket.send(json.dumps({"id": "1", "type": "subscribe", "payload": {"query": query}}))
    return socket


async def _until_up(port: int) -> None:
    async with asyncio.timeout(30):
        while True:
            try:
                _, writer = await asyncio.open_connection("127.0.0.1", port)
            except OSError:
                await asyncio.sleep(0.1)
                continue
            writer.close()
            return
