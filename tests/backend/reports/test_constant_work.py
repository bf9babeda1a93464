"""The latest 50 of any unit, any page, any filter: as much work with 60,000 reports as with a million.

Bounds are pages read (shared buffers), never time: 300 for 1–10 units, 800 for 157, the same at page 1,000.
A plan that walks a table or an index reads thousands of pages here. The million is in `benchmarks/lists.py`.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

import psycopg
import pytest
from psycopg import sql

from backend.notifications.queries import INBOX, INBOX_AFTER
from backend.reports.queries import MAX_TIMELINE
from backend.reports.sql import (
    CITY_LIST,
    CITY_ONE,
    CITY_SEARCH,
    CITY_STATE_LIST,
    MINE,
    ONE,
    TIMELINES,
    UNIT_LIST,
    UNIT_SEARCH,
    UNIT_STATE_LIST,
    since_of,
)
from backend.reports.types import ReportState
from benchmarks._plans import PLANS, Cost, cost_of, signed_in
from benchmarks.reports_data import RARE, differences, fill
from foundation.ids import new_uuid
from foundation.vietnamese import words
from stack.postgres import PostgresCluster
from tests.conftest import Database

ROWS = 60_000
PAGE = 51
FEW, MANY = 300, 800
DEEP = 50 * 999
Place = tuple[datetime, UUID]


@dataclass(frozen=True)
class Archive:
    """Ten years of reports, and who is asked for."""

    database: Database
    units: dict[str, list[int]]
    citizen: str

    def place(self, query: str, *arguments: Any, deep: int = DEEP) -> Place:
        """Where page 1,000 begins, or the last page: `query` gives (at, id), newest first."""
        with self.database.cluster.connect(self.database.name) as superuser:
            rows = superuser.execute(f"SELECT * FROM ({query}) q LIMIT {deep}".encode(), arguments).fetchall()
        return rows[-min(len(rows), PAGE)] if len(rows) < deep else rows[-1]

    def cost(
        self,
        statement: str,
        *arguments: Any,
        units: str = "",
        citizen: bool = False,
        city: bool = False,
        plan: str,
    ) -> Cost:
        """As backend_app signs in and the services set the principal."""
        settings = self.database.settings("backend_app")
        who = self.citizen if citizen else ""
        with signed_in(settings, self.units.get(units, []), who, city=city) as connection:
            return cost_of(connection, statement, *arguments, plan=plan)


@pytest.fixture(scope="module")
def archive(backend_cluster: PostgresCluster, seeded_template: str) -> Iterator[Archive]:
    """60,000 reports, loaded once."""
    backend_cluster.clone(seeded_template, "archive")
    database = Database(backend_cluster, "archive")
    with backend_cluster.connect("archive") as superuser:
        fill(superuser, ROWS)
        yield Archive(database, _units(superuser), _busiest_citizen(superuser))
    backend_cluster.drop("archive")


def _units(superuser: psycopg.Connection) -> dict[str, list[int]]:
    order = "SELECT unit_id FROM reports.report_visibility GROUP BY 1 ORDER BY count(*) DESC, 1"
    busiest = [row[0] for row in superuser.execute(order)]
    every = [row[0] for row in superuser.execute("SELECT id FROM tenancy.unit WHERE kind <> 'party'")]
    rare = superuser.execute("SELECT id FROM tenancy.unit WHERE code = %s", (RARE,)).fetchone()
    assert rare is not None
    return {
        "rare": [rare[0]],
        "busy": busiest[:1],
        "quiet": busiest[-2:-1],
        "ten": busiest[:10],
        "all": every,
    }


def _busiest_citizen(superuser: psycopg.Connection) -> str:
    row = superuser.execute(
        "SELECT citizen_id::text FROM reports.report GROUP BY 1 ORDER BY count(*) DESC LIMIT 1"
    ).fetchone()
    assert row is not None
    return str(row[0])


_UNIT_PLACES = """
SELECT DISTINCT created_at, report_id FROM reports.report_visibility
WHERE unit_id = ANY(%s) {state} ORDER BY created_at DESC, report_id DESC
"""
_CITY_PLACES = "SELECT created_at, id FROM reports.report WHERE {state} ORDER BY created_at DESC, id DESC"
UNITS = [("rare", FEW), ("quiet", FEW), ("busy", FEW), ("ten", FEW), ("all", MANY)]
# No report of the archive is merged.
STATES = [state.value for state in ReportState if state is not ReportState.MERGED]


def test_bulk_load_writes_what_the_triggers_write(archive: Archive) -> None:
    with archive.database.cluster.connect("archive") as superuser:
        assert differences(superuser, 300) == []


@pytest.mark.parametrize("plan", PLANS)
@pytest.mark.parametrize(("units", "bound"), UNITS)
def test_first_page_of_units(archive: Archive, units: str, bound: int, plan: str) -> None:
    cost = archive.cost(UNIT_LIST.first, archive.units[units], PAGE, units=units, plan=plan)
    assert (cost.buffers <= bound, cost.removed) == (True, 0), cost


@pytest.mark.parametrize("plan", PLANS)
@pytest.mark.parametrize(("units", "bound"), UNITS)
def test_page_1000_of_units(archive: Archive, units: str, bound: int, plan: str) -> None:
    place = archive.place(_UNIT_PLACES.format(state=""), archive.units[units])
    cost = archive.cost(UNIT_LIST.after, archive.units[units], *place, PAGE, units=units, plan=plan)
    assert (cost.buffers <= bound, cost.removed) == (True, 0), cost


@pytest.mark.parametrize("plan", PLANS)
@pytest.mark.parametrize("state", STATES)
@pytest.mark.parametrize(("units", "bound"), UNITS)
def test_first_page_of_units_in_a_state(
    archive: Archive, units: str, bound: int, state: str, plan: str
) -> None:
    cost = archive.cost(UNIT_STATE_LIST.first, archive.units[units], state, PAGE, units=units, plan=plan)
    assert (cost.buffers <= bound, cost.removed) == (True, 0), cost


@pytest.mark.parametrize("plan", PLANS)
@pytest.mark.parametrize("state", ["received", "closed"])
@pytest.mark.parametrize(("units", "bound"), UNITS[1:])
def test_last_page_of_units_in_a_state(
    archive: Archive, units: str, bound: int, state: str, plan: str
) -> None:
    place = archive.place(_UNIT_PLACES.format(state="AND state = %s"), archive.units[units], state)
    cost = archive.cost(
        UNIT_STATE_LIST.after, archive.units[units], state, *place, PAGE, units=units, plan=plan
    )
    assert (cost.buffers <= bound, cost.removed) == (True, 0), cost


@pytest.mark.parametrize("plan", PLANS)
def test_first_page_of_the_city(archive: Archive, plan: str) -> None:
    assert archive.cost(CITY_LIST.first, PAGE, city=True, plan=plan).buffers <= FEW


@pytest.mark.parametrize("plan", PLANS)
def test_page_1000_of_the_city(archive: Archive, plan: str) -> None:
    place = archive.place(_CITY_PLACES.format(state="true"))
    assert archive.cost(CITY_LIST.after, *place, PAGE, city=True, plan=plan).buffers <= FEW


@pytest.mark.parametrize("plan", PLANS)
@pytest.mark.parametrize("state", STATES)
def test_first_page_of_the_city_in_a_state(archive: Archive, state: str, plan: str) -> None:
    cost = archive.cost(CITY_STATE_LIST.first, state, PAGE, city=True, plan=plan)
    assert (cost.buffers <= FEW, cost.removed) == (True, 0), cost


@pytest.mark.parametrize("plan", PLANS)
@pytest.mark.parametrize("state", STATES)
def test_last_page_of_the_city_in_a_state(archive: Archive, state: str, plan: str) -> None:
    place = archive.place(_CITY_PLACES.format(state="state = %s"), state)
    cost = archive.cost(CITY_STATE_LIST.after, state, *place, PAGE, city=True, plan=plan)
    assert (cost.buffers <= FEW, cost.removed) == (True, 0), cost


@pytest.mark.parametrize("plan", PLANS)
def test_first_page_of_a_citizen(archive: Archive, plan: str) -> None:
    cost = archive.cost(MINE.first, archive.citizen, PAGE, citizen=True, plan=plan)
    assert (cost.buffers <= FEW, cost.removed) == (True, 0), cost


@pytest.mark.parametrize("plan", PLANS)
def test_last_page_of_a_citizen(archive: Archive, plan: str) -> None:
    place = archive.place(
        "SELECT created_at, id FROM reports.report WHERE citizen_id = %s ORDER BY created_at DESC, id DESC",
        archive.citizen,
    )
    cost = archive.cost(MINE.after, archive.citizen, *place, PAGE, citizen=True, plan=plan)
    assert (cost.buffers <= FEW, cost.removed) == (True, 0), cost


@pytest.mark.parametrize("plan", PLANS)
def test_first_page_of_an_inbox(archive: Archive, plan: str) -> None:
    assert archive.cost(INBOX, archive.citizen, PAGE, citizen=True, plan=plan).buffers <= FEW


@pytest.mark.parametrize("plan", PLANS)
def test_last_page_of_an_inbox(archive: Archive, plan: str) -> None:
    place = archive.place(
        "SELECT at, id FROM notifications.inbox WHERE recipient = %s ORDER BY at DESC, id DESC",
        archive.citizen,
    )
    assert archive.cost(INBOX_AFTER, archive.citizen, *place, PAGE, citizen=True, plan=plan).buffers <= FEW


@pytest.mark.parametrize("plan", PLANS)
@pytest.mark.parametrize("units", ["busy", "ten"])
def test_one_report_of_units(archive: Archive, units: str, plan: str) -> None:
    readers = [UUID(int=unit) for unit in archive.units[units]]
    cost = archive.cost(ONE, _code(archive, archive.units[units][0]), readers, units=units, plan=plan)
    assert (cost.buffers <= FEW, cost.rows) == (True, 1), cost


@pytest.mark.parametrize("plan", PLANS)
def test_one_report_for_the_city(archive: Archive, plan: str) -> None:
    code = _code(archive, archive.units["busy"][0])
    assert archive.cost(CITY_ONE, code, city=True, plan=plan).buffers <= FEW


@pytest.mark.parametrize("plan", PLANS)
def test_timelines_look_into_the_months_since_the_report_only(archive: Archive, plan: str) -> None:
    new = [new_uuid() for _ in range(PAGE)]
    since = [since_of(report) for report in new]
    cost = archive.cost(TIMELINES, new, MAX_TIMELINE, since, city=True, plan=plan)
    assert cost.buffers <= FEW, cost


def test_timelines_of_any_time_would_look_into_every_month(archive: Archive) -> None:
    new = [new_uuid() for _ in range(PAGE)]
    ever = [UUID(int=0)] * PAGE
    every = TIMELINES.replace("AND t.id < ", "AND t.id <> ")
    assert archive.cost(every, new, MAX_TIMELINE, ever, city=True, plan=PLANS[1]).buffers > 2_000


# In all reports, three of those, a prefix of them, in 1 of 37, in 1 of 400, in one, in none.
SEARCHES = [["den"], ["den", "duong", "tat"], ["den", "duo"], ["den", "17"], ["317"], ["4711"], ["khong"]]
SEARCHED = [("rare", 1_000), ("quiet", 1_000), ("busy", 1_000), ("ten", 2_000)]


@pytest.mark.parametrize("state", [None, "received", "closed"])
@pytest.mark.parametrize("typed", SEARCHES, ids=" ".join)
@pytest.mark.parametrize(("units", "bound"), SEARCHED)
def test_first_page_of_a_search(
    archive: Archive, units: str, bound: int, typed: list[str], state: str | None
) -> None:
    cost = archive.cost(
        UNIT_SEARCH.first, archive.units[units], typed, state, PAGE, units=units, plan=PLANS[1]
    )
    assert cost.buffers <= bound, cost


@pytest.mark.parametrize("typed", SEARCHES, ids=" ".join)
@pytest.mark.parametrize(("units", "bound"), SEARCHED)
def test_deep_page_of_a_search(archive: Archive, units: str, bound: int, typed: list[str]) -> None:
    place = archive.place(_UNIT_PLACES.format(state=""), archive.units[units])
    cost = archive.cost(
        UNIT_SEARCH.after, archive.units[units], typed, None, *place, PAGE, units=units, plan=PLANS[1]
    )
    assert cost.buffers <= bound, cost


@pytest.mark.parametrize("state", ["received", "closed"])
@pytest.mark.parametrize("deep", [40, 700, 5_000])
@pytest.mark.parametrize("units", ["rare", "quiet", "busy", "ten"])
def test_search_that_all_match_is_the_list(archive: Archive, units: str, deep: int, state: str) -> None:
    asked = archive.units[units]
    place = archive.place(_UNIT_PLACES.format(state=""), asked, deep=deep)
    with signed_in(archive.database.settings("backend_app"), asked) as connection:
        found = codes(connection, UNIT_SEARCH.after, asked, ["den", "duo"], state, *place, PAGE)
        listed = codes(connection, UNIT_STATE_LIST.after, asked, state, *place, PAGE)
    assert found == listed


@pytest.mark.parametrize("typed", SEARCHES, ids=" ".join)
def test_first_page_of_a_search_in_the_city(archive: Archive, typed: list[str]) -> None:
    cost = archive.cost(CITY_SEARCH.first, None, typed, None, PAGE, city=True, plan=PLANS[1])
    assert cost.buffers <= 2_000, cost


def test_search_without_cuts_in_time_would_not_keep_a_bound(archive: Archive) -> None:
    """An index of words has no order: the newest 50 of a common word are found by reading all of them."""
    plain = (
        "SELECT report_id FROM reports.report_search WHERE entry @@ $1::tsquery"
        " ORDER BY created_at DESC LIMIT $2"
    )
    with archive.database.cluster.connect("archive") as superuser:
        assert cost_of(superuser, plain, "den & 'c:'", PAGE).buffers > 2_000


def test_bulk_load_writes_the_words_that_the_service_writes(archive: Archive) -> None:
    with archive.database.cluster.connect("archive") as superuser:
        rows = superuser.execute(
            "SELECT r.body, r.place, r.code, array(SELECT l FROM unnest(tsvector_to_array(s.entry)) l"
            " WHERE l !~ ':') FROM reports.report r JOIN reports.report_search s ON s.report_id = r.id"
            " ORDER BY r.code LIMIT 50"
        ).fetchall()
    assert [set(row[3]) for row in rows] == [set(words(" ".join(row[:3]))) for row in rows]


def test_policy_alone_would_not_keep_a_bound(archive: Archive) -> None:
    """What the list would be without the visibility table: the policy right, the work without bound."""
    plain = "SELECT code FROM reports.report ORDER BY created_at DESC, id DESC LIMIT $1"
    assert archive.cost(plain, PAGE, units="rare", plan=PLANS[0]).buffers > MANY


def test_one_statement_for_all_pages_would_not_keep_a_bound(archive: Archive) -> None:
    """What `$n IS NULL OR …` does once the plan is kept: page 1,000 reads the 999 before it."""
    either = """
    SELECT v.report_id FROM reports.report_visibility v
    WHERE v.unit_id = $1 AND v.created_at > '-infinity'
      AND ($2::timestamptz IS NULL OR (v.created_at, v.report_id) < ($2, $3::uuid))
    ORDER BY v.created_at DESC, v.report_id DESC LIMIT $4
    """
    unit = archive.units["busy"]
    place = archive.place(_UNIT_PLACES.format(state=""), unit)
    cost = archive.cost(either, unit[0], *place, PAGE, units="busy", plan="force_generic_plan")
    assert cost.removed > 5_000


def codes(connection: psycopg.Connection, statement: str, *arguments: Any) -> list[str]:
    """The codes that the statement gives, in its order."""
    connection.execute(f"PREPARE given AS {statement}".encode())
    values = sql.SQL(", ").join(map(sql.Literal, arguments))
    rows = connection.execute(sql.SQL("EXECUTE given ({})").format(values)).fetchall()
    connection.execute("DEALLOCATE given")
    return [row[1] for row in rows]


def _code(archive: Archive, unit: int) -> str:
    with archive.database.cluster.connect("archive") as superuser:
        row = superuser.execute(
            "SELECT code FROM reports.report WHERE handler_id = %s LIMIT 1", (unit,)
        ).fetchone()
    assert row is not None
    return str(row[0])
