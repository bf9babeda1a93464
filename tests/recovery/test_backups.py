"""Backups are taken when one is due, and old ones are removed with what they alone needed."""

import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

import httpx
import msgspec
import pytest

from foundation.settings import ArchivedCluster, ArchiverSettings, OperationsSettings
from recovery.backups import Source, due, prune, take_backup
from recovery.files import MediaArchive
from recovery.repository import Manifest, Segment, moment
from recovery.sealed import SealBroken
from stack.home import ROOT
from stack.settings_files import write_settings
from tests.conftest import _home
from tests.recovery.rig import Rig, archived_cluster, content
from tests.services.test_operations import unused_port

HOUR = timedelta(hours=1)


@pytest.fixture
def media(tmp_path: Path) -> Path:
    """The media's own folder."""
    folder = tmp_path / "media"
    folder.mkdir()
    return folder


@pytest.fixture
def rig(tmp_path: Path) -> Iterator[Rig]:
    """A cluster of the test's own: WAL that a test removes is no other's."""
    with _home("ioc-pruned-") as home, archived_cluster(home, tmp_path / "repository") as rig:
        yield rig


def source_of(rig: Rig, media: Path) -> Source:
    """What the archiver backs up."""
    key = rig.cluster.home.backup_key
    return Source(
        clusters={"backend": rig.cluster.settings(rig.cluster.backup_role, "postgres", 1)},
        programs=rig.programs,
        media_folder=media,
        configuration=[key.parent],
        key_file=key,
    )


def backed_up(rig: Rig, media: Path) -> Manifest:
    """A backup of now, and a second later."""
    rig.archive.round()
    manifest = take_backup(rig.repository, source_of(rig, media))
    time.sleep(1.1)  # an id is a second
    return manifest


def test_what_is_left_is_whole_and_brings_the_cluster_back(rig: Rig, media: Path) -> None:
    old = backed_up(rig, media)
    rig.run("SELECT pg_switch_wal()", "CREATE TABLE public.kept (id int)", "SELECT pg_switch_wal()")
    new = backed_up(rig, media)
    rig.run("INSERT INTO public.kept VALUES (1)", "SELECT pg_switch_wal()")
    newest = rig.archive.round()
    removed = prune(rig.repository, media, new.ended_at)
    assert (removed.backups, rig.repository.ids()) == ((old.id,), [new.id])
    assert (removed.wal > 0, rig.repository.names("backend/base")) == (True, [new.id])
    assert rig.repository.verify(new) > 0
    with _home("ioc-brought-") as elsewhere:
        recovery = rig.recovery(elsewhere, new.clusters["backend"], newest.at)
        recovery.bring()
        with recovery.recovered() as cluster:
            assert content(cluster)["public.kept"][0] == 1
        recovery.cluster.remove()


def test_wal_of_the_oldest_kept_backup_stays(rig: Rig, media: Path) -> None:
    first = backed_up(rig, media)
    rig.run("SELECT pg_switch_wal()")
    backed_up(rig, media)
    entry = first.clusters["backend"]
    start = Segment.of_lsn(entry.timeline, entry.start_lsn)
    before = rig.repository.wal("backend", start)
    prune(rig.repository, media, first.ended_at)
    assert rig.repository.wal("backend", start) == before
    assert prune(rig.repository, media, first.ended_at).wal == 0


def test_newest_backup_stays_however_old(rig: Rig, media: Path) -> None:
    backed_up(rig, media)
    newest = backed_up(rig, media)
    prune(rig.repository, media, datetime.now(UTC) + 1000 * HOUR)
    assert rig.repository.ids() == [newest.id]


def test_base_that_was_broken_off_goes_with_the_old(rig: Rig, media: Path) -> None:
    rig.archive.round()
    rig.back_up()  # and no manifest
    time.sleep(1.1)
    manifest = backed_up(rig, media)
    prune(rig.repository, media, manifest.ended_at)
    assert rig.repository.names("backend/base") == [manifest.id]


def test_photo_that_was_removed_leaves_with_the_last_backup_that_needs_it(rig: Rig, media: Path) -> None:
    (media / "gone").write_bytes(b"a photo")
    (media / "kept").write_bytes(b"another")
    first = backed_up(rig, media)
    (media / "gone").unlink()
    second = backed_up(rig, media)
    assert [entry.name for entry in second.media] == ["media/kept"]
    assert prune(rig.repository, media, first.ended_at).media == 0
    assert prune(rig.repository, media, second.ended_at).media == 1
    assert not (rig.repository.folder / "media" / "gone").exists()
    assert rig.repository.verify(second) > 0


