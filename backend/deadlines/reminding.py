"""Each minute: warnings before a deadline, then the head of the unit, then the city. Each is said once."""

from dataclasses import replace
from datetime import date, datetime
from typing import Any
from uuid import UUID, uuid5

import structlog
from sqlalchemy import text

from backend.deadlines.facts import Facts, rows_of
from backend.deadlines.following import NOWHERE, REPORT, resource_of
from backend.deadlines.stages import Stage, to_say
from backend.deadlines.store import Moved, lock, write
from backend.notifications.service import NotificationService
from backend.notifications.types import Notice, RecipientKind, Urgency
from foundation.clock import HANOI, Clock
from foundation.database.database import Database
from foundation.database.unit_of_work import UnitOfWork
from foundation.identity.principal import Origin, SystemPrincipal
from foundation.ids import NewId
from foundation.policy.engine import PolicyEngine
from foundation.recording import Activity, AuditEvent

MOST = 2_000
"""Reports of one minute; what is left waits for the next."""
HANDLER, LEAD, OPERATOR = "handler", "lead", "city_operator"
# A missed deadline is the head's to know and the officers' too; the city's when the unit does not move.
TOLD = {
    Stage.WARNED: (HANDLER,),
    Stage.WARNED_AGAIN: (HANDLER,),
    Stage.LATE: (HANDLER, LEAD),
    Stage.CITY: (LEAD, OPERATOR),
}
ACTIONS = {
    Stage.WARNED: "deadline.warned",
    Stage.WARNED_AGAIN: "deadline.warned",
    Stage.LATE: "deadline.late",
    Stage.CITY: "deadline.escalated",
}
_NAMESPACE = UUID("6f0a4a0e-6f0b-4c6a-9d0f-4b6d5d6c8a01")

_DUE = text(
    "SELECT report_id FROM deadlines.clock WHERE next_at <= :now GROUP BY report_id"
    " ORDER BY min(next_at), report_id LIMIT :most"
)
_REPORT = text(REPORT.replace("r.state,", "r.state, r.version,") + " WHERE r.id = :report")
_PEOPLE = text("SELECT official_id FROM deadlines.people_of(:unit, :kind, :day)")

log = structlog.get_logger()


class DeadlineReminders:
    """Says of running clocks what their moments have come for."""

    def __init__(
        self,
        database: Database,
        policy: PolicyEngine,
        notifications: NotificationService,
        clock: Clock,
        new_id: NewId,
    ) -> None:
        self._database = database
        self._policy = policy
        self._notifications = notifications
        self._clock = clock
        self._new_id = new_id

    async def look(self) -> int:
        """Look at every clock whose moment has come; how many notices went out. One report a transaction.

        A report that fails keeps no other from being looked at; the log says which.
        """
        now = self._clock.now()
        principal = SystemPrincipal(Origin(str(self._new_id()), NOWHERE), "deadlines")
        async with self._database.unit_of_work(principal, AuditEvent("deadline.remind")) as work:
            found = await work.connection.execute(_DUE, {"now": now, "most": MOST})
            reports = found.scalars().all()
        told = 0
        for report in reports:
            try:
                told += await self._remind(principal, report, now)
            except Exception:
                log.exception("deadline_reminder_failed", report=str(report))
        return told

    async def _remind(self, principal: SystemPrincipal, report_id: UUID, now: datetime) -> int:
        async with self._database.unit_of_work(principal, AuditEvent("deadline.remind")) as work:
            await lock(work, report_id)
            report = (await work.connection.execute(_REPORT, {"report": report_id})).one()
            decision = self._policy.authorise(principal, "deadline.remind", resource_of(report), now=now)
            event = AuditEvent(
                "deadline.remind",
                activity=Activity.UPDATE,
                resource=f"report:{report.code}",
                unit=report.handler_code,
                policies=decision.policies,
            )
            clocks = await Facts(rows_of(work), now).clocks(report.id, report.category, report.ward_id)
            told = 0
            moved = await write(work, report.id, clocks, now, said=True)
            for one in moved:
                if one.clock.stopped_at is not None:
                    continue
                for stage in to_say(one.said, one.reached):
                    told += await self._tell(work, report, one, stage, now)
                    await work.record(replace(event, action=ACTIONS[stage], purpose=one.clock.kind.value))
            if moved:
                # Also when nothing was said: a pause ended by itself.
                await work.record(event)
                await work.commit()
        return told

    async def _tell(self, work: UnitOfWork, report: Any, one: Moved, stage: Stage, now: datetime) -> int:
        """Tell everybody concerned, each once for this deadline and stage."""
        people = await _people(work, one.clock.unit, stage, now.astimezone(HANOI).date())
        due = one.clock.due_at.isoformat()
        event_id = uuid5(_NAMESPACE, f"{report.id} {one.clock.kind} {one.clock.round} {stage} {due}")
        for person in people:
            notice = Notice(
                recipient=person,
                recipient_kind=RecipientKind.OFFICIAL,
                event_id=event_id,
                kind=ACTIONS[stage],
                resource=f"report:{report.code}",
                version=report.version,
                urgency=Urgency.NORMAL if stage < Stage.LATE else Urgency.URGENT,
            )
            await self._notifications.tell(work, notice)
        return len(people)


async def _people(work: UnitOfWork, unit: int, stage: Stage, day: date) -> list[UUID]:
    found: dict[UUID, None] = {}
    for kind in TOLD[stage]:
        rows = await work.connection.execute(_PEOPLE, {"unit": unit, "kind": kind, "day": day})
        found |= dict.fromkeys(rows.scalars())
    return list(found)
