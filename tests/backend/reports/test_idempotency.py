"""The same mutation twice, at once, and with another body."""

import asyncio
from datetime import timedelta

import pytest

from backend.reports.types import Submission
from foundation.errors import Forbidden, IdempotencyMismatch
from foundation.idempotency import Idempotency
from foundation.paging import PageRequest
from tests.backend.world import CONSTRUCTION, HOAN_KIEM, TEXT, World, key
from tests.conftest import Database

SUBMISSION = Submission("street_light", HOAN_KIEM, "Ngõ 12 phố Hàng Bài", TEXT)


async def test_repeated_submission_gets_the_stored_answer(world: World) -> None:
    citizen, once = await world.citizen(), key()
    first = await world.reports.submit(citizen, SUBMISSION, once)
    assert await world.reports.submit(citizen, SUBMISSION, once) == first


async def test_ten_submissions_at_once_make_one_report(world: World) -> None:
    citizen, once = await world.citizen(), key()
    await asyncio.gather(*(world.reports.submit(citizen, SUBMISSION, once) for _ in range(10)))
    assert len((await world.queries.mine(citizen, PageRequest(20))).items) == 1


async def test_same_key_with_another_body_is_refused(world: World) -> None:
    citizen, once = await world.citizen(), key()
    await world.reports.submit(citizen, SUBMISSION, once)
    with pytest.raises(IdempotencyMismatch):
        await world.reports.submit(citizen, SUBMISSION, Idempotency(once.key, b"\x02" * 32))


async def test_same_key_of_another_citizen_is_another_key(world: World) -> None:
    once = key()
    first = await world.reports.submit(await world.citizen("lan"), SUBMISSION, once)
    second = await world.reports.submit(await world.citizen("hung"), SUBMISSION, once)
    assert first.code != second.code


async def test_key_is_free_again_after_a_day(world: World) -> None:
    citizen, once = await world.citizen(), key()
    first = await world.reports.submit(citizen, SUBMISSION, once)
    world.clock.advance(timedelta(hours=24, seconds=1))
    assert (await world.reports.submit(citizen, SUBMISSION, once)).code != first.code


async def test_key_of_a_refused_step_is_not_used_up(world: World) -> None:
    code = (await world.submitted()).code
    officer, once = await world.official("minh"), key()
    await world.reports.forward(officer, code, 1, CONSTRUCTION, "x", key())
    with pytest.raises(Forbidden):
        await world.reports.accept(officer, code, 2, once)
    construction = await world.official("ha")
    await world.reports.forward(construction, code, 2, HOAN_KIEM, "x", key())
    assert (await world.reports.accept(officer, code, 3, once)).version == 4


async def test_two_officers_at_once_one_wins_one_is_told(world: World, database: Database) -> None:
    code = (await world.submitted()).code
    officers = [await world.official("minh"), await world.official("thao")]
    answers = await asyncio.gather(
        *(world.reports.accept(officer, code, 1, key()) for officer in officers), return_exceptions=True
    )
    assert sorted(type(answer).__name__ for answer in answers) == ["Changed", "VersionConflict"]
