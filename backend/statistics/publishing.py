"""The hourly job that makes the public tables, under a role of its own. Run again, it publishes the same."""

import hashlib
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

import h3
import orjson
import procrastinate
import structlog
from sqlalchemy import text

from backend.statistics import publishing_sql as sql
from backend.statistics.suppression import (
    LADDERS,
    Batch,
    Dimension,
    Group,
    Waiting,
    batches,
    rate,
    rounded,
    stars,
)
from foundation.clock import Clock
from foundation.database.database import Database
from foundation.database.unit_of_work import UnitOfWork
from foundation.identity.principal import Origin, SystemPrincipal
from foundation.ids import NewId
from foundation.policy.engine import PolicyEngine
from foundation.policy.entities import Resource
from foundation.recording import AuditEvent

PUBLISH = "statistics.publish"
NAME = "statistics"
NOWHERE = "0.0.0.0"  # noqa: S104 - a job has no network; nothing is bound to this
PERIOD = timedelta(days=30)
"""Of categories and places; the one before is as long."""
UNIT_PERIOD = timedelta(days=90)
KEPT = timedelta(days=400)
SETTLED = timedelta(minutes=2)
"""A transaction lives 5 s: what is older than this is there, or never will be."""
SPAN = timedelta(days=1)
"""Taken in one transaction, which lives 5 s."""
FIRST = timedelta(days=60)
MAP = "map"

log = structlog.get_logger()


class Publisher:
    """Takes in what is new, lets out what has company, and makes the tables anew."""

    def __init__(self, database: Database, policy: PolicyEngine, clock: Clock, new_id: NewId) -> None:
        self._database = database
        self._policy = policy
        self._clock = clock
        self._new_id = new_id

    async def run(self) -> None:
        """Catch up, a day a transaction, and publish. Raises Forbidden."""
        while not await self._step():
            pass

    async def _step(self) -> bool:
        """One transaction; whether the tables are those of now."""
        now = self._clock.now()
        principal = SystemPrincipal(Origin(str(self._new_id()), NOWHERE), NAME)
        async with self._database.unit_of_work(principal, AuditEvent(PUBLISH)) as work:
            decision = self._policy.authorise(
                principal, PUBLISH, Resource("Figures", "public", {"units": ()}), now=now
            )
            await work.connection.execute(text("SET LOCAL ROLE backend_publisher"))
            until = await _take_in(work, now)
            counts = {dimension: await _let_out(work, dimension, now) for dimension in Dimension}
            caught_up = until >= now - SETTLED
            if caught_up:
                await _write_tables(work, now)
            await work.connection.execute(text("SET LOCAL ROLE NONE"))
            await work.record(AuditEvent(PUBLISH, policies=decision.policies))
            await work.commit()
        log.info("published", until=until.isoformat(), **counts)
        return caught_up


async def _take_in(work: UnitOfWork, now: datetime) -> datetime:
    """What was reported since the last time begins to wait; until when that is."""
    settled = now - SETTLED
    mark = (await work.connection.execute(sql.MARK, {"first": now - FIRST})).scalar_one()
    until = max(mark, min(settled, mark + SPAN))
    await work.connection.execute(sql.TAKE_IN, {"since": mark, "until": until})
    await work.connection.execute(sql.MOVE_MARK, {"until": until})
    return datetime.fromtimestamp(until.timestamp(), tz=now.tzinfo)


async def _let_out(work: UnitOfWork, dimension: Dimension, now: datetime) -> int:
    rows = await work.connection.execute(sql.WAITING, {"dimension": dimension.value})
    found = batches(map(_waiting, rows), LADDERS[dimension], now)
    if found:
        await work.connection.execute(sql.BATCH, [_row(dimension, batch, now) for batch in found])
        gone = [member.report for batch in found for member in batch.members]
        await work.connection.execute(sql.GONE, {"dimension": dimension.value, "reports": gone})
    return len(found)


