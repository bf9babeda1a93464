"""Taking in a report by webhook, against a bare Litestar + asyncpg handler that does one INSERT.

Ours: signature, limits, policy, routing, report, timeline, words for the search, change, job, audit event,
commit. Both are called as ASGI applications without a socket, on one durable database, WRITERS at once; they
take turns. CPU is that of this process and of PostgreSQL together. No worker runs beside.
"""

import asyncio
import json
import secrets
import statistics
import tempfile
import time
from collections.abc import Iterable
from datetime import datetime
from pathlib import Path
from typing import Any

import asyncpg
import msgspec
import psutil
from litestar import Litestar, post

from audit.recorder import AuditRecorder
from audit.refusals import RefusalCounter
from backend.channels.doors import seal_secret
from backend.channels.signing import signed_headers
from benchmarks._parts import cpu_of_processes, seeded_cluster, superuser
from foundation.clock import SystemClock
from foundation.database.connections import for_asyncpg
from foundation.database.database import Database
from foundation.ids import new_uuid
from foundation.phones import PhoneDigests, PhoneSeal
from foundation.policy.engine import PolicyEngine
from foundation.settings import ChannelsSettings
from services.channel_routes import channel_routes, entry_of
from services.networks import Networks
from stack.home import ROOT
from stack.postgres import PostgresCluster

WRITERS, CALLS, ROUNDS = 8, 25, 15
CHANNEL = "1022"
_TABLE = """
CREATE SCHEMA bench; GRANT USAGE ON SCHEMA bench TO backend_app;
CREATE TABLE bench.report (id uuid PRIMARY KEY, category text, ward text, place text, body text,
  latitude float, longitude float, phone text, created_at timestamptz NOT NULL DEFAULT now());
GRANT INSERT ON bench.report TO backend_app;
"""
_PEER = """
INSERT INTO bench.report (id, category, ward, place, body, latitude, longitude, phone)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8)
"""


class _Report(msgspec.Struct):
    category: str
    ward: str
    place: str
    body: str
    latitude: float
    longitude: float
    phone: str


def run() -> Iterable[dict[str, Any]]:
    """Rate and CPU a report, medians and quartiles of the ratios."""
    with seeded_cluster(durable=True) as cluster, tempfile.TemporaryDirectory() as folder:
        rates, cpu = asyncio.run(_measure(cluster, Path(folder)))
    yield from (
        _row("intake_rate", rates, "reports/s", "at least 0.5"),
        _row("intake_cpu", cpu, "µs CPU a report", "at most 2.5"),
    )


def _row(name: str, pairs: list[tuple[float, float]], unit: str, target: str) -> dict[str, Any]:
    ratios = [ours / peer for ours, peer in pairs]
    low, middle, high = statistics.quantiles(ratios, n=4)
    return {
        "name": name,
        "work": f"{WRITERS} at once, {ROUNDS} rounds of {WRITERS * CALLS} reports",
        "ours": f"{statistics.median(ours for ours, _ in pairs):,.0f} {unit}",
        "peer": f"{statistics.median(peer for _, peer in pairs):,.0f} {unit}",
        "peer_name": "bare Litestar + asyncpg handler, one INSERT",
        "ratio": f"{middle:.2f} [{low:.2f}–{high:.2f}]",
        "target": target,
    }


async def _measure(
    cluster: PostgresCluster, folder: Path
) -> tuple[list[tuple[float, float]], list[tuple[float, float]]]:
    settings = cluster.settings("backend_app", pool_size=WRITERS)
    clock, refusals = SystemClock(), RefusalCounter()
    recorder = AuditRecorder(
        service="ioc-backend",
        clock=clock,
        new_id=new_uuid,
        random_bytes=secrets.token_bytes,
        refusals=refusals,
    )
    key_file = folder / "seal"
    key_file.write_bytes(secrets.token_bytes(32))
    secret = _make_channel(cluster, PhoneSeal.from_file(key_file))
    database = Database(settings, recorder)
    await database.open()
    pool = await asyncpg.create_pool(**for_asyncpg(settings), min_size=WRITERS, max_size=WRITERS)
    entry = entry_of(
        ChannelsSettings(seal_key_file=key_file),
        database,
        PolicyEngine.load(ROOT / "policies" / "backend"),
        recorder,
        refusals,
        PhoneDigests(secrets.token_bytes(32)),
        clock,
        new_uuid,
        secrets.token_bytes,
    )
    ours = Litestar(
        route_handlers=[*channel_routes(entry, database, Networks([]), new_uuid)], openapi_config=None
    )
    try:
        works = (_Ours(ours, secret), _Peer(_bare(pool)))
        return await _rounds(cluster, works)
    finally:
        await pool.close()
        await database.close()


