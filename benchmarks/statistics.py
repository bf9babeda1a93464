"""Officials' figures over a million reports, and what they cost whoever changes a report.

Views are asked of the service as the api asks them, in wall time, with a thousand changes that are not summed
up yet; the peer counts the reports themselves. The cost of writing is CPU of the process and of PostgreSQL
for a report that is submitted, accepted and answered, with the triggers and without, in pairs.
`IOC_BENCH_REPORTS` sets how many reports there are (a million: two minutes), `IOC_BENCH_ROUNDS` the pairs.
"""

import asyncio
import os
import statistics
import time
from collections.abc import Awaitable, Callable, Iterable
from datetime import date, timedelta
from typing import Any
from uuid import UUID

import psycopg

from backend.statistics.jobs import roll_up
from backend.statistics.queries import StatisticsQueries
from backend.statistics.types import Period, Wanted
from benchmarks._parts import OFFICIAL, cpu_of_processes, seeded_cluster
from benchmarks._plans import signed_in
from benchmarks.reports_data import fill
from foundation.identity.principal import Duty, OfficialPrincipal
from foundation.policy.engine import PolicyEngine
from stack.postgres import PostgresCluster
from tests.backend.world import CITY, OFFICIALS, POLICIES, World, compose, key, session

LAST = date(2026, 11, 23)
ASKED = 21
CALLS = 40
PENDING = 1_000
TRIGGERS = ("report_figures_made", "report_figures_changed")
_RAW = """
SELECT r.category, r.state, count(*) FROM reports.report r
WHERE r.created_at > '-infinity' AND r.created_at >= $1::timestamptz GROUP BY 1, 2
"""
_PENDING = """
INSERT INTO statistics.delta (unit_id, category, day, on_day, from_state, to_state)
SELECT (SELECT id FROM tenancy.unit WHERE code = '00070'), 'road', %s, %s, 'received', 'in_progress'
FROM generate_series(1, %s)
"""

View = Callable[[], Awaitable[object]]


def run() -> Iterable[dict[str, Any]]:
    """Views first, then the cost of writing."""
    number = int(os.environ.get("IOC_BENCH_REPORTS", "1000000"))
    rounds = int(os.environ.get("IOC_BENCH_ROUNDS", "20"))
    with seeded_cluster(durable=False) as cluster, cluster.connect("backend") as superuser:
        fill(superuser, number)
        superuser.execute("SET ROLE backend_owner")
        superuser.execute("SELECT statistics.recount()")
        superuser.execute("RESET ROLE")
        superuser.execute("VACUUM (ANALYZE) statistics.standing, statistics.daily, statistics.monthly")
        superuser.execute(_PENDING.encode(), (LAST, LAST, PENDING))
        yield from asyncio.run(_views(cluster, superuser, number))
        yield from asyncio.run(_writing(cluster, superuser, rounds))


async def _views(
    cluster: PostgresCluster, superuser: psycopg.Connection, number: int
) -> list[dict[str, Any]]:
    world = compose(cluster.settings("backend_app"), cluster.settings("backend_worker"))
    await world.database.open()
    try:
        queries = StatisticsQueries(world.database, PolicyEngine.load(POLICIES), world.clock)
        units = superuser.execute("SELECT id, code FROM tenancy.unit WHERE kind <> 'party'").fetchall()
        operator, lead, minh = _operator(world, units), _lead(world, units), await world.official("minh")
        raw = _raw(cluster)
        found = []
        for days in (30, 366):
            wanted = Wanted(Period(LAST - timedelta(days=days - 1), LAST))
            for name, view in (
                ("operator, the whole city", lambda w=wanted: queries.figures(operator, w)),
                ("lead of the city", lambda w=wanted: queries.figures(lead, w)),
                ("a ward", lambda w=wanted: queries.figures(minh, w)),
                ("operator, a page of 100 units", lambda w=wanted: queries.of_units(operator, w, 100, None)),
            ):
                took = await _median(view)
                found.append(
                    {
                        "name": "statistics",
                        "work": f"{number} reports, {days} days, {name}",
                        "ours": f"{took:.1f} ms",
                        "peer": f"{raw:.1f} ms",
                        "peer_name": "counting 30 days of the city's reports by category and state",
                        "ratio": round(took / raw, 3),
                        "target": "under 50 ms at the median",
                    }
                )
    finally:
        await world.database.close()
    return found


