"""Open reports near another one, for officers who look for the same thing reported twice."""

from dataclasses import replace

import asyncpg
import h3

from backend.duplicates.types import ReportNear
from backend.reports.types import ReportState, UnitRef, readers_of, report_resource
from foundation.clock import Clock
from foundation.database.database import Database
from foundation.database.read_scope import ReadScope
from foundation.errors import NotFound
from foundation.identity.principal import OfficialPrincipal
from foundation.ids import parse_report_code
from foundation.policy.engine import PolicyEngine
from foundation.recording import Activity, AuditEvent

RADIUS = 1_000
"""Metres, between the centres of cells."""
MOST = 20
# Centres of neighbouring cells are some 360 m apart in Ha Noi: the fourth ring lies beyond 1,200 m already.
_RINGS = 4
_COLUMNS = """
r.id, r.code, r.citizen_id, r.category, r.ward_id, r.handler_id, r.participants, r.state, r.version,
r.created_at, r.h3_cell, w.code AS ward_code, w.name AS ward_name, h.code AS handler_code,
h.name AS handler_name, tenancy.path_of(r.handler_id) AS handler_path
"""
_UNITS = "JOIN tenancy.unit w ON w.id = r.ward_id JOIN tenancy.unit h ON h.id = r.handler_id"
# By (reader, code), as reports are read: a hidden and an absent code are the same miss.
_ONE = f"""
SELECT {_COLUMNS} FROM (SELECT k.report_id FROM reports.report_by_reader k
  WHERE k.reader = ANY($2::uuid[]) AND k.code = $1 LIMIT 1) seen
JOIN reports.report r ON r.id = seen.report_id {_UNITS}
"""  # noqa: S608 - constants of this file
_CITY_ONE = f"SELECT {_COLUMNS} FROM reports.report r {_UNITS} WHERE r.code = $1"  # noqa: S608 - constants of this file
# Cells come nearest first, so their order is that of the distances. Row-level security leaves out the rest.
NEAR = f"""
SELECT {_COLUMNS} FROM (
  SELECT * FROM reports.report c
  WHERE c.category = $1 AND c.h3_cell = ANY($2::bigint[]) AND c.state <> 'closed'
    AND c.merged_into IS NULL AND c.id <> $3
  ORDER BY array_position($2::bigint[], c.h3_cell), c.created_at DESC, c.id DESC LIMIT {MOST}) r {_UNITS}
ORDER BY array_position($2::bigint[], r.h3_cell), r.created_at DESC, r.id DESC
"""  # noqa: S608 - constants of this file


class NearQueries:
    """What officers find near a report. No text is shown, so nothing is opened."""

    def __init__(self, database: Database, policy: PolicyEngine, clock: Clock) -> None:
        self._database = database
        self._policy = policy
        self._clock = clock

    async def around(self, principal: OfficialPrincipal, code: str) -> tuple[ReportNear, ...]:
        """At most 20 open reports of the same category within 1,000 m, nearest first, then newest first.

        Only those that the official may read himself. A report without a point is near nothing. Raises
        NotFound for hidden and absent alike, Forbidden, InvalidInput for no code at all.
        """
        intent = AuditEvent("report.near_officers", activity=Activity.READ)
        async with self._database.read_scope(principal, intent) as scope:
            parsed = parse_report_code(code)
            scope.intent = replace(intent, resource=f"report:{parsed}")
            report = await _one(scope, principal, parsed)
            if report is None:
                raise NotFound
            self._decide(principal, report)
            distances = cells_around(report["h3_cell"])
            rows = await scope.rows(NEAR, report["category"], list(distances), report["id"])
            for row in rows:
                self._decide(principal, row)
        return tuple(_near(row, distances) for row in rows)

    def _decide(self, principal: OfficialPrincipal, row: asyncpg.Record) -> None:
        """Raises Forbidden, also where row-level security showed what the policies refuse."""
        resource = report_resource(
            row["id"],
            row["citizen_id"],
            tuple(row["handler_path"]),
            tuple(row["participants"]),
            row["ward_id"],
            row["state"],
        )
        self._policy.authorise(principal, "report.read", resource, now=self._clock.now())


def cells_around(cell: int | None) -> dict[int, float]:
    """Cells whose centres are within the radius of a cell's own, nearest first, with the metres between."""
    if cell is None:
        return {}
    middle = h3.int_to_str(cell)
    here = h3.cell_to_latlng(middle)
    metres = {
        h3.str_to_int(near): h3.great_circle_distance(here, h3.cell_to_latlng(near), unit="m")
        for near in h3.grid_disk(middle, _RINGS)
    }
    nearest = sorted(metres.items(), key=lambda item: (item[1], item[0]))
    return {near: distance for near, distance in nearest if distance <= RADIUS}


async def _one(scope: ReadScope, principal: OfficialPrincipal, code: str) -> asyncpg.Record | None:
    if principal.city_level:
        return await scope.row(_CITY_ONE, code)
    return await scope.row(_ONE, code, list(readers_of(principal)))


def _near(row: asyncpg.Record, distances: dict[int, float]) -> ReportNear:
    return ReportNear(
        code=row["code"],
        ward=UnitRef(row["ward_code"], row["ward_name"]),
        handler=UnitRef(row["handler_code"], row["handler_name"]),
        state=ReportState(row["state"]),
        version=row["version"],
        created_at=row["created_at"],
        distance=round(distances[row["h3_cell"]]),
    )
