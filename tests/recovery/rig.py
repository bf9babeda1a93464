"""A cluster of a test's own whose WAL is archived, and what it holds as one value."""

import hashlib
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from recovery.archive import ClusterArchive
from recovery.base import Programs, take
from recovery.repository import BaseEntry, Repository, stamp
from recovery.sealed import Keys
from stack.embedded import cluster_part
from stack.home import ROOT, Home
from stack.postgres import PostgresCluster, binaries
from stack.recovering import Recovery
from stack.secret_files import random_key
from stack.settings_files import write_settings
from stack.supervisor import Supervisor


@dataclass
class Rig:
    """A running cluster "backend", its archive and its repository."""

    cluster: PostgresCluster
    archive: ClusterArchive
    repository: Repository

    @property
    def programs(self) -> Programs:
        """PostgreSQL's."""
        return Programs(binaries(self.cluster.account))

    def back_up(self) -> BaseEntry:
        """A base backup of now."""
        settings = self.cluster.settings(self.cluster.backup_role, "postgres", 1)
        return take(self.repository, "backend", stamp(datetime.now(UTC)), self.programs, settings)

    def moment(self) -> datetime:
        """Now, apart from what is before and after."""
        time.sleep(0.02)
        at = datetime.now(UTC)
        time.sleep(0.02)
        return at

    def recovery(self, home: Home, entry: BaseEntry, to: datetime) -> Recovery:
        """A recovery elsewhere."""
        return Recovery(home, "backend", entry, self.repository, to, durable=False)

    def run(self, *statements: str) -> None:
        """Change something."""
        with self.cluster.connect("backend") as connection:
            for statement in statements:
                connection.execute(statement.encode())


@contextmanager
def archived_cluster(home: Home, folder: Path) -> Iterator[Rig]:
    """A migrated cluster with an archive in `folder`."""
    cluster = PostgresCluster(home, "backend", durable=False)
    supervisor = Supervisor(home, die_with_us=True)
    cluster.initialise()
    supervisor.start(cluster_part(cluster))
    try:
        cluster.bootstrap("backend_migrator", "backend")
        migrate(cluster)
        random_key(home.backup_key, 32)
        repository = Repository(folder, Keys.read(home.backup_key))
        archive = ClusterArchive(
            "backend",
            cluster.settings(cluster.backup_role, "postgres", 1),
            home.folder / "spool",
            repository,
            Programs(binaries(cluster.account)),
        )
        try:
            yield Rig(cluster, archive, repository)
        finally:
            archive.stop()
    finally:
        supervisor.stop()
        cluster.remove()


def migrate(cluster: PostgresCluster) -> None:
    """All migrations."""
    settings = cluster.home.folder / "settings" / "migrations.toml"
    write_settings(settings, cluster.settings("backend_migrator"))
    command = [sys.executable, "-m", "migrations", "--database", "backend", "--settings", str(settings)]
    subprocess.run(command, cwd=ROOT, check=True, capture_output=True)
    cluster.set_passwords()


def content(cluster: PostgresCluster, database: str = "backend") -> dict[str, tuple[int, str]]:
    """Each table's number of rows and a digest of them, whatever their order."""
    found: dict[str, tuple[int, str]] = {}
    with cluster.connect(database) as connection:
        tables = connection.execute(
            "SELECT format('%I.%I', schemaname, tablename) FROM pg_tables JOIN pg_class c"
            " ON c.oid = format('%I.%I', schemaname, tablename)::regclass"
            " WHERE schemaname NOT IN ('pg_catalog', 'information_schema') AND c.relpersistence = 'p'"
        ).fetchall()
        for (table,) in tables:
            rows = connection.execute(f"SELECT t::text FROM {table} t ORDER BY 1".encode()).fetchall()
            digest = hashlib.sha256("\n".join(row[0] for row in rows).encode()).hexdigest()
            found[table] = (len(rows), digest)
    return found
