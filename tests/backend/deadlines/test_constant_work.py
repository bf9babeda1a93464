"""What is due, any unit, any page, any span: as much work with 20,000 running clocks as with a hundred.

Bounds as in tests/backend/reports/test_constant_work.py: pages read, never time.
"""

import time
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import psycopg
import pytest

from backend.deadlines.countdown import CITY_COUNT, CITY_DUE, CLOCKS, COUNTED, UNIT_COUNT, UNIT_DUE
from benchmarks._plans import PLANS, Cost, cost_of, signed_in
from benchmarks.reports_data import fill
from stack.postgres import PostgresCluster
from tests.conftest import Database

ROWS, PAGE = 20_000, 51
FEW, MANY = 300, 800
LOW, NOON, HIGH = (datetime(year, 7, 1, tzinfo=UTC) for year in (2000, 2027, 2300))
# Every report has a clock that runs; due times are spread over two years around NOON.
_FOLLOW = "INSERT INTO deadlines.followed (report_id) SELECT id FROM reports.report"
_RUN = """
INSERT INTO deadlines.clock (report_id, kind, round, unit_id, rule_set, rule, urgency, calendar,
  allowed_minutes, started_at, due_at)
SELECT r.id, 'handle', 1, r.handler_id, 1, 'standard', 'normal', 'office',
  2400, d.due - interval '5 days', d.due
FROM reports.report r CROSS JOIN LATERAL (SELECT '2027-07-01Z'::timestamptz + make_interval(
  secs => (hashtext(r.code) % 31536000)) AS due) d
"""


@dataclass(frozen=True)
class Office:
    """Running clocks, and the units that have them."""

    database: Database
    units: dict[str, list[int]]
    code: str

    def cost(self, statement: str, *arguments: Any, units: str = "", city: bool = False, plan: str) -> Cost:
        settings = self.database.settings("backend_app")
        with signed_in(settings, self.units.get(units, []), "", city=city) as connection:
            return cost_of(connection, statement, *arguments, plan=plan)

    def place(self, units: list[int] | None) -> tuple[Any, Any]:
        """A row far down the list."""
        with self.database.cluster.connect(self.database.name) as superuser:
            rows = superuser.execute(
                "SELECT due_at, report_id FROM deadlines.clock WHERE %s::int[] IS NULL OR unit_id = ANY(%s)"
                " ORDER BY 1, 2",
                (units, units),
            ).fetchall()
        return rows[len(rows) * 3 // 4]


@pytest.fixture(scope="module")
def office(backend_cluster: PostgresCluster, seeded_template: str) -> Iterator[Office]:
    """20,000 reports with clocks, loaded once."""
    backend_cluster.clone(seeded_template, "clocks")
    with backend_cluster.connect("clocks") as superuser:
        fill(superuser, ROWS)
        superuser.execute(_FOLLOW.encode())
        superuser.execute(_RUN.encode())
        vacuum(superuser)
        rows = superuser.execute("SELECT unit_id FROM deadlines.clock GROUP BY 1 ORDER BY count(*) DESC, 1")
        busiest = [row[0] for row in rows]
        every = superuser.execute("SELECT id FROM tenancy.unit WHERE kind <> 'party'").fetchall()
        code = superuser.execute("SELECT code FROM reports.report LIMIT 1").fetchone()
        assert code is not None
        units = {
            "busy": busiest[:1],
            "ten": busiest[:10],
            "quiet": busiest[-1:],
            "all": [u[0] for u in every],
        }
        yield Office(Database(backend_cluster, "clocks"), units, code[0])
    backend_cluster.drop("clocks")


def vacuum(superuser: psycopg.Connection) -> None:
    """Until every page is known to be visible: autovacuum's snapshot may hold it up."""
    for _ in range(60):
        superuser.execute("VACUUM (ANALYZE) deadlines.clock, deadlines.followed")
        row = superuser.execute(
            "SELECT relpages - relallvisible FROM pg_class WHERE oid = 'deadlines.clock'::regclass"
        ).fetchone()
        if row == (0,):
            return
        time.sleep(0.5)
    raise RuntimeError("something holds a snapshot: VACUUM can't mark pages as visible")


UNITS = [("quiet", FEW), ("busy", FEW), ("ten", FEW), ("all", MANY)]


@pytest.mark.parametrize("plan", PLANS)
@pytest.mark.parametrize("span", [(LOW, HIGH), (LOW, NOON), (NOON, HIGH)], ids=["all", "late", "to come"])
@pytest.mark.parametrize(("units", "bound"), UNITS)
def test_first_page_of_what_is_due(office: Office, units: str, bound: int, span: Any, plan: str) -> None:
    cost = office.cost(UNIT_DUE.first, office.units[units], *span[::-1], PAGE, units=units, plan=plan)
    assert (cost.buffers <= bound, cost.removed) == (True, 0), cost


@pytest.mark.parametrize("plan", PLANS)
@pytest.mark.parametrize(("units", "bound"), UNITS)
def test_deep_page_of_what_is_due(office: Office, units: str, bound: int, plan: str) -> None:
    place = office.place(office.units[units])
    cost = office.cost(UNIT_DUE.after, office.units[units], HIGH, *place, PAGE, units=units, plan=plan)
    assert (cost.buffers <= bound, cost.removed) == (True, 0), cost


@pytest.mark.parametrize("plan", PLANS)
def test_pages_of_the_city(office: Office, plan: str) -> None:
    first = office.cost(CITY_DUE.first, HIGH, LOW, PAGE, city=True, plan=plan)
    deep = office.cost(CITY_DUE.after, HIGH, *office.place(None), PAGE, city=True, plan=plan)
    assert (first.buffers <= FEW, deep.buffers <= FEW, deep.removed) == (True, True, 0), (first, deep)


@pytest.mark.parametrize("plan", PLANS)
def test_forecast_counts_a_thousand_and_no_more(office: Office, plan: str) -> None:
    unit = office.cost(UNIT_COUNT, office.units["busy"], LOW, HIGH, COUNTED, units="busy", plan=plan)
    city = office.cost(CITY_COUNT, LOW, HIGH, COUNTED, city=True, plan=plan)
    # At worst a page a clock that is counted.
    assert (unit.buffers <= COUNTED + 100, city.buffers <= COUNTED + 100) == (True, True), (unit, city)


@pytest.mark.parametrize("plan", PLANS)
def test_countdown_of_one_report(office: Office, plan: str) -> None:
    assert office.cost(CLOCKS, [office.code], plan=plan).buffers <= FEW
