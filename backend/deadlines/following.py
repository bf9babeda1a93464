"""Clocks follow reports: the reaction to each change, and the job after a calendar changed."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

import structlog
from sqlalchemy import text

from backend.deadlines.facts import Facts, rows_of
from backend.deadlines.store import Moved, follow, lock, take_away, write
from backend.reports.types import report_resource
from foundation.clock import Clock
from foundation.database.database import Database
from foundation.database.unit_of_work import UnitOfWork
from foundation.identity.principal import Origin, SystemPrincipal
from foundation.ids import NewId
from foundation.policy.engine import PolicyEngine
from foundation.policy.entities import Resource
from foundation.recording import AuditEvent

NOWHERE = "0.0.0.0"  # noqa: S104 - a job has no network; nothing is bound to this
BATCH = 50
"""Reports of a transaction: each is reckoned anew, and a transaction has 5 s."""
REPORT = """
SELECT r.id, r.code, r.citizen_id, r.category, r.ward_id, r.handler_id, r.participants, r.state,
  tenancy.path_of(r.handler_id) AS handler_path, u.code AS handler_code
FROM reports.report r JOIN tenancy.unit u ON u.id = r.handler_id
"""
_CHANGED = text(f"{REPORT} JOIN changes.change c ON c.resource = 'report:' || r.code WHERE c.id = :change")
_REPORTS = text(f"{REPORT} WHERE r.id = ANY(:reports) ORDER BY r.id")
_OPEN = text(
    """
    SELECT DISTINCT report_id FROM deadlines.clock WHERE stopped_at IS NULL AND report_id > :after
    ORDER BY report_id LIMIT :batch
    """
)

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Followed:
    """What reckoning a report anew moved."""

    report: Any
    moved: Sequence[Moved]


def resource_of(report: Any) -> Resource:
    """The report behind a row of `REPORT`, as the policies see it."""
    return report_resource(
        report.id,
        report.citizen_id,
        tuple(report.handler_path),
        tuple(report.participants),
        report.ward_id,
        report.state,
    )


class DeadlineFollowing:
    """Reckons clocks anew. Doing it again changes nothing; the order of changes does not matter."""

    def __init__(self, database: Database, policy: PolicyEngine, clock: Clock, new_id: NewId) -> None:
        self._database = database
        self._policy = policy
        self._clock = clock
        self._new_id = new_id

    async def react(self, principal: SystemPrincipal, change_id: UUID) -> None:
        """Follow a change of a report. Raises Forbidden when the job's principal may not."""
        now = self._clock.now()
        async with self._database.unit_of_work(principal, AuditEvent("deadline.follow")) as work:
            found = (await work.connection.execute(_CHANGED, {"change": change_id})).one_or_none()
            if found is None:
                return  # a change of something else
            if await self._follow(work, principal, [found], now):
                await work.commit()

    async def reckon_all(self) -> int:
        """Reckon every open report anew, after calendars changed; how many clocks moved."""
        moved, after = 0, UUID(int=0)
        while True:
            principal = SystemPrincipal(Origin(str(self._new_id()), NOWHERE), "deadlines")
            now = self._clock.now()
            async with self._database.unit_of_work(principal, AuditEvent("deadline.follow")) as work:
                found = await work.connection.execute(_OPEN, {"after": after, "batch": BATCH})
                reports = found.scalars().all()
                if not reports:
                    return moved
                after = reports[-1]
                rows = (await work.connection.execute(_REPORTS, {"reports": list(reports)})).all()
                count = await self._follow(work, principal, rows, now)
                if count:
                    await work.commit()
            moved += count

    async def _follow(
        self, work: UnitOfWork, principal: SystemPrincipal, reports: Sequence[Any], now: datetime
    ) -> int:
        """Reckon, write and record; how many clocks moved. Nothing is committed."""
        facts = Facts(rows_of(work), now)
        count = 0
        for report in reports:
            decision = self._policy.authorise(principal, "deadline.follow", resource_of(report), now=now)
            await follow(work, report.id)
            await lock(work, report.id)
            reckoned = await facts.clocks(report.id, report.category, report.ward_id)
            moved = len(await write(work, report.id, reckoned, now))
            moved += await take_away(work, report.id, reckoned)
            if moved:
                event = AuditEvent(
                    "deadline.follow",
                    resource=f"report:{report.code}",
                    unit=report.handler_code,
                    policies=decision.policies,
                )
                await work.record(event)
            count += moved
        return count