def test_photo_that_came_and_went_between_two_backups_stays_as_long_as_its_moments(
    rig: Rig, media: Path
) -> None:
    first = backed_up(rig, media)
    (media / "brief").write_bytes(b"a photo")
    assert MediaArchive(media, rig.repository).round() == 1  # as the archiver does
    time.sleep(1.1)
    (media / "brief").unlink()
    second = backed_up(rig, media)
    prune(rig.repository, media, first.ended_at)
    assert (rig.repository.folder / "media" / "brief").exists()
    assert prune(rig.repository, media, second.ended_at).media == 1


def test_nothing_there_is_nothing_to_remove(rig: Rig, media: Path) -> None:
    assert prune(rig.repository, media, datetime.now(UTC)).backups == ()


def test_manifest_that_does_not_open_ends_it_before_anything_goes(rig: Rig, media: Path) -> None:
    first, second = backed_up(rig, media), backed_up(rig, media)
    path = rig.repository.folder / "backups" / second.id
    path.write_bytes(path.read_bytes()[:-1] + b"x")
    with pytest.raises(SealBroken):
        prune(rig.repository, media, datetime.now(UTC))
    assert rig.repository.ids() == [first.id, second.id]


@pytest.mark.parametrize(
    ("newest", "every", "wanted"),
    [
        (None, 24 * HOUR, True),
        (timedelta(hours=23), 24 * HOUR, False),
        (timedelta(hours=24), 24 * HOUR, True),
        (None, timedelta(0), False),
    ],
)
def test_backup_is_due(newest: timedelta | None, every: timedelta, wanted: bool) -> None:
    now = datetime(2026, 11, 27, tzinfo=UTC)
    assert due(None if newest is None else now - newest, every, now) is wanted


@contextmanager
def archiver(rig: Rig, media: Path, folder: Path) -> Iterator[int]:
    """The process, taking backups by itself. Where it answers its operators."""
    port = unused_port()
    settings = ArchiverSettings(
        environment="development",
        repository_folder=rig.repository.folder,
        key_file=rig.cluster.home.backup_key,
        programs_folder=rig.programs.folder,
        clusters={
            "backend": ArchivedCluster(
                database=rig.cluster.settings(rig.cluster.backup_role, "postgres", 1),
                spool_folder=folder / "spool",
            )
        },
        media_folder=media,
        configuration=[rig.cluster.home.backup_key.parent],
        round_seconds=0.5,
        backup_hours=24,
        operations=OperationsSettings(port=port),
    )
    file = folder / "archiver.toml"
    write_settings(file, settings)
    command = [sys.executable, "-m", "services.archiver", "--settings", str(file)]
    with (folder / "archiver.log").open("wb") as log:
        process = subprocess.Popen(command, cwd=ROOT, stdout=log, stderr=log)
    try:
        yield port
    finally:
        process.send_signal(signal.SIGTERM)
        assert process.wait(120) == 0


def test_archiver_takes_its_first_backup_and_shows_what_it_reached(
    rig: Rig, media: Path, tmp_path: Path
) -> None:
    rig.archive.stop()
    with archiver(rig, media, tmp_path) as port:
        until = time.monotonic() + 60
        while not rig.repository.ids() and time.monotonic() < until:
            time.sleep(0.2)
        time.sleep(1)
        shown = httpx.get(f"http://127.0.0.1:{port}/metrics", trust_env=False).text
        ready = httpx.get(f"http://127.0.0.1:{port}/health/ready", trust_env=False).json()
    values = dict(line.rsplit(" ", 1) for line in shown.splitlines() if not line.startswith("#"))
    (backup_id,) = rig.repository.ids()
    assert float(values["ioc_backup_ended_timestamp_seconds"]) >= moment(backup_id).timestamp()
    assert float(values['ioc_archive_reached_timestamp_seconds{part="backend"}']) > time.time() - 30
    assert values['ioc_backups_total{outcome="taken"}'] == "1.0"
    assert (ready["service"], ready["state"]) == ("archiver", "ready")


def test_media_that_are_archived_by_nobody_are_no_settings() -> None:
    given = {
        "environment": "development",
        "repository_folder": "/x",
        "key_file": "/k",
        "programs_folder": "/p",
        "clusters": {},
    }
    with pytest.raises(msgspec.ValidationError, match="media_elsewhere"):
        msgspec.convert(given, ArchiverSettings, dec_hook=lambda _, value: Path(value))
