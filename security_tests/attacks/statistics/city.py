"""A small city over two days, its publishers, and who attacks what they publish.

An edition is what everybody sees in an hour: a number for each place. What stands behind a number is the
truth that the attacker does not see: (report, reporter). He compares: the same place in two hours, and a ward
with its parts. He is right when what he told apart is of one to four people.
"""

import itertools
import random
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from uuid import UUID

import h3

START = datetime(2026, 11, 20, 0, 0, tzinfo=UTC)
HOURS = 60
FEWEST = 5
_CENTRES = {70: (21.0245, 105.8516), 91: (21.08, 105.82), 376: (21.26, 105.84)}

Place = tuple[int, int]
"""A ward, and a cell within it; 0: the ward with everything in it."""
Person = tuple[UUID, UUID]
"""A report and its reporter."""


@dataclass(frozen=True)
class Report:
    """One report of the made-up city."""

    id: UUID
    reporter: UUID
    ward: int
    cell: int
    at: datetime


@dataclass(frozen=True)
class Edition:
    """What is seen, and what is behind it."""

    numbers: Mapping[Place, int]
    behind: Mapping[Place, frozenset[Person]]


@dataclass(frozen=True)
class Found:
    """What an attacker told apart: from which numbers, and whose it is."""

    how: str
    place: Place
    people: int


def reports(seed: int = 7) -> Sequence[Report]:
    """Some busy cells, many thin ones; one ward has hardly any; some people report again and again."""
    draw = random.Random(seed)
    made = []
    for number in range(500):
        ward = draw.choices([70, 91, 376], [10, 4, 1])[0]
        latitude, longitude = _CENTRES[ward]
        spread = draw.choice([0.0004, 0.004, 0.02])
        cell = h3.latlng_to_cell(draw.gauss(latitude, spread), draw.gauss(longitude, spread), 9)
        at = START + timedelta(seconds=draw.randrange((HOURS - 1) * 3600))
        reporter = UUID(int=int(draw.triangular(1, 300, 1)))
        made.append(Report(UUID(int=10_000 + number), reporter, ward, h3.str_to_int(cell), at))
    # A ward with one busy place, and three people elsewhere: what is left out stands alone.
    for number in range(60):
        busy = number >= 3
        cell = h3.latlng_to_cell(21.04 if busy else 21.06, 105.88, 9)
        at = START + timedelta(seconds=draw.randrange((HOURS - 1) * 3600))
        reporter = UUID(int=1_000 + (number if busy else number % 3))
        made.append(Report(UUID(int=20_000 + number), reporter, 118, h3.str_to_int(cell), at))
    return sorted(made, key=lambda report: report.at)


def naive(made: Sequence[Report], show: Callable[[int], int]) -> Iterator[Edition]:
    """What one writes first: each hour everything is counted, and what is of fewer than five is left out."""
    for hour in range(1, HOURS + 1):
        until = START + timedelta(hours=hour)
        behind: defaultdict[Place, set[Person]] = defaultdict(set)
        for report in made:
            if report.at < until:
                behind[report.ward, 0].add((report.id, report.reporter))
                behind[report.ward, report.cell].add((report.id, report.reporter))
        shown = {place: those for place, those in behind.items() if _people(those) >= FEWEST}
        yield Edition(
            {place: show(len(those)) for place, those in shown.items()},
            {place: frozenset(those) for place, those in behind.items()},
        )


def attack(editions: Sequence[Edition]) -> list[Found]:
    """All that can be told apart of one to four people."""
    found = []
    for edition in editions:
        found += _parts(edition)
    for before, after in itertools.pairwise(editions):
        found += _hours(before, after)
    return found


def _hours(before: Edition, after: Edition) -> Iterator[Found]:
    """A number that moved: something came in this hour. And what moved in a ward but in none of its parts."""
    moved = {place for place, number in after.numbers.items() if number != before.numbers.get(place, 0)}
    for place in moved:
        new = after.behind[place] - before.behind.get(place, frozenset())
        yield from _told("two hours", place, new)
    for ward in {ward for ward, cell in moved if not cell}:
        whole = after.behind[ward, 0] - before.behind.get((ward, 0), frozenset())
        parts = [after.behind[place] - before.behind.get(place, frozenset())
                 for place in after.numbers if place[0] == ward and place[1]]  # fmt: skip
        yield from _told("two hours, a ward without its parts", (ward, 0), whole.difference(*parts))


def _parts(edition: Edition) -> Iterator[Found]:
    """A ward has more than its parts together: the rest is what was left out."""
    for ward in {ward for ward, cell in edition.numbers if not cell}:
        parts = [place for place in edition.numbers if place[0] == ward and place[1]]
        if edition.numbers[ward, 0] != sum(edition.numbers[place] for place in parts):
            rest = edition.behind[ward, 0].difference(*(edition.behind[place] for place in parts))
            yield from _told("a ward without its parts", (ward, 0), rest)


def _told(how: str, place: Place, those: frozenset[Person]) -> Iterator[Found]:
    people = _people(those)
    if 0 < people < FEWEST:
        yield Found(how, place, people)


def _people(those: "frozenset[Person] | set[Person]") -> int:
    return len({reporter for _, reporter in those})