async def _median(view: View) -> float:
    """Milliseconds, after one to warm up."""
    await view()
    took = []
    for _ in range(ASKED):
        started = time.perf_counter()
        await view()
        took.append((time.perf_counter() - started) * 1e3)
    return statistics.median(took)


def _raw(cluster: PostgresCluster) -> float:
    took = []
    with signed_in(cluster.settings("backend_app"), city=True) as connection:
        connection.execute(f"PREPARE raw AS {_RAW}".encode())
        for _ in range(ASKED):
            started = time.perf_counter()
            connection.execute(f"EXECUTE raw ('{LAST - timedelta(days=29)}')".encode()).fetchall()
            took.append((time.perf_counter() - started) * 1e3)
    return statistics.median(took)


def _operator(world: World, units: list[Any]) -> OfficialPrincipal:
    return _at_the_city(world, units, "city_operator")


def _lead(world: World, units: list[Any]) -> OfficialPrincipal:
    return _at_the_city(world, units, "lead")


def _at_the_city(world: World, units: list[Any], kind: str) -> OfficialPrincipal:
    root = next(unit for unit, code in units if code == CITY)
    return OfficialPrincipal(
        origin=world.origin(),
        session=session(OFFICIALS, OFFICIAL, CITY),
        official_id=UUID(OFFICIAL),
        unit_id=root,
        unit_code=CITY,
        duties=(Duty(kind, root, CITY),),
        units=frozenset(unit for unit, _ in units),
        city_level=kind == "city_operator",
    )


async def _writing(
    cluster: PostgresCluster, superuser: psycopg.Connection, rounds: int
) -> list[dict[str, Any]]:
    world = compose(cluster.settings("backend_app"), cluster.settings("backend_worker"))
    await world.database.open()
    await world.worker_database.open()
    try:
        lan, minh = await world.citizen(), await world.official("minh")

        async def report() -> None:
            made = await world.submitted(lan)
            accepted = await world.reports.accept(minh, made.code, made.version, key())
            await world.reports.answer(minh, made.code, accepted.version, "Đã thay bóng đèn.", key())

        ratios, ours, peer, summing = [], [], [], []
        for number in range(rounds + 1):
            order = (True, False) if number % 2 else (False, True)
            cost = {on: await _timed(cluster, superuser, report, on) for on in order}
            pids = _backends(superuser, "backend_worker")
            before = cpu_of_processes(pids)
            await roll_up(world.worker_database)
            if number:
                ratios.append(cost[True] / cost[False])
                ours.append(cost[True])
                peer.append(cost[False])
                summing.append((cpu_of_processes(pids) - before) / CALLS * 1e6)
    finally:
        await world.database.close()
        await world.worker_database.close()
    first, middle, third = statistics.quantiles(ratios, n=4)
    return [
        {
            "name": "statistics",
            "work": f"a report submitted, accepted, answered; {rounds} pairs of {CALLS}; summed up later at"
            f" {statistics.fmean(summing):.0f} µs a report",
            "ours": f"{statistics.median(ours):.0f} µs CPU",
            "peer": f"{statistics.median(peer):.0f} µs CPU",
            "peer_name": "without the triggers",
            "ratio": f"{middle:.3f} (quartiles {first:.3f}, {third:.3f})",
            "target": "at most 1.12",
        }
    ]


async def _timed(cluster: PostgresCluster, superuser: psycopg.Connection, work: View, on: bool) -> float:
    """CPU µs a call of the process and of its connections, with the triggers or without."""
    for trigger in TRIGGERS:
        change = "ENABLE" if on else "DISABLE"
        superuser.execute(f"ALTER TABLE reports.report {change} TRIGGER {trigger}".encode())
    for _ in range(3):
        await work()
    pids = _backends(superuser, "backend_app")
    cpu, postgres = time.process_time(), cpu_of_processes(pids)
    for _ in range(CALLS):
        await work()
    return (time.process_time() - cpu + cpu_of_processes(pids) - postgres) / CALLS * 1e6


def _backends(superuser: psycopg.Connection, role: str) -> list[int]:
    query = "SELECT pid FROM pg_stat_activity WHERE usename = %s"
    return [row[0] for row in superuser.execute(query, (role,))]
