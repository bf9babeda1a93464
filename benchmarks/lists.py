"""Lists of 50 among a million reports: ours (LATERAL over the visibility table) against the plain way.

The peer is what one writes first: the same columns under the same row-level policies, a filter on the units,
`$n IS NULL OR …` for states and pages, and an index on (created_at, id), made after ours were measured. Both
run as backend_app in the same database. The figure is pages read (shared buffers), which a busy machine does
not change; milliseconds stand beside it. `IOC_BENCH_REPORTS` sets how many reports (a million: two minutes).
"""

import os
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import psycopg

from backend.reports.sql import CITY_LIST, CITY_STATE_LIST, MINE, UNIT_LIST, UNIT_STATE_LIST
from benchmarks._parts import seeded_cluster
from benchmarks._plans import Cost, cost_of, signed_in
from benchmarks.reports_data import RARE, fill
from stack.postgres import PostgresCluster

PAGE = 51
_COLUMNS = """
SELECT r.id, r.code, r.category, r.place, r.body, r.state, r.version, r.created_at,
  w.name AS ward, h.name AS handler
FROM reports.report r JOIN tenancy.unit w ON w.id = r.ward_id JOIN tenancy.unit h ON h.id = r.handler_id
"""
_ORDER = "ORDER BY r.created_at DESC, r.id DESC"
# One statement for every page and filter, as the policy alone allows it.
PLAIN = f"""
{_COLUMNS} WHERE ($1::int[] IS NULL OR r.visible_units && $1) AND ($2::text IS NULL OR r.state = $2)
  AND ($3::timestamptz IS NULL OR (r.created_at, r.id) < ($3, $4::uuid))
{_ORDER} LIMIT $5
"""
PLAIN_MINE = f"""
{_COLUMNS} WHERE r.citizen_id = $1 AND ($2::timestamptz IS NULL OR (r.created_at, r.id) < ($2, $3::uuid))
{_ORDER} LIMIT $4
"""


@dataclass(frozen=True)
class Asker:
    """Who asks: units of an official, the whole city, or a citizen."""

    units: tuple[int, ...] = ()
    citizen: str = ""
    city: bool = False


@dataclass(frozen=True)
class Case:
    """One list, our statement and the peer's with their parameters."""

    work: str
    asker: Asker
    ours: str
    ours_with: tuple[Any, ...]
    peer: str
    peer_with: tuple[Any, ...]
    target: int


def run() -> Iterator[dict[str, Any]]:
    """One row a list: buffers of ours and of the peer."""
    number = int(os.environ.get("IOC_BENCH_REPORTS", "1000000"))
    with seeded_cluster(durable=False) as cluster:
        with cluster.connect("backend") as superuser:
            fill(superuser, number)
        yield from measure(cluster, "backend")


def measure(cluster: PostgresCluster, database: str) -> Iterator[dict[str, Any]]:
    """The lists of a filled database. All of ours are measured before the peer gets its index."""
    with cluster.connect(database) as superuser:
        cases = list(_cases(superuser))
        ours = [_cost(cluster, database, case.asker, case.ours, *case.ours_with, PAGE) for case in cases]
        superuser.execute("CREATE INDEX peer ON reports.report (created_at DESC, id DESC)")
        superuser.execute("VACUUM (ANALYZE) reports.report")
        for case, mine in zip(cases, ours, strict=True):
            peer = _cost(cluster, database, case.asker, case.peer, *case.peer_with, PAGE)
            yield {
                "name": "lists",
                "work": case.work,
                "ours": f"{mine.buffers} buffers, {mine.milliseconds:.1f} ms",
                "peer": f"{peer.buffers} buffers, {peer.milliseconds:.1f} ms",
                "peer_name": "policy and one index",
                "ratio": round(mine.buffers / max(peer.buffers, 1), 3),
                "target": f"at most {case.target} buffers",
            }
        superuser.execute("DROP INDEX reports.peer")


def _cases(superuser: psycopg.Connection) -> Iterator[Case]:
    citizen = _busiest_citizen(superuser)
    for name, ids in _units(superuser).items():
        asker, units, target = Asker(units=ids), list(ids), 800 if len(ids) > 10 else 300
        place = _place(superuser, units)
        for state in ("in_progress", "closed"):
            yield Case(f"{name} ({len(ids)}), {state}", asker, UNIT_STATE_LIST.first, (units, state),
                       PLAIN, (units, state, None, None), target)  # fmt: skip
        yield Case(f"{name} ({len(ids)}), page 1", asker, UNIT_LIST.first, (units,),
                   PLAIN, (units, None, None, None), target)  # fmt: skip
        yield Case(f"{name} ({len(ids)}), page 1,000", asker, UNIT_LIST.after, (units, *place),
                   PLAIN, (units, None, *place), target)  # fmt: skip
    city = Asker(city=True)
    yield Case("city, page 1", city, CITY_LIST.first, (), PLAIN, (None, None, None, None), 300)
    yield Case(
        "city, closed", city, CITY_STATE_LIST.first, ("closed",), PLAIN, (None, "closed", None, None), 300
    )
    yield Case("city, page 1,000", city, CITY_LIST.after, place, PLAIN, (None, None, *place), 300)
    yield Case("busiest citizen's own", Asker(citizen=citizen), MINE.first, (citizen,),
               PLAIN_MINE, (citizen, None, None), 300)  # fmt: skip


def _cost(cluster: PostgresCluster, database: str, asker: Asker, statement: str, *arguments: Any) -> Cost:
    settings = cluster.settings("backend_app", database)
    with signed_in(settings, asker.units, asker.citizen, city=asker.city) as connection:
        return cost_of(connection, statement, *arguments, plan="auto")


def _units(superuser: psycopg.Connection) -> dict[str, tuple[int, ...]]:
    busiest = [row[0] for row in superuser.execute(
        "SELECT unit_id FROM reports.report_visibility GROUP BY 1 ORDER BY count(*) DESC, 1")]  # fmt: skip
    every = tuple(row[0] for row in superuser.execute("SELECT id FROM tenancy.unit WHERE kind <> 'party'"))
    rare = tuple(row[0] for row in superuser.execute("SELECT id FROM tenancy.unit WHERE code = %s", (RARE,)))
    return {"rare": rare, "busiest": tuple(busiest[:1]), "ten busiest": tuple(busiest[:10]), "all": every}


def _busiest_citizen(superuser: psycopg.Connection) -> str:
    row = superuser.execute(
        "SELECT citizen_id::text FROM reports.report GROUP BY 1 ORDER BY count(*) DESC LIMIT 1"
    ).fetchone()
    if row is None:
        raise RuntimeError("there is no report")
    return str(row[0])


def _place(superuser: psycopg.Connection, units: list[int]) -> tuple[Any, ...]:
    """Where page 1,000 begins, or the last page where there are fewer."""
    rows = superuser.execute(
        "SELECT DISTINCT created_at, report_id FROM reports.report_visibility WHERE unit_id = ANY(%s)"
        " ORDER BY 1 DESC, 2 DESC LIMIT 49950",
        (units,),
    ).fetchall()
    return tuple(rows[-1] if len(rows) == 49_950 else rows[-min(len(rows), PAGE)])
