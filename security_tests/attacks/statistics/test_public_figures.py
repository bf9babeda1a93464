"""Public figures: what an attacker learns from editions of successive hours, and from a whole and its parts.

First against what one would write, so that it is known that he can; then against the real job on a real
database.
"""

from collections import defaultdict
from collections.abc import Sequence
from datetime import timedelta
from typing import Any

import h3
import psycopg
import pytest

from backend.statistics.publishing import SETTLED, Publisher
from backend.statistics.suppression import rounded
from foundation.clock import FrozenClock
from foundation.ids import new_uuid
from foundation.policy.engine import PolicyEngine
from security_tests.attacks.statistics.city import (
    HOURS,
    START,
    Edition,
    Person,
    Place,
    Report,
    attack,
    naive,
    reports,
)
from tests.backend.world import POLICIES, World
from tests.conftest import Database

_CITIZEN = (
    "INSERT INTO citizens.citizen (id, issuer, subject) VALUES (%s, 'https://t', %s) ON CONFLICT DO NOTHING"
)
_REPORT = """
INSERT INTO reports.report (id, code, citizen_id, category, ward_id, h3_cell, place, body, state, handler_id,
  visible_units, routing_reason, version, created_at, updated_at)
VALUES (%(id)s, upper(substr(md5(%(id)s::text), 1, 16)), %(reporter)s,
  (ARRAY['road', 'waste', 'tree', 'culture'])[1 + abs(hashtext(%(id)s::text)) %% 4],
  (SELECT id FROM tenancy.unit WHERE code = lpad(%(ward)s::text, 5, '0')), %(cell)s, 'x', 'x', 'received',
  (SELECT id FROM tenancy.unit WHERE code = lpad(%(ward)s::text, 5, '0')), '{}', '{}', 1, %(at)s, %(at)s)
"""


def _how(editions: Sequence[Edition]) -> set[str]:
    return {found.how for found in attack(editions)}


def test_exact_counts_that_leave_out_the_small_ones_are_taken_apart() -> None:
    found = _how(list(naive(reports(), lambda count: count)))
    assert found == {"two hours", "two hours, a ward without its parts", "a ward without its parts"}


def test_rounding_alone_does_not_help() -> None:
    found = _how(list(naive(reports(), rounded)))
    assert found == {"two hours", "two hours, a ward without its parts", "a ward without its parts"}


class RealCity:
    """The job, hour by hour, on a database."""

    def __init__(self, world: World, superuser: psycopg.Connection) -> None:
        self.superuser = superuser
        self.clock = FrozenClock(START)
        self.publisher = Publisher(world.worker_database, PolicyEngine.load(POLICIES), self.clock, new_uuid)
        wards = superuser.execute("SELECT id, code::int FROM tenancy.unit WHERE code ~ '^[0-9]{5}$'")
        self.wards = dict(wards.fetchall())
        self.behind: defaultdict[Place, set[Person]] = defaultdict(set)

    def fill(self, made: Sequence[Report]) -> None:
        """All reports at once, those of later hours too: the job takes what lies before its hour."""
        with self.superuser.transaction():
            self.superuser.execute("SET LOCAL session_replication_role = replica")
            for report in made:
                self.superuser.execute(_CITIZEN.encode(), (report.reporter, str(report.reporter)))
                self.superuser.execute(_REPORT.encode(), {**vars(report)})

    def _waiting(self) -> dict[Any, tuple[Any, ...]]:
        rows = self.superuser.execute(
            "SELECT report_id, reporter, ward_id, cell FROM statistics.waiting WHERE dimension = 'place'"
        )
        return {row[0]: row for row in rows}

    async def hour(self) -> Edition:
        """One edition. What left the waiting room is behind its numbers, in the group of its batch."""
        self.clock.advance(timedelta(hours=1))
        known = {row[0] for row in self.superuser.execute("SELECT id FROM statistics.batch")}
        until = self.clock.now() - SETTLED
        before = {**self._waiting(), **self._arriving(until)}
        await self.publisher.run()
        gone = [row for report, row in before.items() if report not in self._waiting()]
        self._assign(gone, known)
        wards = self.superuser.execute("SELECT code, reports FROM published.ward WHERE code <> 'C0001'")
        numbers = {(int(code), 0): number for code, number in wards}
        places = self.superuser.execute("SELECT ward_code, cell, reports FROM published.place")
        numbers |= {(int(code), cell): number for code, cell, number in places}
        return Edition(numbers, {place: frozenset(those) for place, those in self.behind.items()})

    def _arriving(self, until: Any) -> dict[Any, tuple[Any, ...]]:
        rows = self.superuser.execute(
            "SELECT id, citizen_id, ward_id, h3_cell FROM reports.report WHERE created_at < %s"
            " AND created_at >= (SELECT coalesce(max(taken_until), '-infinity') FROM statistics.mark)",
            (until,),
        )
        return {row[0]: row for row in rows}

    def _assign(self, gone: Sequence[tuple[Any, ...]], known: set[Any]) -> None:
        """To the finest of this hour's batches first: as the job does, and its counts must come out."""
        made = [
            row
            for row in self.superuser.execute(
                "SELECT id, ward_id, cell, reports FROM statistics.batch WHERE dimension = 'place'"
            )
            if row[0] not in known
        ]
        assert sum(row[3] for row in made) == len(gone)
        for report, reporter, ward_id, cell in gone:
            ward = self.wards[ward_id]
            self.behind[ward, 0].add((report, reporter))
            for _, batch_ward, batch_cell, _ in made:
                if batch_ward == ward_id and batch_cell is not None and _within(cell, batch_cell):
                    self.behind[ward, batch_cell].add((report, reporter))


def _within(cell: int, parent: int) -> bool:
    resolution = h3.get_resolution(h3.int_to_str(parent))
    return bool(h3.cell_to_parent(h3.int_to_str(cell), resolution) == h3.int_to_str(parent))


@pytest.mark.timeout(300)
async def test_nothing_of_fewer_than_five_people_can_be_told_apart(world: World, database: Database) -> None:
    with database.cluster.connect(database.name) as superuser:
        city = RealCity(world, superuser)
        city.fill(reports())
        editions = [await city.hour() for _ in range(HOURS)]
    told = [number for edition in editions for number in edition.numbers.values()]
    assert len(editions[-1].numbers) > 10
    assert max(told) > 50
    assert attack(editions) == []
