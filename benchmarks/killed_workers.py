"""10,000 jobs on real workers that are killed at random: none lost, none doubled in the database."""

import tempfile
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from benchmarks._killed import run_killed
from benchmarks._parts import seeded_cluster, superuser
from stack.ports import Ports

JOBS, KILLS = 10_000, 60


def run() -> Iterable[dict[str, Any]]:
    """Some minutes. No peer: what is asserted is that everything is there once."""
    with (
        seeded_cluster(durable=True) as cluster,
        superuser(cluster) as connection,
        tempfile.TemporaryDirectory(prefix="ioc-killed-") as folder,
    ):
        worker = cluster.settings("backend_worker")
        found = run_killed(worker, connection, Path(folder), jobs=JOBS, kills=KILLS, port=Ports.unused().fcm)
    yield {
        "name": "killed_workers",
        "work": f"{found.jobs} fan-outs and pushes, {found.kills} workers killed, {found.seconds:.0f} s",
        "ours": f"{found.distinct_notices} told, {found.notices - found.distinct_notices} doubled,"
        f" {found.jobs - found.distinct_notices} lost; {found.events} events; {found.sent} sent",
        "peer": f"{found.repeated} of {found.messages} messages sent again",
        "peer_name": "same id, shown once",
        "ratio": round(found.events / found.jobs, 4),
        "target": "1 event a job, none lost",
    }
