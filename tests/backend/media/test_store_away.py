"""A store that is away, or is another one, costs neither rows nor objects."""

from pathlib import Path
from uuid import UUID

import pytest
from structlog.testing import capture_logs

from backend.media.jobs import MediaSweep
from backend.media.store import MARKER
from backend.media.types import Size
from foundation.telemetry import metrics
from tests.backend.media.pictures import office, photo
from tests.backend.media.rig import MediaApi
from tests.backend.media.test_sweep import sweep, whole

__all__ = ["sweep"]

_COPY = """
    INSERT INTO media.object (id, report_id, position, uploader_id, kind, state, content, octets, created_at)
    SELECT %s, report_id, %s, uploader_id, kind, state, content, octets, created_at FROM media.object
    WHERE position = 1 RETURNING id
"""
OF_ONE_SHARE = [UUID(hex=f"{number:030x}07") for number in range(1, 9)]


def counted(name: str) -> float:
    """What a counter stands at."""
    return metrics.REGISTRY.get_sample_value(name) or 0.0


@pytest.fixture
async def documents(api: MediaApi, sweep: MediaSweep) -> list[UUID]:
    """Eight documents of one share, in a store that the sweep knows."""
    report = await api.report()
    await api.upload(office(), report.code)
    for position, media_id in enumerate(OF_ONE_SHARE, 2):
        api.rows(_COPY, media_id, position)
        await sweep._store.put(media_id, {Size.DOCUMENT: b"x"})
    assert await whole(sweep) == (0, 0)
    return OF_ONE_SHARE


def states(api: MediaApi) -> set[tuple[str]]:
    return set(api.rows("SELECT state FROM media.object"))


async def test_store_that_was_away_loses_nothing(api: MediaApi, sweep: MediaSweep) -> None:
    report = await api.report()
    await api.upload(photo(), report.code)
    await whole(sweep)
    before, refused = api.files(), counted("ioc_media_sweeps_refused_total")
    away = api.folder.rename(api.folder.with_name("away"))
    api.folder.mkdir()
    with capture_logs() as lines:
        assert await whole(sweep) == (0, 0)
    assert {line["event"] for line in lines} == {"media_store_unknown"}
    assert counted("ioc_media_sweeps_refused_total") == refused + 16
    assert states(api) == {("private",)}
    api.folder.rmdir()
    away.rename(api.folder)
    assert (await whole(sweep), api.files()) == ((0, 0), before)


async def test_store_that_is_away_is_not_swept(api: MediaApi, sweep: MediaSweep, tmp_path: Path) -> None:
    report = await api.report()
    await api.upload(photo(), report.code)
    await whole(sweep)
    api.folder.rename(tmp_path / "away")
    api.folder.mkdir()
    another = OF_ONE_SHARE[0]
    await sweep._store.put(another, {Size.FULL: b"of somebody else"})
    await whole(sweep)
    assert await sweep._store.exists(another, Size.FULL)


async def test_objects_of_lost_rows_stay(api: MediaApi, sweep: MediaSweep) -> None:
    report = await api.report()
    await api.upload(photo(), report.code)
    await sweep.run(0)
    api.files()[0].unlink()
    assert await whole(sweep) == (0, 1)
    assert (await whole(sweep), len(api.files())) == ((0, 0), 2)


async def test_many_that_are_gone_at_once_are_an_alarm_and_no_row_is_marked(
    api: MediaApi, sweep: MediaSweep, documents: list[UUID]
) -> None:
    orphan = UUID(hex=f"{99:030x}07")
    await sweep._store.put(orphan, {Size.FULL: b"x"})
    for media_id in documents[:4]:
        await sweep._store.delete(media_id)
    refused = counted("ioc_media_sweeps_refused_total")
    with capture_logs() as lines:
        assert await whole(sweep) == (0, 0)
    assert [line["event"] for line in lines if line["log_level"] == "error"] == ["media_many_gone"]
    assert counted("ioc_media_sweeps_refused_total") == refused + 1
    assert states(api) == {("private",)}
    assert await sweep._store.exists(orphan, Size.FULL)


async def test_few_that_are_gone_are_lost_and_counted(
    api: MediaApi, sweep: MediaSweep, documents: list[UUID]
) -> None:
    for media_id in documents[:3]:
        await sweep._store.delete(media_id)
    lost = counted("ioc_media_lost_total")
    assert await whole(sweep) == (0, 3)
    assert counted("ioc_media_lost_total") == lost + 3


async def test_store_of_an_older_release_is_known_by_what_is_in_it(api: MediaApi, sweep: MediaSweep) -> None:
    report = await api.report()
    await api.upload(photo(), report.code)
    (api.folder / MARKER).unlink()
    orphan = OF_ONE_SHARE[0]
    await sweep._store.put(orphan, {Size.FULL: b"x"})
    assert await whole(sweep) == (1, 0)
    assert await sweep._store.is_marked()


async def test_removed_orphans_are_counted(api: MediaApi, sweep: MediaSweep) -> None:
    await sweep._store.put(OF_ONE_SHARE[0], {Size.FULL: b"x"})
    removed = counted("ioc_media_orphans_total")
    await whole(sweep)
    assert counted("ioc_media_orphans_total") == removed + 1
