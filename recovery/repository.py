"""The repository of backups: a folder, or what is mounted there. Every file in it is sealed.

    backups/<id>                manifest of one backup: what it consists of, with digests
    <cluster>/base/<id>         a base backup: the tar that pg_basebackup wrote
    <cluster>/wal/<segment>     WAL, and `<segment>.partial`, `<timeline>.history`
    <cluster>/newest            the newest moment that can be reached: {at, lsn}
    configuration/<moment>      secrets, certificates, ports as of a moment
    media/<key>                 the media's objects, which never change
    restores/<moment>           a restore that was carried out

An id is the moment at which the backup began: 20261127T101500Z.
"""

import itertools
import os
import re
from dataclasses import dataclass
from datetime import UTC, datetime
from io import BytesIO
from pathlib import Path
from typing import TypeVar

import msgspec

from recovery.sealed import Keys, SealBroken, Written, digest_of, seal, whole

_MOMENT = "%Y%m%dT%H%M%SZ"
_SEGMENT = re.compile(r"([0-9A-F]{8})([0-9A-F]{8})([0-9A-F]{8})")
SEGMENT_BYTES = 16 * 1024 * 1024
_SEGMENTS_A_LOG = 2**32 // SEGMENT_BYTES


class BackupProblem(Exception):
    """What is wanted can't be made of what the repository holds; the message says why."""


class BaseEntry(msgspec.Struct, frozen=True):
    """One cluster of a backup. LSNs as PostgreSQL writes them; moments in UTC."""

    name: str
    size: int
    sha256: str
    timeline: int
    start_lsn: str
    stop_lsn: str
    ended_at: datetime


class FileEntry(msgspec.Struct, frozen=True):
    """One sealed file."""

    name: str
    size: int
    sha256: str


class Manifest(msgspec.Struct, frozen=True):
    """What one backup consists of."""

    v: int
    id: str
    clusters: dict[str, BaseEntry]
    configuration: FileEntry | None
    """None: a deployment whose secrets are kept by something of its own."""
    media: list[FileEntry]
    system: str
    """The program's version."""

    @property
    def ended_at(self) -> datetime:
        """From here on every cluster can be brought to a moment."""
        return max(entry.ended_at for entry in self.clusters.values())


class Newest(msgspec.Struct, frozen=True):
    """How far a cluster's archive reaches."""

    at: datetime
    lsn: str


class Restored(msgspec.Struct, frozen=True):
    """A restore that was carried out: what was between `to` and `at` was given up, and is in no history."""

    to: datetime
    at: datetime

    def gave_up(self, at: datetime) -> bool:
        """Whether that moment is one of those."""
        return self.to < at <= self.at


S = TypeVar("S")