async def _rounds(
    cluster: PostgresCluster, works: tuple[Any, Any]
) -> tuple[list[tuple[float, float]], list[tuple[float, float]]]:
    rates: list[tuple[float, float]] = []
    cpu: list[tuple[float, float]] = []
    for number in range(-1, ROUNDS):
        measured = {}
        for work in works if number % 2 else reversed(works):
            measured[work] = await _timed(cluster, work)
        if number >= 0:
            ours, peer = measured[works[0]], measured[works[1]]
            rates.append((ours[0], peer[0]))
            cpu.append((ours[1], peer[1]))
    return rates, cpu


async def _timed(cluster: PostgresCluster, work: Any) -> tuple[float, float]:
    """Reports a second, and µs of CPU a report. Requests are made before the clock starts."""
    asked = [[work.request() for _ in range(CALLS)] for _ in range(WRITERS)]

    async def writer(requests: list[Any]) -> None:
        for request in requests:
            await _call(work.app, *request)

    processes = _processes(cluster)
    before, began = cpu_of_processes(processes), time.process_time()
    started = time.perf_counter()
    await asyncio.gather(*(writer(requests) for requests in asked))
    seconds = time.perf_counter() - started
    used = time.process_time() - began + cpu_of_processes(processes) - before
    count = WRITERS * CALLS
    return count / seconds, used / count * 1e6


def _processes(cluster: PostgresCluster) -> list[int]:
    """The server and its backends, which all live as long as the pools."""
    pid = int((cluster.data / "postmaster.pid").read_text(encoding="ascii").split()[0])
    return [pid, *(child.pid for child in psutil.Process(pid).children(recursive=True))]


class _Ours:
    def __init__(self, app: Litestar, secret: bytes) -> None:
        self.app = app
        self._secret = secret
        self._number = 0

    def request(self) -> tuple[str, bytes, dict[str, str]]:
        self._number += 1
        event = {"type": "report.created", "data": _said(self._number)}
        body = json.dumps(event, ensure_ascii=False).encode()
        headers = signed_headers(f"call-{self._number}", datetime.now().astimezone(), body, (self._secret,))
        return f"/channels/{CHANNEL}/reports", body, headers


class _Peer:
    def __init__(self, app: Litestar) -> None:
        self.app = app
        self._number = 0

    def request(self) -> tuple[str, bytes, dict[str, str]]:
        self._number += 1
        return "/bare", json.dumps(_said(self._number), ensure_ascii=False).encode(), {}


def _bare(pool: asyncpg.Pool) -> Litestar:
    @post("/bare")
    async def bare(data: _Report) -> dict[str, str]:
        report = new_uuid()
        await pool.execute(_PEER, report, *msgspec.structs.astuple(data))
        return {"id": str(report)}

    return Litestar(route_handlers=[bare], openapi_config=None)


def _said(number: int) -> dict[str, Any]:
    return {
        "category": "street_light",
        "ward": "00070",
        "place": f"Ngõ {number % 200} phố Hàng Bài",
        "body": f"Đèn đường tắt từ tối qua, rất tối và nguy hiểm cho người đi bộ. Lần {number}.",
        "latitude": 21.0245,
        "longitude": 105.8516,
        "phone": f"09123{number % 100_000:05}",
    }


async def _call(app: Litestar, path: str, body: bytes, headers: dict[str, str]) -> None:
    status = 0
    shown = {"content-type": "application/json", "content-length": str(len(body)), **headers}

    async def receive() -> dict[str, Any]:
        return {"type": "http.request", "body": body, "more_body": False}

    async def send(message: Any) -> None:
        nonlocal status
        status = message.get("status", status)

    scope = {
        "type": "http",
        "asgi": {"version": "3.0", "spec_version": "2.3"},
        "http_version": "1.1",
        "method": "POST",
        "scheme": "https",
        "path": path,
        "raw_path": path.encode(),
        "root_path": "",
        "query_string": b"",
        "headers": [(name.encode(), value.encode()) for name, value in shown.items()],
        "client": ("203.0.113.7", 1),
        "server": ("test", 443),
        "state": {},
        "extensions": {},
    }
    await app(scope, receive, send)  # type: ignore[arg-type]  # a scope of the test's own
    if status != 201:
        raise RuntimeError(f"{path} answered {status}")


def _make_channel(cluster: PostgresCluster, seal: PhoneSeal) -> bytes:
    secret, key_id = secrets.token_bytes(32), new_uuid()
    with superuser(cluster) as connection:
        connection.execute(_TABLE)
        connection.execute(
            "INSERT INTO channels.channel (code, kind, name, state, rate_amount, rate_seconds, created_at)"
            " VALUES (%s, 'webhook', 'Tổng đài', 'active', 100000, 1, now())",
            (CHANNEL,),
        )
        connection.execute(
            "INSERT INTO channels.key (id, channel, purpose, sealed, from_at)"
            " VALUES (%s, %s, 'in', %s, now())",
            (key_id, CHANNEL, seal_secret(seal, secret, key_id)),
        )
    return secret


if __name__ == "__main__":
    for row in run():
        print(row)
