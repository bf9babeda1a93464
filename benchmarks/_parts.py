"""What benchmarks run on: a migrated, seeded database of their own, and CPU time measured in pairs."""

import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import psycopg

from foundation.database.connections import for_psycopg
from services.seed import load_people, load_reference
from stack.embedded import cluster_part
from stack.home import ROOT, Home
from stack.postgres import PostgresCluster
from stack.settings_files import write_settings
from stack.supervisor import Supervisor

ISSUER = "https://localhost/realms/hanoi-ioc"
OFFICIAL = "00000000-0000-4000-8000-000000000001"
WARD = "00070"

Work = Callable[[], Awaitable[object]]


@contextmanager
def seeded_cluster(durable: bool = True) -> Iterator[PostgresCluster]:
    """A cluster with the database `backend`, migrated, with reference data and one officer of Hoàn Kiếm."""
    with tempfile.TemporaryDirectory(prefix="ioc-bench-") as folder:
        home = Home(Path(folder))
        home.folder.chmod(0o711)  # PostgreSQL's account walks through it to its data
        home.prepare()
        cluster = PostgresCluster(home, "backend", durable=durable)
        supervisor = Supervisor(home, die_with_us=True)
        cluster.initialise()
        supervisor.start(cluster_part(cluster))
        try:
            _fill(cluster, home)
            yield cluster
        finally:
            supervisor.stop()
            cluster.remove()
            home.remove_sockets()


def _fill(cluster: PostgresCluster, home: Home) -> None:
    cluster.bootstrap("backend_migrator", "backend")
    settings = home.folder / "settings" / "migrations.toml"
    write_settings(settings, cluster.settings("backend_migrator"))
    command = [sys.executable, "-m", "migrations", "--database", "backend", "--settings", str(settings)]
    subprocess.run(command, cwd=ROOT, check=True, capture_output=True)
    cluster.set_passwords()
    duty = {"kind": "handler", "unit": WARD}
    person = {"id": OFFICIAL, "family_name": "Trần", "given_name": "Văn Minh", "duties": [duty]}
    with superuser(cluster) as connection, connection.transaction():
        connection.execute("SET LOCAL ROLE backend_owner")
        load_reference(connection)
        load_people(connection, {"officials": [person]}, ISSUER)


@contextmanager
def superuser(cluster: PostgresCluster) -> Iterator[psycopg.Connection]:
    """A superuser's connection, committing by itself."""
    settings = cluster.settings(cluster.superuser)
    with psycopg.connect(
        **for_psycopg(settings),
        autocommit=True,
    ) as connection:
        yield connection


@dataclass(frozen=True, slots=True)
class Paired:
    """Two works measured in turn: medians of CPU and wall time a call in µs, and the ratio pair by pair."""

    ours_cpu: float
    peer_cpu: float
    ours_wall: float
    peer_wall: float
    cpu_ratio: float
    wall_ratio: float
    rounds: int


async def paired(ours: Work, peer: Work, *, calls: int, rounds: int) -> Paired:
    """`rounds` rounds of `calls` calls each, the two in turn (A B, B A, …), after one warm-up round."""
    measured: list[tuple[tuple[float, float], tuple[float, float]]] = []
    for number in range(rounds + 1):
        if number % 2:
            first = await _timed(ours, calls)
            pair = (first, await _timed(peer, calls))
        else:
            other = await _timed(peer, calls)
            pair = (await _timed(ours, calls), other)
        if number:
            measured.append(pair)
    median = statistics.median
    return Paired(
        ours_cpu=median(ours_[0] for ours_, _ in measured),
        peer_cpu=median(peer_[0] for _, peer_ in measured),
        ours_wall=median(ours_[1] for ours_, _ in measured),
        peer_wall=median(peer_[1] for _, peer_ in measured),
        cpu_ratio=median(ours_[0] / peer_[0] for ours_, peer_ in measured),
        wall_ratio=median(ours_[1] / peer_[1] for ours_, peer_ in measured),
        rounds=rounds,
    )


async def _timed(work: Work, calls: int) -> tuple[float, float]:
    cpu, wall = time.process_time(), time.perf_counter()
    for _ in range(calls):
        await work()
    return (time.process_time() - cpu) / calls * 1e6, (time.perf_counter() - wall) / calls * 1e6


def cpu_of_processes(pids: list[int]) -> float:
    """CPU seconds that these processes have used so far (Linux /proc, 10 ms steps)."""
    ticks = 0
    for pid in pids:
        fields = Path(f"/proc/{pid}/stat").read_text(encoding="ascii").rsplit(")", 1)[1].split()
        ticks += int(fields[11]) + int(fields[12])
    return ticks / os.sysconf("SC_CLK_TCK")
