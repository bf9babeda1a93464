"""What the edge costs a request: with the Core Rule Set and without.

A real nginx with one worker, a small HTTPS server behind it that always answers the same, and one client with
one kept connection that sends the same request by hash, one at a time. CPU is the nginx worker's alone,
from the kernel's counters; wall time is the whole round trip, the server behind included.
"""

import time
from collections.abc import Iterable
from pathlib import Path
from statistics import median
from typing import Any

import psutil

from tests.edge.rig import Rig, running_edge

CALLS, ROUNDS = 200, 9
BODY = {
    "documentId": "sha256:" + "9f86d081" * 8,
    "variables": {"input": {"body": "Ổ gà lớn giữa đường Hàng Bài, xe máy dễ ngã.", "categoryCode": "road"}},
}
HEADERS = {"authorization": "DPoP " + "eyJhbGciOiJFUzI1NiJ9." + "a1B2" * 350, "dpop": "eyJ0." + "c3D4" * 120}


def run() -> Iterable[dict[str, Any]]:
    """CPU of the worker and wall time a request."""
    limits = _unlimited()
    with running_edge(limits=limits) as full, running_edge(limits=limits, rules=False) as bare:
        rounds = [(_round(full), _round(bare)) for _ in range(ROUNDS)]
    cpu = [median(values) for values in zip(*((ours[0], peer[0]) for ours, peer in rounds), strict=True)]
    wall = [median(values) for values in zip(*((ours[1], peer[1]) for ours, peer in rounds), strict=True)]
    yield {
        "name": "edge",
        "work": f"a change by hash, {ROUNDS} rounds of {CALLS}, one at a time, one worker",
        "ours": f"{cpu[0]:.0f} µs CPU ({1_000_000 / cpu[0]:.0f} requests/s a core), {wall[0]:.0f} µs",
        "peer": f"{cpu[1]:.0f} µs CPU ({1_000_000 / cpu[1]:.0f} requests/s a core), {wall[1]:.0f} µs",
        "peer_name": "the same nginx with the rules off",
        "ratio": round(cpu[0] / cpu[1], 2),
        "target": None,
    }


def _unlimited() -> Any:
    from tests.conftest import WIDE_EDGE  # noqa: PLC0415 - brings the whole stack along

    return WIDE_EDGE


def _round(rig: Rig) -> tuple[float, float]:
    """Microseconds of (CPU of the worker, wall) a request."""
    master = int((rig.edge.run / "nginx.pid").read_text(encoding="ascii"))
    worker = psutil.Process(master).children()[0].pid
    with rig.client() as client:
        client.post(f"{rig.url}/graphql", json=BODY, headers=HEADERS)
        before, started = _cpu(worker), time.perf_counter()
        for _ in range(CALLS):
            if client.post(f"{rig.url}/graphql", json=BODY, headers=HEADERS).status_code != 200:
                raise RuntimeError("the edge refused the benchmark's own request")
        wall = time.perf_counter() - started
    return (_cpu(worker) - before) / CALLS, wall * 1_000_000 / CALLS


def _cpu(pid: int) -> float:
    """Microseconds that the process ran (proc(5), schedstat)."""
    return int(Path(f"/proc/{pid}/schedstat").read_text(encoding="ascii").split()[0]) / 1_000
