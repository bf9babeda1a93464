"""Cut in time, until there is no way back."""

import asyncio

import pytest

from foundation.deadline import OutOfTime, _current, deadline, no_way_back, one_of_many


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
    async with one_of_many():
        no_way_back()


async def test_one_of_many_is_cut_though_one_before_was_kept_and_the_answer_goes_on() -> None:
    outcomes: list[str] = []
    async with deadline(3600):
        whole = _current.get()
        assert whole is not None
        async with one_of_many():
            no_way_back()
            whole.ends = 0
            await asyncio.sleep(0.01)
            outcomes.append("kept")
        for _ in range(2):
            with pytest.raises(OutOfTime):
                async with one_of_many():
                    outcomes.append("begun")
        await asyncio.sleep(0.01)
    assert outcomes == ["kept"]


async def test_one_of_many_is_cut_while_it_runs() -> None:
    async with deadline(0.01):
        with pytest.raises(OutOfTime):
            async with one_of_many():
                await asyncio.sleep(60)


async def test_fault_of_one_of_many_is_its_own() -> None:
    async with deadline(3600):
        with pytest.raises(TimeoutError, match="another's"):
            async with one_of_many():
                raise TimeoutError("another's")
