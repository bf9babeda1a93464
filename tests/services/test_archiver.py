"""The archiver goes on whatever fails, and says so: a stray file, an unknown manifest, a broken seal."""

import asyncio
import subprocess
import threading
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from foundation.clock import FrozenClock
from foundation.health import Health
from foundation.settings import ArchiverSettings, DatabaseSettings
from foundation.telemetry import metrics
from recovery import archive
from recovery.archive import ClusterArchive, stopping
from recovery.base import Programs
from recovery.files import MediaArchive
from recovery.repository import BackupProblem, BaseEntry, Manifest, Repository, stamp
from recovery.sealed import Keys, SealBroken
from services import archiver
from services.archiver import Archiver

NOW = datetime(2026, 11, 27, 3, tzinfo=UTC)


@pytest.fixture
def settings(tmp_path: Path) -> ArchiverSettings:
    """An archiver of media and one file of configuration, without clusters."""
    (tmp_path / "key").write_bytes(bytes(32))
    (tmp_path / "media").mkdir()
    (tmp_path / "secret").write_text("secret")
    return ArchiverSettings(
        environment="development",
        repository_folder=tmp_path / "repository",
        key_file=tmp_path / "key",
        programs_folder=tmp_path,
        clusters={},
        media_folder=tmp_path / "media",
        configuration=[tmp_path / "secret"],
    )


@pytest.fixture
def repository(settings: ArchiverSettings) -> Repository:
    """What it writes to."""
    return Repository(settings.repository_folder, Keys.read(settings.key_file))


def manifest(at: datetime) -> Manifest:
    """A backup that had ended then."""
    base = BaseEntry(f"backend/base/{stamp(at)}", 0, "", 1, "0/0", "0/0", at)
    return Manifest(1, stamp(at), {"backend": base}, None, [], "test")


def failed() -> float:
    """Backups that failed in this process so far."""
    return float(metrics.BACKUPS.labels("failed")._value.get())


def test_manifest_of_another_form_is_a_failed_backup_and_no_end(
    settings: ArchiverSettings, repository: Repository
) -> None:
    one = Archiver(settings, FrozenClock(NOW))
    repository.write_value(f"backups/{stamp(NOW)}", {"v": 1})
    before = failed()
    with capture_logs() as lines:
        one.back_up_when_due()
    assert failed() - before == 1
    assert [(line["event"], line["error"]) for line in lines] == [("backup_failed", "ValidationError")]


def test_stray_file_among_the_configurations_is_a_failed_backup_and_no_end(
    settings: ArchiverSettings, repository: Repository, monkeypatch: pytest.MonkeyPatch
) -> None:
    def taken(*_: object) -> Manifest:
        repository.write_value(f"backups/{stamp(NOW)}", manifest(NOW))
        return manifest(NOW)

    monkeypatch.setattr(archiver, "take_backup", taken)
    one = Archiver(settings, FrozenClock(NOW))
    (repository.folder / "configuration").mkdir()
    (repository.folder / "configuration" / "README").write_text("stray")
    before = failed()
    with capture_logs() as lines:
        one.back_up_when_due()
    assert failed() - before == 1
    assert [(line["event"], line["error"]) for line in lines] == [("backup_failed", "ValueError")]


@pytest.mark.parametrize("fault", [SealBroken("x"), BackupProblem("x"), ValueError("x"), OSError("x")])
async def test_media_that_can_not_be_archived_keep_nothing_else_and_are_told(
    settings: ArchiverSettings,
    repository: Repository,
    monkeypatch: pytest.MonkeyPatch,
    fault: Exception,
) -> None:
    def broken(_: MediaArchive) -> int:
        raise fault

    one, health = (
        Archiver(settings, FrozenClock(NOW)),
        Health("archiver", monotonic=iter(range(100)).__next__),
    )
    health.add("archive_files", one.files_behind, needed=False)
    with monkeypatch.context() as patched, capture_logs() as lines:
        patched.setattr(MediaArchive, "round", broken)
        one.round()
        told = (await health.report()).checks["archive_files"][1]
    assert len(repository.names("configuration")) == 1
    assert [(line["event"], line["cluster"]) for line in lines[:1]] == [("archive_behind", "media")]
    one.round()
    await asyncio.sleep(0)
    health.monotonic = iter(range(1_000, 2_000)).__next__
    assert (told, (await health.report()).checks["archive_files"][1]) == ("behind", "")


class Rounds:
    """Rounds of 200 s on a clock of the test's own; the third is the last."""

    def __init__(self, stop: asyncio.Event) -> None:
        self.clusters: list[ClusterArchive] = []
        self.now = 0.0
        self._stop = stop
        self._done = 0

    def round(self) -> None:
        self._done += 1
        if self._done < 3:
            self.now += 200
        else:
            self._stop.set()


@pytest.fixture
def living() -> Iterator[threading.Thread]:
    """A thread that lives as long as the test."""
    over = threading.Event()
    thread = threading.Thread(target=over.wait)
    thread.start()
    yield thread
    over.set()
    thread.join()


async def silent_with(backups: threading.Thread) -> list[str]:
    """What is silent after three rounds."""
    rounds = Rounds(asyncio.Event())
    health = Health("archiver", monotonic=lambda: rounds.now)
    await archiver._rounds(rounds, 0.01, rounds._stop, health, backups)  # type: ignore[arg-type]  # a double
    return health.silent()


async def test_archiver_whose_thread_of_backups_ended_does_not_live() -> None:
    ended = threading.Thread(target=lambda: None)
    ended.start()
    ended.join()
    assert await silent_with(ended) == ["backups"]


async def test_archiver_whose_thread_of_backups_is_at_work_lives(living: threading.Thread) -> None:
    assert await silent_with(living) == []


def receiver(*, obeys: bool) -> subprocess.Popen[bytes]:
    """A process in a receiver's place."""
    deaf = "" if obeys else "trap '' INT; "
    process = subprocess.Popen(["sh", "-c", f"{deaf}echo; exec sleep 600"], stdout=subprocess.PIPE)
    assert process.stdout is not None
    process.stdout.readline()  # from here on the signal means what the test says
    process.stdout.close()
    return process


def test_receiver_that_does_not_stop_is_killed_and_the_others_are_stopped(
    settings: ArchiverSettings, repository: Repository, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(archive, "STOP_SECONDS", 0.2)
    database = DatabaseSettings(host="x", port=1, name="x", user="x", password_file=tmp_path / "none")
    processes = [receiver(obeys=False), receiver(obeys=True)]
    clusters = [
        ClusterArchive(str(number), database, tmp_path, repository, Programs(tmp_path), process)
        for number, process in enumerate(processes)
    ]
    try:
        with stopping(clusters):
            pass
        assert [process.poll() for process in processes] == [-9, -2]
    finally:
        for process in processes:
            process.kill()
            process.wait()
