"""Batches: never of fewer than five people, nothing twice, the finest group that has company."""

import random
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from uuid import UUID

import h3
import pytest

from backend.statistics.suppression import (
    LADDERS,
    Dimension,
    Group,
    Waiting,
    batches,
    rate,
    rounded,
    stars,
)

NOW = datetime(2026, 11, 24, 5, 0, tzinfo=UTC)
PLACE = LADDERS[Dimension.PLACE]
HERE = h3.latlng_to_cell(21.0245, 105.8516, 9)
NEXT = sorted(set(h3.cell_to_children(h3.cell_to_parent(HERE, 8), 9)) - {HERE})[0]


def _of(
    people: Sequence[int], cell: str | None = HERE, hours: float = 0, ward: int = 70, first: int = 0
) -> list[Waiting]:
    group = Group(ward=ward, cell=None if cell is None else h3.str_to_int(cell))
    since = NOW - timedelta(hours=hours)
    return [
        Waiting(UUID(int=first + number), UUID(int=1_000_000 + person), since, group)
        for number, person in enumerate(people, start=1)
    ]


def _groups(waiting: list[Waiting]) -> list[tuple[int | None, int, int]]:
    """(ward, resolution or 0, reports) of what is let out."""
    found = batches(waiting, PLACE, NOW)
    return [
        (b.group.ward, (b.group.cell and h3.get_resolution(h3.int_to_str(b.group.cell))) or 0, len(b.members))
        for b in found
    ]


def test_four_people_wait_and_the_fifth_lets_them_out() -> None:
    assert _groups(_of([1, 2, 3, 4])) == []
    assert _groups(_of([1, 2, 3, 4, 5])) == [(70, 9, 5)]


def test_one_person_with_many_reports_stays_one_person() -> None:
    assert _groups(_of([1] * 100)) == []
    assert _groups(_of([1] * 100 + [2, 3, 4])) == []


def test_who_waits_finds_company_in_a_larger_cell() -> None:
    waiting = _of([1, 2, 3]) + _of([4, 5], NEXT, first=10)
    assert _groups(waiting) == []
    aged = _of([1, 2, 3], hours=7) + _of([4, 5], NEXT, first=10)
    assert _groups(aged) == [(70, 8, 5)]


def test_a_place_without_a_cell_is_told_of_its_ward() -> None:
    assert _groups(_of([1, 2, 3, 4, 5], None)) == []
    assert _groups(_of([1, 2, 3, 4, 5], None, hours=49)) == [(70, 0, 5)]


def test_a_thin_ward_is_told_of_the_city() -> None:
    waiting = _of([1, 2], None, hours=200) + _of([3, 4, 5], None, ward=71, first=10)
    assert _groups(waiting) == [(None, 0, 5)]


def test_cells_of_two_wards_are_not_one() -> None:
    assert _groups(_of([1, 2, 3]) + _of([4, 5], ward=71, first=10)) == []


@pytest.mark.parametrize("seed", range(20))
def test_whatever_waits_no_batch_is_of_fewer_than_five_and_nothing_is_told_twice(seed: int) -> None:
    draw = random.Random(seed)
    cells = [HERE, NEXT, h3.latlng_to_cell(21.2, 105.9, 9), None]
    waiting = [
        Waiting(
            UUID(int=number),
            UUID(int=draw.randrange(12)),
            NOW - timedelta(hours=draw.expovariate(1 / 40)),
            Group(
                ward=draw.choice([70, 71]),
                cell=None if (cell := draw.choice(cells)) is None else h3.str_to_int(cell),
            ),
        )
        for number in range(draw.randrange(60))
    ]
    found = batches(waiting, PLACE, NOW)
    told = [member.report for batch in found for member in batch.members]
    assert len(told) == len(set(told))
    assert all(len({member.reporter for member in batch.members}) >= 5 for batch in found)
    assert all(
        {member.group.ward for member in batch.members} == {batch.group.ward}
        for batch in found
        if batch.group.ward is not None
    )


def test_the_order_of_arrival_in_the_table_does_not_matter() -> None:
    waiting = _of([1, 2, 3, 4, 5, 6], hours=3) + _of([7, 8], NEXT, hours=30, first=10)
    assert batches(waiting, PLACE, NOW) == batches(list(reversed(waiting)), PLACE, NOW)


def test_numbers_are_rounded() -> None:
    assert [rounded(number) for number in (0, 2, 3, 5, 7, 8, 12, 13)] == [0, 0, 5, 5, 5, 10, 10, 15]
    assert [rate(part, whole) for part, whole in ((0, 0), (24, 25), (25, 25), (20, 40), (2, 40))] == [
        None, 100, 100, 50, 0,
    ]  # fmt: skip
    assert [stars(points, ratings) for points, ratings in ((0, 0), (21, 5), (24, 5), (6, 5))] == [
        None, 4.0, 5.0, 1.0,
    ]  # fmt: skip
