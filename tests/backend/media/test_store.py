"""A folder and S3 keep the same promises; photos and the sweep on S3."""

from collections.abc import AsyncIterator, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from uuid import UUID

import pytest
from obstore.exceptions import BaseError

from audit.recorder import AuditRecorder
from audit.refusals import RefusalCounter
from backend.media.jobs import MediaSweep
from backend.media.store import MediaStore, ObjectAbsent, store_of
from backend.media.types import Size
from foundation.clock import FrozenClock
from foundation.database.database import Database as Connected
from foundation.ids import new_uuid
from foundation.settings import MediaSettings, S3Settings
from tests.backend.media.pictures import office, photo
from tests.backend.media.rig import MediaApi, serving
from tests.backend.media.s3 import S3Server, s3_server
from tests.backend.media.test_sweep import whole
from tests.conftest import Database

FORMS = {Size.THUMB: b"thumb", Size.LARGE: b"large", Size.FULL: b"full"}
SHARD = "00"


def settings(folder: Path, s3: S3Settings | None) -> MediaSettings:
    """A store in `folder`, or on S3."""
    where = folder / "objects" if s3 is None else None
    return MediaSettings(folder=where, s3=s3, link_key_file=folder / "links", scan_required=False)


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[S3Server]:
    with s3_server(tmp_path_factory.mktemp("s3")) as running:
        yield running


@pytest.fixture
def s3(server: S3Server) -> S3Settings:
    """An empty bucket."""
    server.empty()
    return server.settings()


@pytest.fixture(params=["folder", "s3"])
def store(request: pytest.FixtureRequest, tmp_path: Path, s3: S3Settings) -> MediaStore:
    """An empty store of each kind."""
    return store_of(settings(tmp_path, s3 if request.param == "s3" else None))


@pytest.fixture
async def api(database: Database, tmp_path: Path, s3: S3Settings) -> AsyncIterator[MediaApi]:
    """The routes, with their files on S3."""
    async with serving(database, tmp_path, s3=s3) as api:
        yield api


@pytest.fixture
async def sweep(api: MediaApi, tmp_path: Path, s3: S3Settings) -> AsyncIterator[MediaSweep]:
    """The worker's sweep over S3, two hours from now."""
    clock = FrozenClock(datetime.now(UTC) + timedelta(hours=2))
    recorder = AuditRecorder(
        service="ioc-backend", clock=clock, new_id=new_uuid, random_bytes=bytes, refusals=RefusalCounter()
    )
    database = Connected(api.test_database.settings("backend_worker"), recorder)
    made = MediaSweep(database, store_of(settings(tmp_path, s3)), clock, new_uuid)
    await made.run(0)  # in the first hour, before there is anything
    yield made
    await database.close()


def in_shard(number: int) -> UUID:
    """An id whose last octet is the first share's."""
    return UUID(hex=f"{number:030x}{SHARD}")


async def test_what_was_put_is_read_back(store: MediaStore) -> None:
    media_id = new_uuid()
    await store.put(media_id, FORMS)
    assert {size: await store.get(media_id, size) for size in FORMS} == FORMS


async def test_absent_form_is_absent(store: MediaStore) -> None:
    media_id = new_uuid()
    await store.put(media_id, {Size.FULL: b"full"})
    there = [await store.exists(media_id, size) for size in (Size.FULL, Size.THUMB)]
    assert there == [True, False]
    with pytest.raises(ObjectAbsent):
        await store.get(media_id, Size.THUMB)


async def test_delete_takes_every_form_of_one_and_of_no_other(store: MediaStore) -> None:
    first, second = in_shard(1), in_shard(2)
    await store.put(first, FORMS)
    await store.put(second, FORMS)
    await store.delete(first)
    left = {media_id async for media_id, _ in store.in_shard(0)}
    assert left == {second}


async def test_delete_of_what_is_not_there_is_no_fault(store: MediaStore) -> None:
    await store.delete(new_uuid())


async def test_share_tells_each_form_and_its_moment(store: MediaStore) -> None:
    began = datetime.now(UTC) - timedelta(seconds=5)
    await store.put(in_shard(1), FORMS)
    await store.put(UUID(hex="f" * 32), FORMS)
    found = [
        (media_id, began < at < datetime.now(UTC) + timedelta(seconds=5))
        async for media_id, at in store.in_shard(0)
    ]
    assert found == [(in_shard(1), True)] * 3


async def test_share_of_more_than_one_page_is_listed_whole(store: MediaStore) -> None:
    ids = {in_shard(number) for number in range(1, 1_102)}
    for media_id in ids:
        await store.put(media_id, {Size.FULL: b"x"})
    assert {media_id async for media_id, _ in store.in_shard(0)} == ids


async def test_store_that_is_away_is_a_failure_and_not_an_absent_file(tmp_path: Path, s3: S3Settings) -> None:
    with s3_server(tmp_path) as gone:
        away = gone.settings()
    with pytest.raises(BaseError) as failure:
        await store_of(settings(tmp_path, away)).exists(new_uuid(), Size.FULL)
    assert not isinstance(failure.value, FileNotFoundError)


@pytest.mark.parametrize("endpoint", ["http://s3.example", "http://127.0.0.1.example", "ftp://127.0.0.1"])
def test_plain_http_to_another_machine_is_refused(tmp_path: Path, endpoint: str) -> None:
    with pytest.raises(ValueError, match="https"):
        S3Settings(
            bucket="b", region="r", endpoint=endpoint, access_key_file=tmp_path, secret_key_file=tmp_path
        )


async def test_photo_and_document_are_kept_on_s3_and_read_back(api: MediaApi) -> None:
    report = await api.report()
    shown = (await api.upload(photo(), report.code)).json()["media"]
    written = office()
    kept = (await api.upload(written, report.code)).json()["media"]
    picture, document = await api.read(shown["id"], size="full"), await api.read(kept["id"], size="document")
    assert (picture.status_code, picture.content[:2]) == (200, b"\xff\xd8")
    assert (document.status_code, document.content) == (200, written)
    assert api.files() == []


async def test_orphans_on_s3_are_removed_and_told_of_and_others_stay(
    api: MediaApi, sweep: MediaSweep
) -> None:
    report = await api.report()
    media = (await api.upload(photo(), report.code)).json()["media"]
    orphan = new_uuid()
    await sweep._store.put(orphan, FORMS)
    assert await whole(sweep) == (1, 0)
    assert [await sweep._store.exists(orphan, size) for size in FORMS] == [False] * 3
    assert (await api.read(media["id"], size="full")).status_code == 200
    assert api.rows("SELECT count(*) FROM audit.event WHERE line LIKE '%%\"media.sweep\"%%'") == [(1,)]


async def test_objects_of_an_upload_under_way_stay_on_s3(api: MediaApi, sweep: MediaSweep) -> None:
    young = new_uuid()
    await sweep._store.put(young, FORMS)
    sweep._clock = FrozenClock(datetime.now(UTC))
    assert (await whole(sweep), await sweep._store.exists(young, Size.FULL)) == ((0, 0), True)


async def test_row_whose_object_is_gone_from_s3_is_lost(api: MediaApi, sweep: MediaSweep) -> None:
    report = await api.report()
    await api.upload(photo(), report.code)
    ((media_id,),) = api.rows("SELECT id FROM media.object")
    await sweep._store.delete(media_id)
    assert await whole(sweep) == (0, 1)
    assert api.rows("SELECT state, position FROM media.object") == [("lost", None)]
