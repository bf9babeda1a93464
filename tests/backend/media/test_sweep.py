"""Objects and rows stay the same set, whatever broke off in between."""

from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from audit.recorder import AuditRecorder
from audit.refusals import RefusalCounter
from backend.media.jobs import SHARDS_A_RUN, MediaSweep
from backend.media.store import SHARDS, store_of
from backend.media.types import Size
from foundation.clock import FrozenClock
from foundation.database.database import Database
from foundation.ids import new_uuid
from foundation.settings import MediaSettings
from tests.backend.media.pictures import office, photo
from tests.backend.media.rig import MediaApi, code_of

HOURS = range(SHARDS // SHARDS_A_RUN)


@pytest.fixture
async def sweep(api: MediaApi, tmp_path: Path) -> AsyncIterator[MediaSweep]:
    """The worker's sweep, two hours from now."""
    clock = FrozenClock(datetime.now(UTC) + timedelta(hours=2))
    recorder = AuditRecorder(
        service="ioc-backend", clock=clock, new_id=new_uuid, random_bytes=bytes, refusals=RefusalCounter()
    )
    database = Database(api.test_database.settings("backend_worker"), recorder)
    settings = MediaSettings(folder=api.folder, link_key_file=tmp_path / "media-links", scan_required=False)
    made = MediaSweep(database, store_of(settings), clock, new_uuid)
    await made.run(0)  # in the first hour, before there is anything
    yield made
    await database.close()


async def whole(sweep: MediaSweep) -> tuple[int, int]:
    """Every share once."""
    results = [await sweep.run(hour) for hour in HOURS]
    return sum(removed for removed, _ in results), sum(lost for _, lost in results)


async def test_files_with_rows_stay(api: MediaApi, sweep: MediaSweep) -> None:
    report = await api.report()
    await api.upload(photo(), report.code)
    await api.upload(office(), report.code)
    before = api.files()
    assert (await whole(sweep), api.files()) == ((0, 0), before)


async def test_objects_without_a_row_are_removed_and_told_of(api: MediaApi, sweep: MediaSweep) -> None:
    report = await api.report()
    await api.upload(photo(), report.code)
    await sweep._store.put(new_uuid(), {Size.THUMB: b"x", Size.FULL: b"y"})
    assert (await whole(sweep), len(api.files())) == ((1, 0), 3)
    assert api.rows("SELECT count(*) FROM audit.event WHERE line LIKE '%%\"media.sweep\"%%'") == [(1,)]


async def test_objects_of_an_upload_under_way_stay(api: MediaApi, sweep: MediaSweep) -> None:
    await sweep._store.put(new_uuid(), {Size.FULL: b"y"})
    sweep._clock = FrozenClock(datetime.now(UTC))
    assert (await whole(sweep), len(api.files())) == ((0, 0), 1)


async def test_row_without_its_object_is_lost_and_makes_room(api: MediaApi, sweep: MediaSweep) -> None:
    report = await api.report()
    media = (await api.upload(photo(), report.code)).json()["media"]
    api.files()[0].unlink()
    assert await whole(sweep) == (0, 1)
    answer = await api.read(media["id"], size="full")
    assert (answer.status_code, code_of(answer)) == (404, "common.not_found")
    assert api.rows("SELECT state, position FROM media.object") == [("lost", None)]
    assert (await api.upload(photo(), report.code)).status_code == 201
