"""Base backups: pg_basebackup's tar, sealed while it is written, so that no plain copy ever lies anywhere."""

import hashlib
import json
import os
import re
import subprocess
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import IO

from foundation.database.connections import for_psycopg
from foundation.settings import DatabaseSettings
from recovery.repository import BackupProblem, BaseEntry, Repository
from recovery.sealed import digest_of, seal

_START = re.compile(r"start point: ([0-9A-F]+/[0-9A-F]+) on timeline (\d+)")
_STOP = re.compile(r"end point: ([0-9A-F]+/[0-9A-F]+)")


@dataclass(frozen=True, slots=True)
class Programs:
    """PostgreSQL's programs."""

    folder: Path

    def command(self, name: str, settings: DatabaseSettings) -> list[str]:
        """A client program that connects as `settings` say; it never asks for a password."""
        return [
            str(self.folder / name),
            f"--host={settings.host}",
            f"--port={settings.port}",
            f"--username={settings.user}",
            "--no-password",
        ]


def environment(settings: DatabaseSettings) -> dict[str, str]:
    """With the password as it is now; an account's environment is its own to read."""
    return {**os.environ, "PGPASSWORD": for_psycopg(settings)["password"], "LC_ALL": "C"}


def take(
    repository: Repository, cluster: str, backup_id: str, programs: Programs, settings: DatabaseSettings
) -> BaseEntry:
    """Back a running cluster up, with the WAL that it needs to be whole. Raises BackupProblem."""
    command = [
        *programs.command("pg_basebackup", settings),
        "--pgdata=-",
        "--format=tar",
        "--wal-method=fetch",
        "--checkpoint=fast",
        "--manifest-checksums=SHA256",
        "--verbose",
        f"--label=ioc {backup_id}",
    ]
    name = f"{cluster}/base/{backup_id}"
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=environment(settings), cwd="/"
    ) as process:
        output, messages = _pipes(process)
        try:
            written = seal(repository.keys, repository.folder, name, output)
        except BaseException:
            process.kill()
            raise
        told = messages.read().decode("utf-8", "replace")
    start, stop = _START.search(told), _STOP.search(told)
    if process.returncode or start is None or stop is None:
        repository.remove(name)
        raise BackupProblem(f"{cluster}: pg_basebackup failed: {told.strip()[-500:]}")
    return BaseEntry(
        name=name,
        size=written.size,
        sha256=written.sha256,
        timeline=int(start[2]),
        start_lsn=start[1],
        stop_lsn=stop[1],
        ended_at=datetime.now(UTC),
    )


def verify(folder: Path) -> int:
    """Compare an unpacked base backup with PostgreSQL's own manifest of it; how many files.

    What pg_verifybackup does (in the wheel it ends by SIGSEGV): size and SHA-256 of every file, none missing,
    none more, and the manifest's own checksum. WAL carries checksums of its own, which replay checks.
    Raises BackupProblem.
    """
    octets = (folder / "backup_manifest").read_bytes()
    head, _, _ = octets.rpartition(b'"Manifest-Checksum"')
    manifest = json.loads(octets)
    if hashlib.sha256(head).hexdigest() != manifest["Manifest-Checksum"]:
        raise BackupProblem("backup_manifest was changed")
    entries = {_path_of(entry): entry for entry in manifest["Files"]}
    for path, entry in entries.items():
        file = folder / path
        if not file.is_file() or file.stat().st_size != entry["Size"] or digest_of(file) != entry["Checksum"]:
            raise BackupProblem(f"{path} is not what was backed up")
    found = {str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file()}
    more = {path for path in found - set(entries) if not path.startswith("pg_wal/")} - {"backup_manifest"}
    if more:
        raise BackupProblem(f"{min(more)} was not backed up")
    return len(entries)


def _path_of(entry: dict[str, str]) -> str:
    """Names that are no UTF-8 are written in hexadecimal."""
    return entry["Path"] if "Path" in entry else bytes.fromhex(entry["Encoded-Path"]).decode("latin-1")


def _pipes(process: subprocess.Popen[bytes]) -> tuple[IO[bytes], IO[bytes]]:
    if process.stdout is None or process.stderr is None:
        raise RuntimeError("there is no pipe")
    return process.stdout, process.stderr
