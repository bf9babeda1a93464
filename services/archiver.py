"""The archiver: `python -m services.archiver --settings FILE`. It seals WAL, media and secrets.

One round after the other. What fails, in whatever way, is told and tried again in the next round: nothing is
lost by waiting, for a slot keeps the WAL and media never change. Beside the rounds it takes a backup when the
newest is old, and removes those that are too old.
"""

import argparse
import asyncio
import contextlib
import signal
import threading
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

import psycopg
import structlog

from foundation import logs
from foundation.clock import Clock, SystemClock
from foundation.clock_watch import ClockWatch
from foundation.health import Health, Probe, Unready
from foundation.settings import ArchiverSettings, load
from foundation.telemetry import metrics
from recovery.archive import ArchiveBehind, ClusterArchive, stopping
from recovery.backups import Source, due, newest_end, prune, take_backup
from recovery.base import Programs
from recovery.files import ConfigurationArchive, MediaArchive
from recovery.repository import BackupProblem, Newest, Repository
from recovery.sealed import Keys, SealBroken
from services import probes
from services.observing import observed

SILENT_SECONDS = 120.0
"""A round waits up to 5 s for each cluster's WAL; beyond this it hangs."""
BEHIND = timedelta(seconds=60)
LOOK_SECONDS = 60.0
"""How often it is asked whether a backup is due."""
_EXPECTED = (psycopg.Error, OSError, ArchiveBehind, BackupProblem, SealBroken)

log = structlog.get_logger()


def repository_of(settings: ArchiverSettings) -> Repository:
    """The repository, its key apart. Raises BackupProblem."""
    repository = Repository(settings.repository_folder, Keys.read(settings.key_file))
    repository.check_apart(settings.key_file)
    return repository


def archives_of(settings: ArchiverSettings, repository: Repository) -> list[ClusterArchive]:
    """One a cluster."""
    programs = Programs(settings.programs_folder)
    return [
        ClusterArchive(name, one.database, one.spool_folder, repository, programs)
        for name, one in settings.clusters.items()
    ]


class Archiver:
    """What is done in a round, and when a backup is due. Its methods block: call them in a thread."""

    def __init__(self, settings: ArchiverSettings, clock: Clock) -> None:
        self._settings = settings
        self._clock = clock
        settings.repository_folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._repository = repository_of(settings)
        self.clusters = archives_of(settings, self._repository)
        self._files: dict[str, MediaArchive | ConfigurationArchive] = {
            "configuration": ConfigurationArchive(settings.configuration, self._repository, settings.key_file)
        }
        if settings.media_folder is not None:
            self._files["media"] = MediaArchive(settings.media_folder, self._repository)
        self._files_behind: set[str] = set()
        self._reached: dict[str, Newest] = {}

    def round(self) -> None:
        """Take what came. What fails is logged."""
        # Databases first: what they name by then is among the media, which are written before their rows.
        for cluster in self.clusters:
            try:
                newest = cluster.round()
            except Exception as error:
                _tell("archive_behind", error, cluster=cluster.name)
                continue
            self._reached[cluster.name] = newest
            metrics.ARCHIVE_REACHED.labels(cluster.name).set(newest.at.timestamp())
        for name, files in self._files.items():
            try:
                files.round()
            except Exception as error:
                self._files_behind.add(name)
                _tell("archive_behind", error, cluster=name)
            else:
                self._files_behind.discard(name)

    def back_up_when_due(self) -> None:
        """Take a backup when the newest is old, then forget the oldest. What fails is logged and counted."""
        now = self._clock.now()
        try:
            newest = newest_end(self._repository)
            if newest is not None:
                metrics.BACKUP_ENDED.set(newest.timestamp())
            if not due(newest, timedelta(hours=self._settings.backup_hours), now):
                return
            manifest = take_backup(self._repository, self._source())
            metrics.BACKUP_ENDED.set(manifest.ended_at.timestamp())
            metrics.BACKUPS.labels("taken").inc()
            removed = prune(
                self._repository,
                self._settings.media_folder,
                now - timedelta(days=self._settings.keep_days),
            )
            log.info("backup_taken", backup=manifest.id, removed=len(removed.backups))
        except Exception as error:
            metrics.BACKUPS.labels("failed").inc()
            _tell("backup_failed", error)

    def behind(self, name: str) -> Probe:
        """Whether a cluster can be brought to a moment that is not long ago."""

        async def probe() -> None:
            newest = self._reached.get(name)
            if newest is None or datetime.now(UTC) - newest.at > BEHIND:
                raise Unready("behind")

        return probe

    async def files_behind(self) -> None:
        """Raises Unready when media or configuration could not be copied in the last round."""
        if self._files_behind:
            raise Unready("behind")

    def _source(self) -> Source:
        settings = self._settings
        return Source(
            clusters={name: one.database for name, one in settings.clusters.items()},
            programs=Programs(settings.programs_folder),
            media_folder=settings.media_folder,
            configuration=settings.configuration,
            key_file=settings.key_file,
        )


async def run(settings: ArchiverSettings) -> None:
    """Rounds until SIGTERM or SIGINT, and one more then."""
    stop = asyncio.Event()
    for name in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(name, stop.set)
    clock = SystemClock()
    archiver = Archiver(settings, clock)
    health = Health("archiver")
    for cluster in archiver.clusters:
        health.add(f"archive_{cluster.name}", archiver.behind(cluster.name))
    health.add("archive_files", archiver.files_behind, needed=False)
    first = next(iter(settings.clusters.values())).database
    watch = ClockWatch(clock, probes.moment_by_role(first))
    with stopping(archiver.clusters):
        async with observed("archiver", settings, health, clock=watch):
            # A backup that is under way at the end is left: without a manifest it goes with the old ones.
            backups = threading.Thread(target=_backups, args=(archiver,), daemon=True)
            backups.start()
            await _rounds(archiver, settings.round_seconds, stop, health, backups)
    log.info("archiver_stopped")


async def _rounds(
    archiver: Archiver, seconds: float, stop: asyncio.Event, health: Health, backups: threading.Thread
) -> None:
    pulse = health.pulse("rounds", SILENT_SECONDS)
    # A backup takes as long as the clusters are large: what must not end is the thread.
    backing_up = health.pulse("backups", SILENT_SECONDS)
    await asyncio.to_thread(archiver.round)
    log.info("archiver_started", clusters=[one.name for one in archiver.clusters])
    while not stop.is_set():
        pulse.beat()
        if backups.is_alive():
            backing_up.beat()
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(stop.wait(), seconds)
        if stop.is_set():
            health.drain()
        await asyncio.to_thread(archiver.round)


def _backups(archiver: Archiver) -> None:
    """In a thread of its own, beside the rounds: it takes as long as the clusters are large."""
    while True:
        archiver.back_up_when_due()
        time.sleep(LOOK_SECONDS)


def _tell(event: str, error: Exception, **about: str) -> None:
    """What nobody expected is told with the place where it happened."""
    unexpected = None if isinstance(error, _EXPECTED) else error
    log.error(event, error=type(error).__name__, exc_info=unexpected, **about)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(prog="python -m services.archiver", description=__doc__)
    parser.add_argument("--settings", type=Path, required=True)
    logs.configure("archiver")
    asyncio.run(run(load(parser.parse_args().settings, ArchiverSettings)))
