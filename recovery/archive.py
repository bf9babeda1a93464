"""The archive of WAL: pg_receivewal takes it as it is written; whole segments and the newest part are sealed.

A replication slot keeps PostgreSQL from forgetting what was not taken. In each round a message for nobody is
committed as a mark: so a cluster in which nothing happens can be brought to any moment, too.
"""

import contextlib
import signal
import subprocess
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime
from io import BytesIO
from pathlib import Path

import psycopg
import structlog

from foundation.database.connections import for_psycopg
from foundation.settings import DatabaseSettings
from recovery.base import Programs, environment
from recovery.repository import SEGMENT_BYTES, BackupProblem, Newest, Repository, Segment
from recovery.sealed import seal

SLOT = "ioc_archive"
RECEIVE_SECONDS = 5.0
STOP_SECONDS = 10.0
# Of a message that nobody reads: a commit that is written and flushed, with a time.
_MARK = "SELECT clock_timestamp(), pg_logical_emit_message(true, 'ioc-archive', '')"
_LSN = "SELECT pg_current_wal_flush_lsn()::text"
_RECEIVED = "SELECT restart_lsn >= %s::pg_lsn FROM pg_replication_slots WHERE slot_name = %s"

log = structlog.get_logger()


class ArchiveBehind(Exception):
    """WAL did not come in time; it is taken up again in the next round."""


@dataclass
class ClusterArchive:
    """The archive of one running cluster. `spool` is this machine's: WAL as it comes, unsealed."""

    name: str
    settings: DatabaseSettings
    spool: Path
    repository: Repository
    programs: Programs
    _receiver: subprocess.Popen[bytes] | None = None
    _shipped: dict[str, tuple[int, int]] = field(default_factory=dict)

    def round(self) -> Newest:
        """Mark, wait until the mark has come, seal what came.

        Raises psycopg.Error, OSError, ArchiveBehind, BackupProblem.
        """
        with self._connect() as connection:
            self._check_identity(connection)
            self._receive(connection)
            at, lsn = _mark(connection)
            self._wait(connection, lsn)
        self._seal_all()
        newest = Newest(at, lsn)
        self.repository.write_value(f"{self.name}/newest", newest)
        return newest

    def stop(self) -> None:
        """End the receiver, by force if need be. What it has is on the disk; the slot knows where it was."""
        if self._receiver is None:
            return
        self._receiver.send_signal(signal.SIGINT)
        try:
            self._receiver.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            log.warning("receiver_killed", cluster=self.name)
            self._receiver.kill()
            self._receiver.wait(STOP_SECONDS)
        self._receiver = None

    def _connect(self) -> psycopg.Connection:
        return psycopg.connect(**for_psycopg(self.settings), autocommit=True, connect_timeout=5)

    def _receive(self, connection: psycopg.Connection) -> None:
        if self._receiver is not None and self._receiver.poll() is None:
            return
        known = connection.execute(
            "SELECT FROM pg_replication_slots WHERE slot_name = %s", (SLOT,)
        ).fetchone()
        if known is None:
            connection.execute("SELECT pg_create_physical_replication_slot(%s, true)", (SLOT,))
            log.warning("archive_begins", cluster=self.name)
        self.spool.mkdir(mode=0o700, parents=True, exist_ok=True)
        command = [
            *self.programs.command("pg_receivewal", self.settings),
            f"--directory={self.spool}",
            f"--slot={SLOT}",
            "--no-loop",  # the next round starts it again, with the password of then
            "--status-interval=1",
            "--synchronous",
        ]
        self._receiver = subprocess.Popen(
            command, env=environment(self.settings), cwd="/", stdin=subprocess.DEVNULL
        )

    def _check_identity(self, connection: psycopg.Connection) -> None:
        """WAL of another cluster under the same names would make both useless. Raises BackupProblem."""
        row = connection.execute("SELECT system_identifier::text FROM pg_control_system()").fetchone()
        name = f"{self.name}/identity"
        if not (self.repository.folder / name).exists():
            self.repository.write_value(name, row)
        if row is None or self.repository.read_value(name, list[str]) != list(row):
            raise BackupProblem(f"{self.name}: the repository holds the backups of another cluster")

    def _wait(self, connection: psycopg.Connection, lsn: str) -> None:
        until = time.monotonic() + RECEIVE_SECONDS
        while connection.execute(_RECEIVED, (lsn, SLOT)).fetchone() != (True,):
            if time.monotonic() > until:
                raise ArchiveBehind(f"{self.name}: {lsn} has not come within {RECEIVE_SECONDS:.0f} s")
            time.sleep(0.05)

    def _seal_all(self) -> None:
        try:
            self._seal_each()
        except FileNotFoundError:  # a part became whole, and has another name
            self._seal_each()

    def _seal_each(self) -> None:
        for path in sorted(self.spool.iterdir()):
            name = f"{self.name}/wal/{path.name}"
            if path.suffix == ".partial":
                self._seal_partial(path, name)
            elif Segment.parse(path.name) is not None or path.suffix == ".history":
                with path.open("rb") as file:
                    seal(self.repository.keys, self.repository.folder, name, file)
                self.repository.remove(f"{name}.partial")
                path.unlink()

    def _seal_partial(self, path: Path, name: str) -> None:
        """What came of the newest segment, without the zeros behind it."""
        stat = path.stat()
        seen = (stat.st_mtime_ns, stat.st_ino)
        if self._shipped.get(path.name) == seen:
            return
        octets = path.read_bytes().rstrip(b"\0")
        seal(self.repository.keys, self.repository.folder, name, BytesIO(octets))
        self._shipped = {path.name: seen}


def _mark(connection: psycopg.Connection) -> tuple[datetime, str]:
    """A commit whose moment is known, and up to where WAL is written with it."""
    connection.execute("SET synchronous_commit = on")
    row = connection.execute(_MARK).fetchone()
    place = connection.execute(_LSN).fetchone()
    if row is None or place is None:
        raise ArchiveBehind("there is no mark")
    return row[0], place[0]


def padded(octets: bytes) -> bytes:
    """A segment as PostgreSQL wants it: with zeros up to its size."""
    return octets.ljust(SEGMENT_BYTES, b"\0")


@contextlib.contextmanager
def stopping(archives: list[ClusterArchive]) -> Iterator[None]:
    """End all receivers at the end, each whatever became of the others."""
    with contextlib.ExitStack() as stack:
        for archive in archives:
            stack.callback(archive.stop)
        yield
