"""Cut in time, until there is no way back."""

import asyncio

import pytest

from foundation.deadline import deadline, no_way_back


async def test_work_is_cut_when_the_time_is_over() -> None:
    with pytest.raises(TimeoutError):
        async with deadline(0.01):
            await asyncio.sleep(60)


async def test_work_goes_on_after_the_point_of_no_return() -> None:
    async with deadline(0.01):
        no_way_back()
        await asyncio.sleep(0.05)


async def test_point_of_no_return_counts_in_a_task_of_the_work() -> None:
    async def commit() -> None:
        no_way_back()
        await asyncio.sleep(0.05)

    async with deadline(0.01):
        await asyncio.create_task(commit())


async def test_there_is_no_commit_when_the_work_was_cut_already() -> None:
    outcome: list[str] = []

    async def commit() -> None:
        try:
            await asyncio.sleep(60)
        finally:
            try:
                no_way_back()
            except RuntimeError:
                outcome.append("refused")

    with pytest.raises(TimeoutError):
        async with deadline(0.01):
            await commit()
    assert outcome == ["refused"]


async def test_without_a_deadline_there_is_nothing_to_hold() -> None:
    no_way_back()
