"""What may be told: in batches of at least five people, and nothing that was not in a batch. Pure.

A report waits until those of four other people stand beside it in the same group; then all of them are let
out as one batch, which is never told apart again. The longer it waits, the larger the group in which company
is looked for. Every published number is a sum of whole batches, and so is every difference between two of
them, of one hour and the next, or of a whole and its parts: none is about fewer than five people.
"""

from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import NamedTuple
from uuid import UUID

import h3

FEWEST = 5
"""People of a batch."""
STEP = 5
"""What numbers are rounded to."""


class Dimension(StrEnum):
    """By what a table tells things apart. Each has batches of its own."""

    PLACE = "place"
    CATEGORY = "category"
    DEADLINE = "deadline"
    RATING = "rating"


class Group(NamedTuple):
    """What a batch is said to be of. Nothing at all is the whole city."""

    ward: int | None = None
    cell: int | None = None
    category: str | None = None
    unit: int | None = None


@dataclass(frozen=True, slots=True)
class Waiting:
    """One report (or ended deadline, or rating) that was not let out yet."""

    report: UUID
    reporter: UUID
    since: datetime
    group: Group
    """The finest one that it belongs to."""
    points: int = 0


@dataclass(frozen=True, slots=True)
class Batch:
    """What is let out together."""

    group: Group
    members: tuple[Waiting, ...]

    @property
    def points(self) -> int:
        """The sum."""
        return sum(member.points for member in self.members)


Rung = tuple[timedelta, Callable[[Group], Group | None]]
"""After how long company is looked for in which group; None: not in this one."""


def _in_cell(resolution: int) -> Callable[[Group], Group | None]:
    def group_of(group: Group) -> Group | None:
        if group.cell is None:
            return None
        cell = h3.int_to_str(group.cell)
        return Group(ward=group.ward, cell=h3.str_to_int(h3.cell_to_parent(cell, resolution)))

    return group_of


LADDERS: dict[Dimension, Sequence[Rung]] = {
    Dimension.PLACE: (
        (timedelta(0), _in_cell(9)),
        (timedelta(hours=6), _in_cell(8)),
        (timedelta(hours=24), _in_cell(7)),
        (timedelta(hours=48), lambda group: Group(ward=group.ward)),
        (timedelta(days=7), lambda _: Group()),
    ),
    Dimension.CATEGORY: ((timedelta(0), lambda group: group), (timedelta(days=7), lambda _: Group())),
    Dimension.DEADLINE: ((timedelta(0), lambda group: group), (timedelta(days=14), lambda _: Group())),
    Dimension.RATING: ((timedelta(0), lambda group: group), (timedelta(days=14), lambda _: Group())),
}


def batches(waiting: Iterable[Waiting], ladder: Sequence[Rung], now: datetime) -> list[Batch]:
    """What can be let out now. The rest goes on waiting."""
    left = sorted(waiting, key=lambda one: (one.since, one.report.bytes))
    found: list[Batch] = []
    for patience, group_of in ladder:
        groups: defaultdict[Group, list[Waiting]] = defaultdict(list)
        for one in left:
            group = group_of(one.group)
            if group is not None:
                groups[group].append(one)
        for group, members in groups.items():
            chosen = _chosen(members, now - patience)
            if chosen:
                found.append(Batch(group, chosen))
        gone = {one.report for batch in found for one in batch.members}
        left = [one for one in left if one.report not in gone]
    return found


def _chosen(members: Sequence[Waiting], asked_until: datetime) -> tuple[Waiting, ...]:
    """Those who have waited long enough, and as many after them as make five people; nobody if they don't."""
    chosen: list[Waiting] = []
    people: set[UUID] = set()
    for one in members:
        if one.since > asked_until and (not chosen or len(people) >= FEWEST):
            break
        chosen.append(one)
        people.add(one.reporter)
    return tuple(chosen) if len(people) >= FEWEST else ()


def rounded(number: int) -> int:
    """To the nearest 5."""
    return STEP * ((number + STEP // 2) // STEP)


def rate(part: int, whole: int) -> int | None:
    """A percentage in steps of 5, of rounded numbers: fewer than three exceptions are none."""
    if not whole:
        return None
    return rounded(100 * min(rounded(part), rounded(whole)) // rounded(whole))


def stars(points: int, ratings: int) -> float | None:
    """The mean of ratings in steps of 0.5."""
    return round(2 * points / ratings) / 2 if ratings else None
