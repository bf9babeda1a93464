"""Uploads that never end, hardly begin, or come a hundred at once."""

import asyncio
import itertools
from collections.abc import AsyncIterator
from pathlib import Path

import msgspec
import pytest

from foundation.settings import OperationRate
from tests.backend.media.pictures import pdf, photo
from tests.backend.media.rig import WIDE, MediaApi, code_of, serving
from tests.conftest import Database

MEBIBYTE = 1024 * 1024


class Endless:
    """A file that begins well and goes on; how much of it was asked for."""

    def __init__(self, beginning: bytes) -> None:
        self.asked = 0
        self._beginning = beginning

    async def __aiter__(self) -> AsyncIterator[bytes]:
        yield self._beginning
        while True:
            self.asked += 1
            yield bytes(MEBIBYTE)


async def dribbling(pause: float) -> AsyncIterator[bytes]:
    """A photo, an octet at a time."""
    for octet in photo():
        yield bytes([octet])
        await asyncio.sleep(pause)


async def silent() -> AsyncIterator[bytes]:
    """The beginning of a photo and no more."""
    yield photo()[:100]
    await asyncio.sleep(3_600)


async def unread() -> AsyncIterator[bytes]:
    """Whoever asks for this has read too much."""
    raise AssertionError("the body was asked for")
    yield b""


@pytest.fixture
def impatient() -> dict[str, float]:
    """Short waits."""
    return {"idle_seconds": 0.3, "upload_seconds": 1.0}


@pytest.mark.parametrize(
    ("beginning", "largest"), [(photo(), 15), (pdf(), 20), (b"PK\x03\x04" + bytes(60), 20)]
)
async def test_file_without_a_length_is_read_no_further_than_its_limit(
    api: MediaApi, beginning: bytes, largest: int
) -> None:
    report, endless = await api.report(), Endless(beginning)
    answer = await api.upload(endless, report.code)
    assert (answer.status_code, code_of(answer), endless.asked) == (413, "media.too_large", largest)


async def test_photo_may_have_15_mebibytes(api: MediaApi) -> None:
    report = await api.report()
    largest = photo()
    answer = await api.upload(largest + bytes(15 * MEBIBYTE - len(largest)), report.code)
    assert answer.status_code == 201


async def test_announced_gigabyte_is_refused_unread(api: MediaApi) -> None:
    report = await api.report()
    answer = await api.upload(unread(), report.code, content_length="1000000000")
    assert (answer.status_code, code_of(answer)) == (413, "media.too_large")


async def test_other_type_is_refused_after_its_first_octets(api: MediaApi) -> None:
    report, endless = await api.report(), Endless(b"GIF89a" + bytes(60))
    answer = await api.upload(endless, report.code)
    assert (answer.status_code, endless.asked) == (415, 0)


@pytest.mark.parametrize("key", ["short", "x" * 65, "k" * 20 + " "])
async def test_key_of_another_form_is_refused_before_the_file_is_read(api: MediaApi, key: str) -> None:
    report, endless = await api.report(), Endless(b"\xff\xd8\xff\xe0")
    answer = await api.upload(endless, report.code, key=key)
    assert (answer.status_code, code_of(answer), endless.asked) == (400, "common.invalid_input", 0)


async def test_nobody_is_read_before_he_is_known(api: MediaApi) -> None:
    report = await api.report()
    answer = await api.ask("POST", "/media", {"report": report.code}, None, content=unread())
    assert answer.status_code == 401


@pytest.mark.parametrize("pause", [silent, lambda: dribbling(0.05)], ids=["silent", "dribbling"])
async def test_file_that_does_not_come_ends_the_request(
    database: Database, tmp_path: Path, impatient: dict[str, float], pause: object
) -> None:
    async with serving(database, tmp_path, **impatient) as api:
        report = await api.report()
        answer = await api.upload(pause(), report.code)  # type: ignore[operator]  # both make a stream
    assert (answer.status_code, code_of(answer)) == (408, "media.too_slow")
    assert api.files() == []


async def test_of_a_hundred_at_once_one_person_has_three(database: Database, tmp_path: Path) -> None:
    go_on = asyncio.Event()

    async def held() -> AsyncIterator[bytes]:
        await go_on.wait()
        yield photo(width=32, height=32)

    async with serving(database, tmp_path, idle_seconds=60.0) as api:
        report = await api.report()
        sent = [asyncio.create_task(api.upload(held(), report.code)) for _ in range(100)]
        for finished in itertools.islice(asyncio.as_completed(sent), 97):
            await finished
        go_on.set()
        answers = [answer.status_code for answer in await asyncio.gather(*sent)]
    assert (answers.count(201), answers.count(503)) == (3, 97)


async def test_who_sends_too_many_waits(database: Database, tmp_path: Path) -> None:
    two = msgspec.structs.replace(
        WIDE, operations={"uploadMedia": OperationRate(amount=2, seconds=3_600, who="citizen")}
    )
    async with serving(database, tmp_path, two) as api:
        report = await api.report()
        answers = [await api.upload(photo(width=32, height=32), report.code) for _ in range(3)]
    assert [answer.status_code for answer in answers] == [201, 201, 429]
