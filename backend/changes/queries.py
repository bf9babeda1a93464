"""What changed since a position, for one person: how clients resume, after minutes or weeks."""

from collections.abc import Sequence
from uuid import UUID

import asyncpg

from backend.changes.types import LAST_UUID, Change, ChangePage, ChangePosition
from backend.reports.types import ReportState, report_resource
from foundation.clock import Clock
from foundation.database.database import Database
from foundation.database.read_scope import ReadScope
from foundation.identity.principal import CitizenPrincipal, OfficialPrincipal
from foundation.paging import PageRequest
from foundation.policy.engine import PolicyEngine
from foundation.policy.errors import PolicyDenied
from foundation.recording import Activity, AuditEvent

_COLUMNS = "c.x::text::bigint AS x, c.id, c.kind, c.resource, c.version, c.at"
_BELOW = "c.x < pg_snapshot_xmin(pg_current_snapshot())"
# Everything below the watermark counts as seen by who begins now; $1 is there for the plan cache alone.
_HEAD = "SELECT pg_snapshot_xmin(pg_current_snapshot())::text::bigint - $1::bigint AS x"
_OF_CITIZEN = f"""
SELECT {_COLUMNS} FROM changes.change c
WHERE c.citizen_id = $1 AND (c.x, c.id) > ($2, $3) AND {_BELOW} ORDER BY c.x, c.id LIMIT $4
"""  # noqa: S608 - constants of this file
_OF_UNITS = f"""
SELECT {_COLUMNS} FROM (
  SELECT DISTINCT n.x, n.change_id FROM unnest($1::int[]) u(unit_id) CROSS JOIN LATERAL (
    SELECT o.x, o.change_id FROM changes.of_unit o
    WHERE o.unit_id = u.unit_id AND (o.x, o.change_id) > ($2, $3)
      AND o.x < pg_snapshot_xmin(pg_current_snapshot())
    ORDER BY o.x, o.change_id LIMIT $4) n
  ORDER BY n.x, n.change_id LIMIT $4) page
JOIN changes.change c ON c.id = page.change_id ORDER BY c.x, c.id
"""  # noqa: S608 - constants of this file
_OF_CITY = f"""
SELECT {_COLUMNS} FROM changes.change c
WHERE (c.x, c.id) > ($1, $2) AND {_BELOW} ORDER BY c.x, c.id LIMIT $3
"""  # noqa: S608 - constants of this file

# Units' ids begin at 1, and no citizen has the nil UUID.
_NO_UNIT, _NO_ONE = 0, UUID(int=0)

Subscriber = CitizenPrincipal | OfficialPrincipal


class ChangeQueries:
    """Reads of the feed. Row-level security is the wall; what is told is that something happened.

    What bars a person from reading every report bars him from the feed: the policies are asked about a report
    of his own units, that is not there.
    """

    def __init__(self, database: Database, policy: PolicyEngine, clock: Clock) -> None:
        self._database = database
        self._policy = policy
        self._clock = clock

    async def since(self, principal: Subscriber, after: ChangePosition | None, first: int) -> ChangePage:
        """Up to `first` changes after a position; None: nothing yet, and the position from which to go on.

        Strictly rising and below the watermark, so that none appears behind `end` later.
        Raises InvalidInput for a page size outside 1–100, Forbidden for whom the policies bar from reports.
        """
        intent = AuditEvent("change.list", activity=Activity.READ)
        async with self._database.read_scope(principal, intent) as scope:
            first = PageRequest(first).first
            self._check(principal)
            if after is None:
                row = await scope.row(_HEAD, 1)
                assert row is not None  # noqa: S101 - an aggregate-free SELECT without FROM has one row
                return ChangePage((), ChangePosition(row["x"], LAST_UUID), has_more=False)
            rows = await _rows(scope, principal, after, first + 1)
        items = tuple(
            Change(
                ChangePosition(row["x"], row["id"]), row["kind"], row["resource"], row["version"], row["at"]
            )
            for row in rows[:first]
        )
        return ChangePage(items, items[-1].position if items else after, has_more=len(rows) > first)

    def _check(self, principal: Subscriber) -> None:
        citizen, unit = _NO_ONE, _NO_UNIT
        if isinstance(principal, CitizenPrincipal):
            citizen = principal.citizen_id
        elif principal.units:
            unit = min(principal.units)
        probe = report_resource(_NO_ONE, citizen, (unit,), (), unit, ReportState.RECEIVED)
        try:
            self._policy.authorise(principal, "report.read", probe, now=self._clock.now())
        except PolicyDenied as refusal:
            # Nothing allows it and nothing forbids it: an official without units follows nothing.
            if refusal.policies:
                raise


async def _rows(
    scope: ReadScope, principal: Subscriber, after: ChangePosition, limit: int
) -> Sequence[asyncpg.Record]:
    if isinstance(principal, CitizenPrincipal):
        return await scope.rows(_OF_CITIZEN, principal.citizen_id, after.x, after.id, limit)
    if principal.city_level:
        return await scope.rows(_OF_CITY, after.x, after.id, limit)
    return await scope.rows(_OF_UNITS, sorted(principal.units), after.x, after.id, limit)
