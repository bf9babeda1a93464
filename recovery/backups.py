"""Taking a backup of a running system, and forgetting those that are too old."""

import contextlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from foundation.settings import DatabaseSettings
from recovery.base import Programs, take
from recovery.files import ConfigurationArchive, MediaArchive, entries, live_names, media_names
from recovery.repository import BackupProblem, FileEntry, Manifest, Repository, Segment, moment, stamp
from recovery.sealed import digest_of

_FORMAT = 1

Step = Callable[[str], contextlib.AbstractContextManager[object]]
"""Shows what is being done."""


def _silently(_: str) -> contextlib.AbstractContextManager[object]:
    return contextlib.nullcontext()


@dataclass(frozen=True, slots=True)
class Source:
    """What is backed up. `clusters`: by name, as their roles for replication; without a folder no media."""

    clusters: Mapping[str, DatabaseSettings]
    programs: Programs
    media_folder: Path | None
    configuration: list[Path]
    key_file: Path


def take_backup(repository: Repository, source: Source, step: Step = _silently) -> Manifest:
    """Base backups, media, configuration, a manifest of them. Raises BackupProblem, OSError."""
    backup_id = stamp(datetime.now(UTC))
    clusters = {}
    for name, settings in source.clusters.items():
        with step(f"Base backup: {name}"):
            clusters[name] = take(repository, name, backup_id, source.programs, settings)
    # After the databases: whatever they name lies there by now, and objects never change.
    with step("Media"):
        media = _media(repository, source)
    with step("Configuration and manifest"):
        configuration = _configuration(repository, source)
        manifest = Manifest(_FORMAT, backup_id, clusters, configuration, media, program_version())
        repository.write_value(f"backups/{backup_id}", manifest)
    return manifest


@dataclass(frozen=True, slots=True)
class Pruned:
    """What was removed."""

    backups: tuple[str, ...] = ()
    wal: int = 0
    """Segments, whole or not."""
    configurations: int = 0
    media: int = 0


def prune(repository: Repository, media_folder: Path | None, before: datetime) -> Pruned:
    """Remove backups that had ended before `before`, but never the newest, and what they alone needed.

    Afterwards the oldest moment that can be reached is the end of the oldest backup that is left. Manifests
    go first: whoever dies in between has removed nothing that a manifest names. Raises BackupProblem,
    SealBroken.
    """
    manifests = [repository.manifest(backup_id) for backup_id in repository.ids()]
    kept = [one for one in manifests if one.ended_at >= before] or manifests[-1:]
    if not kept:
        return Pruned()
    gone = [one for one in manifests if one not in kept]
    for manifest in gone:
        repository.remove(f"backups/{manifest.id}")
    _prune_bases(repository, kept)
    return Pruned(
        backups=tuple(one.id for one in gone),
        wal=_prune_wal(repository, kept),
        configurations=_prune_configurations(repository, kept),
        media=_prune_media(repository, media_folder, kept),
    )


def _media(repository: Repository, source: Source) -> list[FileEntry]:
    """What lies there now: what was swept before is named by no moment that this backup reaches."""
    if source.media_folder is None:
        return []
    MediaArchive(source.media_folder, repository).round()
    live = live_names(source.media_folder)
    return entries(repository, [name for name in media_names(repository) if name in live], _known(repository))


def _known(repository: Repository) -> dict[str, FileEntry]:
    """Media of the last backup: they can't have changed, so their digests need not be made again."""
    ids = repository.ids()
    return {entry.name: entry for entry in repository.manifest(ids[-1]).media} if ids else {}


def _configuration(repository: Repository, source: Source) -> FileEntry | None:
    if not source.configuration:
        return None
    name = ConfigurationArchive(source.configuration, repository, source.key_file).round()
    if name is None:
        raise BackupProblem("there is no configuration")
    path = repository.folder / name
    return FileEntry(name, path.stat().st_size, digest_of(path))


def _prune_bases(repository: Repository, kept: list[Manifest]) -> None:
    """Base backups of no kept manifest, those that were broken off too; not one that is being taken now."""
    oldest = min(manifest.id for manifest in kept)
    for cluster in {name for manifest in kept for name in manifest.clusters}:
        needed = {manifest.clusters[cluster].name for manifest in kept if cluster in manifest.clusters}
        for backup_id in repository.names(f"{cluster}/base"):
            name = f"{cluster}/base/{backup_id}"
            if name not in needed and backup_id < oldest:
                repository.remove(name)


def _prune_wal(repository: Repository, kept: list[Manifest]) -> int:
    """WAL before the first segment that any kept backup begins with; histories stay, they are a line each."""
    count = 0
    for cluster in {name for manifest in kept for name in manifest.clusters}:
        entries_ = [manifest.clusters[cluster] for manifest in kept if cluster in manifest.clusters]
        first = min(Segment.of_lsn(entry.timeline, entry.start_lsn).number for entry in entries_)
        for name in repository.names(f"{cluster}/wal"):
            segment = Segment.parse(name)
            if segment is not None and segment.number < first:
                repository.remove(f"{cluster}/wal/{name}")
                count += 1
    return count


def _prune_configurations(repository: Repository, kept: list[Manifest]) -> int:
    """Those that were replaced before the oldest kept backup had ended, and that no manifest names."""
    oldest = min(manifest.ended_at for manifest in kept)
    named = {manifest.configuration.name for manifest in kept if manifest.configuration is not None}
    past = [name for name in repository.names("configuration") if moment(name) <= oldest]
    gone = [name for name in past[:-1] if f"configuration/{name}" not in named]
    for name in gone:
        repository.remove(f"configuration/{name}")
    return len(gone)


def _prune_media(repository: Repository, folder: Path | None, kept: list[Manifest]) -> int:
    """Objects that were gone before the oldest kept backup: no moment that is left names them."""
    if folder is None:
        return 0
    needed = live_names(folder) | {entry.name for manifest in kept for entry in manifest.media}
    oldest = min(moment(manifest.id) for manifest in kept).timestamp()
    count = 0
    for name in media_names(repository):
        # One that came after the oldest backup and went before the next is in no manifest, and needed.
        if name not in needed and (repository.folder / name).stat().st_mtime < oldest:
            repository.remove(name)
            count += 1
    return count


def newest_end(repository: Repository) -> datetime | None:
    """When the newest backup had ended; None without any. Raises BackupProblem, SealBroken."""
    ids = repository.ids()
    return repository.manifest(ids[-1]).ended_at if ids else None


def due(newest: datetime | None, every: timedelta, now: datetime) -> bool:
    """Whether a backup is to be taken: `every` of zero means by hand alone."""
    return bool(every) and (newest is None or now - newest >= every)


def program_version() -> str:
    """Of what is backed up with, and restored by."""
    try:
        return version("hanoi-ioc")
    except PackageNotFoundError:
        return "unpackaged"