@dataclass(frozen=True, slots=True)
class Segment:
    """The place of a WAL segment; `number` counts through all timelines."""

    timeline: int
    number: int

    @classmethod
    def parse(cls, name: str) -> "Segment | None":
        """Of a file's name, `.partial` or not; None for what is no segment."""
        found = _SEGMENT.fullmatch(name.removesuffix(".partial"))
        if found is None:
            return None
        timeline, log, part = (int(group, 16) for group in found.groups())
        return cls(timeline, log * _SEGMENTS_A_LOG + part)

    @classmethod
    def of_lsn(cls, timeline: int, lsn: str) -> "Segment":
        """The segment in which `lsn` lies."""
        return cls(timeline, position(lsn) // SEGMENT_BYTES)


def position(lsn: str) -> int:
    """An LSN as a number of bytes."""
    high, low = lsn.split("/")
    return (int(high, 16) << 32) + int(low, 16)


def stamp(at: datetime) -> str:
    """A moment in a name."""
    return at.astimezone(UTC).strftime(_MOMENT)


def moment(name: str) -> datetime:
    """The moment in a name. Raises ValueError."""
    return datetime.strptime(name, _MOMENT).replace(tzinfo=UTC)


@dataclass(frozen=True)
class Repository:
    """One system's backups."""

    folder: Path
    keys: Keys

    def write_value(self, name: str, value: object) -> Written:
        """Seal a value as JSON."""
        return seal(self.keys, self.folder, name, BytesIO(msgspec.json.encode(value)))

    def read_value(self, name: str, kind: type[S]) -> S:
        """Read it back. Raises BackupProblem when it is not there, SealBroken when it is not as written."""
        if not (self.folder / name).exists():
            raise BackupProblem(f"the repository has no {name}")
        return msgspec.json.decode(whole(self.keys, self.folder, name), type=kind)

    def names(self, folder: str) -> list[str]:
        """What lies whole in a folder of it, in order."""
        return _names(self.folder / folder)

    def ids(self) -> list[str]:
        """Backups, the oldest first."""
        return _names(self.folder / "backups")

    def check_reaches(self, known: str) -> None:
        """Raises BackupProblem when this is the repository as of before a backup that is known.

        All in it may be as it was made, and what was taken away since would come back unseen.
        """
        try:
            moment(known)
        except ValueError as error:
            raise BackupProblem(f"{known} is no backup's id") from error
        newest = next(reversed(self.ids()), "none")
        if newest == "none" or moment(newest) < moment(known):
            raise BackupProblem(
                f"the newest backup here is {newest}, and {known} is known: this repository is an older one,"
                " or was cut (--older takes it all the same)"
            )

    def manifest(self, backup_id: str) -> Manifest:
        """Of one backup."""
        found = self.read_value(f"backups/{backup_id}", Manifest)
        if found.v != 1 or found.id != backup_id:
            raise BackupProblem(f"{backup_id}: its manifest is of version {found.v}, for {found.id}")
        return found

    def newest(self, cluster: str) -> Newest:
        """How far the archive of a cluster reaches."""
        return self.read_value(f"{cluster}/newest", Newest)

    def newest_of(self, clusters: list[str]) -> datetime:
        """The newest moment that all of them reach."""
        return min(self.newest(cluster).at for cluster in clusters)

    def restores(self) -> list[Restored]:
        """All that were carried out, the oldest first."""
        names = _names(self.folder / "restores")
        return [self.read_value(f"restores/{name}", Restored) for name in names]

    def choose(self, to: datetime) -> Manifest:
        """The newest backup of the present history that had ended by then. Raises BackupProblem."""
        restores = self.restores()
        for one in restores:
            if one.gave_up(to):
                raise BackupProblem(
                    f"{to.isoformat()} was given up by the restore at {one.at.isoformat()}, "
                    f"which went back to {one.to.isoformat()}"
                )
        for backup_id in reversed(self.ids()):
            manifest = self.manifest(backup_id)
            ended = manifest.ended_at
            if ended <= to and not any(one.gave_up(ended) for one in restores):
                return manifest
        raise BackupProblem(f"no backup had ended by {to.isoformat()}")

    def verify(self, manifest: Manifest) -> int:
        """Compare all files of a backup with its manifest; how many bytes. Raises SealBroken."""
        entries: list[BaseEntry | FileEntry] = [
            *manifest.clusters.values(),
            *([] if manifest.configuration is None else [manifest.configuration]),
            *manifest.media,
        ]
        for entry in entries:
            path = self.folder / entry.name
            if not path.is_file():
                raise SealBroken(f"{entry.name}: it is gone")
            if path.stat().st_size != entry.size or digest_of(path) != entry.sha256:
                raise SealBroken(f"{entry.name}: it is not what was backed up")
        return sum(entry.size for entry in entries)

    def wal(self, cluster: str, start: Segment) -> list[str]:
        """Names of WAL files from `start` on, with histories. Raises BackupProblem when one is missing."""
        names = _names(self.folder / cluster / "wal")
        histories = [name for name in names if name.endswith(".history")]
        found = {name: segment for name in names if (segment := Segment.parse(name)) is not None}
        wanted = [name for name, segment in found.items() if segment.number >= start.number]
        numbers = sorted({found[name].number for name in wanted} | {start.number})
        gaps = [before + 1 for before, after in itertools.pairwise(numbers) if after != before + 1]
        if not wanted or gaps or start.number not in {found[name].number for name in wanted}:
            raise BackupProblem(f"{cluster}: WAL is missing at segment {(gaps or [start.number])[0]:x}")
        return [*histories, *wanted]

    def configuration_of(self, to: datetime) -> str:
        """The newest secrets and settings of that moment, else the oldest. Raises BackupProblem."""
        names = _names(self.folder / "configuration")
        if not names:
            raise BackupProblem("the repository has no configuration")
        past = [name for name in names if moment(name) <= to]
        return f"configuration/{(past or names)[-1 if past else 0]}"

    def remove(self, name: str) -> None:
        """Delete a file that is there no longer of use."""
        (self.folder / name).unlink(missing_ok=True)

    def check_apart(self, key_file: Path) -> None:
        """Raises BackupProblem when the key lies in what it seals."""
        if os.path.commonpath([self.folder.resolve(), key_file.resolve()]) == str(self.folder.resolve()):
            raise BackupProblem("the backup's key lies in the backup")


def _names(folder: Path) -> list[str]:
    """What lies whole in a folder, in order."""
    return sorted(one.name for one in folder.iterdir() if one.suffix != ".part") if folder.is_dir() else []