async def _write_tables(work: UnitOfWork, now: datetime) -> None:
    """Everything is made anew: what a table holds depends on the batches alone."""
    times = {"now": now, "begin": now - PERIOD, "before": now - 2 * PERIOD}
    await work.connection.execute(sql.FORGET, {"than": now - KEPT})
    for statement in sql.CLEAR:
        await work.connection.execute(statement)
    await work.connection.execute(sql.EDITION, {"now": now})
    categories = _changed(await _all(work, sql.OF_CATEGORIES, times))
    wards = _changed(await _all(work, sql.OF_WARDS, times))
    places = [_located(row) for row in _changed(await _all(work, sql.OF_PLACES, times))]
    units = [_rated(row) for row in await _all(work, sql.OF_UNITS, {"begin": now - UNIT_PERIOD})]
    for statement, rows in (
        (sql.CATEGORY, categories),
        (sql.WARD, wards),
        (sql.PLACE, places),
        (sql.UNIT, units),
    ):
        if rows:
            await work.connection.execute(statement, rows)
    names = {row["code"]: row["name"] for row in wards}
    octets = orjson.dumps(geojson(places, names))
    document = {"name": MAP, "octets": octets, "digest": hashlib.sha256(octets).hexdigest()}
    await work.connection.execute(sql.DOCUMENT, document)


def geojson(places: Sequence[Mapping[str, Any]], names: Mapping[str, str]) -> dict[str, Any]:
    """The map (RFC 7946): a point at the centre of each cell, longitude first."""
    return {
        "type": "FeatureCollection",
        "features": [
            {
                "type": "Feature",
                "geometry": {"type": "Point", "coordinates": [place["longitude"], place["latitude"]]},
                "properties": {
                    "cell": h3.int_to_str(place["cell"]),
                    "resolution": place["resolution"],
                    "wardCode": place["ward_code"],
                    "wardName": names.get(place["ward_code"]),
                    "reports": place["reports"],
                    "before": place["before"],
                },
            }
            for place in places
        ],
    }


async def _all(work: UnitOfWork, statement: Any, given: Mapping[str, Any]) -> list[dict[str, Any]]:
    return [dict(row) for row in (await work.connection.execute(statement, given)).mappings()]


def _changed(rows: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    """Rounded; what is nothing in both periods is left out."""
    shown = [{**row, "reports": rounded(row["reports"]), "before": rounded(row["before"])} for row in rows]
    return [row for row in shown if row["reports"] or row["before"]]


def _located(row: dict[str, Any]) -> dict[str, Any]:
    cell = h3.int_to_str(row["cell"])
    latitude, longitude = h3.cell_to_latlng(cell)
    where = {"latitude": round(latitude, 6), "longitude": round(longitude, 6)}
    return {**row, **where, "resolution": h3.get_resolution(cell)}


def _rated(row: dict[str, Any]) -> dict[str, Any]:
    return {
        "code": row["code"],
        "name": row["name"],
        "on_time_percent": rate(row["on_time"], row["deadlines"]),
        "deadlines": rounded(row["deadlines"]),
        "satisfaction": stars(row["points"], row["ratings"]),
        "ratings": rounded(row["ratings"]),
    }


def _waiting(row: Any) -> Waiting:
    group = Group(row.ward_id, row.cell, row.category, row.unit_id)
    return Waiting(row.report_id, row.reporter, row.since, group, row.points or 0)


def _row(dimension: Dimension, batch: Batch, now: datetime) -> dict[str, Any]:
    return {
        "dimension": dimension.value,
        "at": now,
        **batch.group._asdict(),
        "reports": len(batch.members),
        "points": batch.points,
    }


def register(app: procrastinate.App, publisher: Publisher) -> None:
    """Let the worker publish once an hour."""

    @app.periodic(cron="3 * * * *")
    @app.task(name=PUBLISH, queueing_lock=PUBLISH)
    async def publish(timestamp: int) -> None:
        await publisher.run()
