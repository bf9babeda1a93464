"""Workers are killed at random: nothing is lost, nothing doubled in the database; repeated sends are counted.

The same with 10,000 jobs: `./ioc bench killed_workers`.
"""

from pathlib import Path

import pytest

from benchmarks._killed import run_killed
from stack.ports import Ports
from stack.postgres import PostgresCluster
from tests.backend.world import connect

JOBS, KILLS = 400, 4


@pytest.mark.timeout(600)
def test_killed_workers_lose_and_double_nothing(
    backend_cluster: PostgresCluster, seeded_template: str, tmp_path: Path
) -> None:
    backend_cluster.clone(seeded_template, "killed")
    worker = backend_cluster.settings("backend_worker", "killed")
    with connect(backend_cluster.settings(backend_cluster.superuser, "killed")) as superuser:
        found = run_killed(worker, superuser, tmp_path, jobs=JOBS, kills=KILLS, port=Ports.unused().fcm)
    backend_cluster.drop("killed")
    told = (found.notices, found.distinct_notices, found.events, found.deliveries, found.sent)
    assert told == (JOBS, JOBS, JOBS, JOBS, JOBS)
    # Every message is in the books: what went out twice was written down twice, and had one id.
    assert (found.shown, found.kills, found.messages <= found.attempts) == (JOBS, KILLS, True)
