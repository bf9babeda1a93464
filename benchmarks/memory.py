"""Memory of one api process after 100,000 requests, against the same process after 1,000.

The GraphQL route is called as an ASGI application without a socket, in a process of its own: lists of 50
reports. Nobody signs in here.
"""

import asyncio
import gc
import multiprocessing
from collections.abc import Iterable
from multiprocessing.connection import Connection
from typing import Any

import psutil

from benchmarks._parts import seeded_cluster
from benchmarks.graphql_list import asked
from stack.postgres import PostgresCluster

EARLY, LATE = 1_000, 100_000
TARGET = 1.1


def run(late: int = LATE) -> Iterable[dict[str, Any]]:
    """Resident memory (RSS) after a collection of garbage, in MiB."""
    with seeded_cluster(durable=False) as cluster:
        before, after = measure(cluster, EARLY, late)
    yield {
        "name": "memory",
        "work": f"one api process, {late:,} requests",
        "ours": f"{after / 2**20:.1f} MiB",
        "peer": f"{before / 2**20:.1f} MiB",
        "peer_name": f"the same after {EARLY:,}",
        "ratio": round(after / before, 3),
        "target": f"at most {TARGET}",
    }


def measure(cluster: PostgresCluster, early: int, late: int) -> tuple[int, int]:
    """Octets after `early` and after `late` requests, of a process of its own."""
    context = multiprocessing.get_context("spawn")
    ours, theirs = context.Pipe()
    process = context.Process(target=_process, args=(cluster, early, late, theirs))
    process.start()
    theirs.close()  # so that a child that died is noticed
    found: tuple[int, int] = (ours.recv(), ours.recv())
    process.join()
    return found


def _process(cluster: PostgresCluster, early: int, late: int, told: Connection) -> None:
    asyncio.run(_requests(cluster, early, late, told))


async def _requests(cluster: PostgresCluster, early: int, late: int, told: Connection) -> None:
    async with asked(cluster) as ask:
        for number in range(1, late + 1):
            await ask()
            if number in (early, late):
                gc.collect()
                told.send(psutil.Process().memory_info().rss)
