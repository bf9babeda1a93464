"""The archiver: `python -m services.archiver --settings FILE`. It seals WAL, media and secrets.

One thread, one round after the other. What fails is told and tried again in the next round: nothing is lost
by waiting, for a slot keeps the WAL and media never change.
"""

import argparse
import signal
import threading
from pathlib import Path
from types import FrameType

import psycopg
import structlog

from foundation import logs
from foundation.settings import ArchiverSettings, load
from recovery.archive import ArchiveBehind, ClusterArchive, stopping
from recovery.base import Programs
from recovery.files import ConfigurationArchive, MediaArchive
from recovery.repository import BackupProblem, Repository
from recovery.sealed import Keys

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
    """Rounds until it is told to stop."""

    def __init__(self, settings: ArchiverSettings) -> None:
        self._settings = settings
        repository = repository_of(settings)
        self._clusters = archives_of(settings, repository)
        self._media = (
            None if settings.media_folder is None else MediaArchive(settings.media_folder, repository)
        )
        self._configuration = ConfigurationArchive(settings.configuration, repository, settings.key_file)
        self._stop = threading.Event()

    def stop(self, number: int, frame: FrameType | None) -> None:
        """A handler of signals: one more round, then the end."""
        self._stop.set()

    def run(self) -> None:
        """Serve until stopped."""
        with stopping(self._clusters):
            self._round()
            log.info("archiver_started", clusters=[one.name for one in self._clusters])
            while not self._stop.wait(self._settings.round_seconds):
                self._round()
            self._round()
        log.info("archiver_stopped")

    def _round(self) -> None:
        # Databases first: what they name by then is among the media, which are written before their rows.
        for cluster in self._clusters:
            try:
                cluster.round()
            except (psycopg.Error, OSError, ArchiveBehind, BackupProblem) as error:
                log.error("archive_behind", cluster=cluster.name, error=type(error).__name__)
        try:
            if self._media is not None:
                self._media.round()
            self._configuration.round()
        except OSError as error:
            log.error("archive_behind", cluster="files", error=type(error).__name__)


def main() -> None:
    """The command line."""
    parser = argparse.ArgumentParser(prog="services.archiver", description=__doc__)
    parser.add_argument("--settings", type=Path, required=True)
    arguments = parser.parse_args()
    logs.configure("archiver")
    archiver = Archiver(load(arguments.settings, ArchiverSettings))
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, archiver.stop)
    archiver.run()


if __name__ == "__main__":
    main()
