"""One cluster brought to a moment: base backup unpacked, checked, WAL replayed, in a home of its own.

What is recovered listens on a socket that nobody knows, lets in the superuser alone, and is stopped after.
"""

import shutil
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import psycopg

from recovery.archive import SLOT, padded
from recovery.base import verify
from recovery.repository import BaseEntry, Repository, Segment
from recovery.sealed import unpack, whole
from stack.embedded import cluster_part
from stack.errors import StackError
from stack.home import Home
from stack.postgres import PostgresCluster
from stack.supervisor import Part, Supervisor

RECOVERY_SECONDS = 3600.0


@dataclass(frozen=True)
class Recovery:
    """A cluster's recovery to `to` in the scratch home `home`."""

    home: Home
    name: str
    entry: BaseEntry
    repository: Repository
    to: datetime
    durable: bool = True

    @property
    def cluster(self) -> PostgresCluster:
        """What is recovered."""
        return PostgresCluster(self.home, self.name, durable=self.durable)

    @property
    def _wal(self) -> Path:
        """Beside the data: what reaches one reaches the other."""
        return self.cluster.data.with_name(f"{self.name}.wal")

    def bring(self) -> None:
        """Unpack base backup and WAL; PostgreSQL checks the former. Raises SealBroken, BackupProblem."""
        cluster = self.cluster
        shutil.rmtree(cluster.data, ignore_errors=True)
        cluster.data.mkdir(parents=True)
        unpack(self.repository.keys, self.repository.folder, self.entry.name, cluster.data)
        verify(cluster.data)
        self._bring_wal()
        cluster.data.chmod(0o700)
        for folder in (cluster.data, self._wal):
            cluster.account.own(folder)
            for path in folder.rglob("*"):
                cluster.account.own(path)

    def _bring_wal(self) -> None:
        shutil.rmtree(self._wal, ignore_errors=True)
        self._wal.mkdir(mode=0o700)
        start = Segment.of_lsn(self.entry.timeline, self.entry.start_lsn)
        names = self.repository.wal(self.name, start)
        for name in names:
            octets = whole(self.repository.keys, self.repository.folder, f"{self.name}/wal/{name}")
            target = self._wal / name.removesuffix(".partial")
            if name.endswith(".partial"):
                if f"{target.name}" in names:
                    continue  # it became whole since
                octets = padded(octets)
            target.write_bytes(octets)

    @contextmanager
    def recovered(self) -> Iterator[PostgresCluster]:
        """The cluster at its moment, running for the caller alone. Raises StackError."""
        cluster = self.cluster
        supervisor = Supervisor(self.home, die_with_us=True)
        part = Part(
            f"postgres-{self.name}",
            lambda: cluster.recovery_command(self._wal, self.to),
            cluster.is_ready,
            options=cluster.account.process_options(),
            stop_signal=cluster_part(cluster).stop_signal,
            ready_seconds=RECOVERY_SECONDS,
            folder=Path("/"),
            remedy="read its log: it may want a moment that the archive does not reach",
            stop_seconds=120,
        )
        try:
            supervisor.start(part)
            _wait_for_the_end(cluster)
            with cluster.connect() as connection:
                # From here on WAL is of a new history: it is kept until the archiver takes it.
                connection.execute("SELECT pg_create_physical_replication_slot(%s, true)", (SLOT,))
            yield cluster
            with cluster.connect() as connection:
                connection.execute("CHECKPOINT")
        finally:
            supervisor.stop()
            shutil.rmtree(self._wal, ignore_errors=True)


def _wait_for_the_end(cluster: PostgresCluster) -> None:
    """It answers before all is replayed: wait until it has become a cluster of its own."""
    until = time.monotonic() + RECOVERY_SECONDS
    while time.monotonic() < until:
        try:
            with cluster.connect() as connection:
                if connection.execute("SELECT pg_is_in_recovery()").fetchone() == (False,):
                    return
        except psycopg.OperationalError as error:
            raise StackError(
                f"postgres-{cluster.name}", "its recovery ended", "read its log", cluster.log
            ) from error
        time.sleep(0.1)
    raise StackError(f"postgres-{cluster.name}", "its recovery takes too long", "read its log", cluster.log)
