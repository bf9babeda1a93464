"""The one reader of a process: changes below the watermark with what a decision needs of their reports."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from uuid import UUID

import asyncpg

from backend.changes.sessions import Ended
from backend.changes.types import LAST_UUID, Change, ChangePosition
from backend.reports.types import report_resource
from foundation.clock import Clock
from foundation.database.database import Database
from foundation.policy.entities import Resource

BATCH = 500
# Ends are written up to 50 ms out of order, and clocks of two machines differ: looked at again for a while.
ENDS_OVERLAP = timedelta(seconds=10)

_HEAD = "SELECT pg_snapshot_xmin(pg_current_snapshot())::text::bigint - 1"
_AFTER = """
SELECT c.x::text::bigint AS x, c.id, c.kind, c.resource, c.version, c.at, c.units, r.id AS report_id,
       r.citizen_id, r.participants, r.ward_id, r.state, tenancy.path_of(r.handler_id) AS handler_path
FROM changes.change c JOIN reports.report r ON r.code = substr(c.resource, 8)
WHERE (c.x, c.id) > ($1, $2) AND c.x < pg_snapshot_xmin(pg_current_snapshot())
ORDER BY c.x, c.id LIMIT $3
"""
_ENDED = """
SELECT iss, sid, sub, extract(epoch FROM ended_at)::float8 AS at, except_sid, jkt, recorded_at
FROM identity.session_end WHERE recorded_at > $1
"""


@dataclass(frozen=True, slots=True)
class Concern:
    """A change and whom it may concern."""

    change: Change
    resource: Resource
    citizen_id: UUID
    units: frozenset[int]


class ChangeReader:
    """Reads as the role `backend_feed`, which sees every change and writes nothing."""

    batch = BATCH

    def __init__(self, database: Database, clock: Clock) -> None:
        """`clock`: from when on ends of sessions are read; their moments are the database's own."""
        self._database = database
        self._ends_since = clock.now() - ENDS_OVERLAP

    async def head(self) -> ChangePosition:
        """The position behind everything that is below the watermark now."""
        return ChangePosition(await self._database.pool.fetchval(_HEAD), LAST_UUID)

    async def after(self, position: ChangePosition) -> Sequence[Concern]:
        """Up to 500 changes after a position, in order."""
        rows = await self._database.pool.fetch(_AFTER, position.x, position.id, BATCH)
        return [_concern_of(row) for row in rows]

    async def ended_sessions(self) -> list[Ended]:
        """Ends noted lately; the same end may come several times."""
        rows = await self._database.pool.fetch(_ENDED, self._ends_since)
        if rows:
            newest = max(row["recorded_at"] for row in rows)
            self._ends_since = max(self._ends_since, newest - ENDS_OVERLAP)
        return [
            Ended(row["iss"], row["sid"], row["sub"], row["at"], row["except_sid"], row["jkt"])
            for row in rows
        ]


def _concern_of(row: asyncpg.Record) -> Concern:
    change = Change(
        ChangePosition(row["x"], row["id"]), row["kind"], row["resource"], row["version"], row["at"]
    )
    resource = report_resource(
        row["report_id"],
        row["citizen_id"],
        tuple(row["handler_path"]),
        tuple(row["participants"]),
        row["ward_id"],
        row["state"],
    )
    return Concern(change, resource, row["citizen_id"], frozenset(row["units"]))
