"""Open reports of an ended unit go to its successor, a batch a transaction. Runs as a job."""

import procrastinate
from sqlalchemy import text

from backend.reports.store import FAN_OUT
from foundation.clock import HANOI, Clock
from foundation.database.database import Database
from foundation.database.jobs import enqueue
from foundation.database.retries import RETRY
from foundation.identity.principal import Origin, SystemPrincipal
from foundation.ids import NewId
from foundation.policy.engine import PolicyEngine
from foundation.policy.entities import Resource
from foundation.recording import AuditEvent

HAND_OVER = "reports.hand_over"
BATCH = 100
"""Reports of a transaction: each has an event, and a transaction has 5 s."""
NOWHERE = "0.0.0.0"  # noqa: S104 - a job has no network; nothing is bound to this

_UNIT = text("SELECT id, kind, code FROM tenancy.unit WHERE id = :unit")
# Whose they become, the unit's row says (migrations/backend/sql/0019_administration.sql).
_MOVE = text(
    "SELECT report_code, unit_code, change_id FROM reports.hand_over(:unit, :day, :at, cast(:batch AS int))"
)


class HandOver:
    """Moves reports. Doing it again moves what is left."""

    def __init__(self, database: Database, policy: PolicyEngine, clock: Clock, new_id: NewId) -> None:
        self._database = database
        self._policy = policy
        self._clock = clock
        self._new_id = new_id

    async def run(self, unit: int) -> int:
        """Move every open report of an ended unit; how many there were. Raises Forbidden, LookupError."""
        moved = 0
        while count := await self._batch(unit):
            moved += count
        return moved

    async def _batch(self, unit: int) -> int:
        now = self._clock.now()
        principal = SystemPrincipal(Origin(str(self._new_id()), NOWHERE), "hand_over")
        async with self._database.unit_of_work(principal, AuditEvent("report.hand_over")) as work:
            found = (await work.connection.execute(_UNIT, {"unit": unit})).one_or_none()
            if found is None:
                raise LookupError(f"no unit {unit}")
            resource = Resource("Unit", str(found.id), {"kind": found.kind})
            decision = self._policy.authorise(principal, "report.hand_over", resource, now=now)
            row = {"unit": unit, "day": now.astimezone(HANOI).date(), "at": now, "batch": BATCH}
            moved = (await work.connection.execute(_MOVE, row)).all()
            for report in moved:
                await enqueue(work, FAN_OUT, change_id=report.change_id)
                event = AuditEvent(
                    "report.hand_over",
                    resource=f"report:{report.report_code}",
                    unit=report.unit_code,
                    policies=decision.policies,
                )
                await work.record(event)
            if moved:
                await work.commit()
        return len(moved)


def register(app: procrastinate.App, hand_over: HandOver) -> None:
    """Let the worker run it."""

    @app.task(name=HAND_OVER, retry=RETRY)
    async def run(unit: int) -> None:
        await hand_over.run(unit)
