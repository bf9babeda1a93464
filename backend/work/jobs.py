"""Jobs of officers' work: who was given a report is told, and who has left loses what he had in hand."""

from typing import Any
from uuid import UUID

import procrastinate
from sqlalchemy import text

from backend.notifications.service import NotificationService
from backend.notifications.types import Notice, RecipientKind
from backend.reports.types import report_resource
from backend.work.service import TELL_ASSIGNED
from foundation.clock import Clock
from foundation.database.database import Database
from foundation.database.retries import RETRY
from foundation.identity.principal import Origin, SystemPrincipal
from foundation.ids import NewId
from foundation.policy.engine import PolicyEngine
from foundation.policy.entities import Resource
from foundation.recording import Activity, AuditEvent

RELEASE = "work.release"
BATCH = 100
NOWHERE = "0.0.0.0"  # noqa: S104 - a job has no network; nothing is bound to this

_COLUMNS = """
r.id, r.code, r.citizen_id, r.handler_id, r.participants, r.ward_id, r.state, r.version,
tenancy.path_of(r.handler_id) AS handler_path, u.code AS handler_code
"""
# Only who still has it is told: the report may have moved on before the job ran.
_ASSIGNED = text(
    f"""
    SELECT {_COLUMNS}, e.person_id FROM work.entry e JOIN reports.report r ON r.id = e.report_id
    JOIN work.file f ON f.report_id = r.id AND f.assignee_id = e.person_id
    JOIN tenancy.unit u ON u.id = r.handler_id WHERE e.id = :entry AND e.kind = 'assigned'
    """  # noqa: S608 - constants of this file
)
_TOLD = text(
    "SELECT EXISTS (SELECT FROM notifications.inbox WHERE recipient = :person AND change_id = :entry)"
)
_LEFT = text(
    """
    SELECT f.report_id, f.assignee_id, f.unit_id FROM work.file f
    WHERE f.assignee_id IS NOT NULL AND NOT work.handles(f.assignee_id, f.unit_id)
    ORDER BY f.report_id LIMIT :batch FOR UPDATE SKIP LOCKED
    """
)
_REPORT = text(
    f"""
    SELECT {_COLUMNS} FROM reports.report r JOIN tenancy.unit u ON u.id = r.handler_id WHERE r.id = :report
    """  # noqa: S608 - constants of this file
)
_RELEASE = text(
    """
    UPDATE work.file SET assignee_id = NULL, unit_id = NULL, assigned_at = NULL, version = version + 1
    WHERE report_id = :report
    """
)
_ENTRY = text(
    """
    INSERT INTO work.entry (id, report_id, at, kind, unit_id, person_id)
    VALUES (:id, :report, :at, 'released', :unit, :person)
    """
)


class WorkUpkeep:
    """What machines do of officers' work. Doing it again changes nothing."""

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

    async def tell_assigned(self, entry: UUID) -> None:
        """Tell who was given the report. Raises Forbidden."""
        intent = AuditEvent("report.tell_assigned", activity=Activity.CREATE)
        async with self._database.unit_of_work(self._principal(), intent) as work:
            row = (await work.connection.execute(_ASSIGNED, {"entry": entry})).one_or_none()
            if row is None:
                return
            told = {"person": row.person_id, "entry": entry}
            if (await work.connection.execute(_TOLD, told)).scalar_one():
                return
            decision = self._policy.authorise(
                self._principal(), intent.action, _resource(row), now=self._clock.now()
            )
            resource = f"report:{row.code}"
            notice = Notice(
                recipient=row.person_id,
                recipient_kind=RecipientKind.OFFICIAL,
                event_id=entry,
                kind="report.assigned",
                resource=resource,
                version=row.version,
            )
            await self._notifications.tell(work, notice)
            await work.record(
                AuditEvent(
                    intent.action,
                    activity=Activity.CREATE,
                    resource=resource,
                    unit=row.handler_code,
                    policies=decision.policies,
                )
            )
            await work.commit()

    async def release(self) -> int:
        """Take from people without a handler's duty at the unit today what they had in hand; how much."""
        released = 0
        while count := await self._batch():
            released += count
        return released

    async def _batch(self) -> int:
        now = self._clock.now()
        async with self._database.unit_of_work(self._principal(), AuditEvent("report.release")) as work:
            left = (await work.connection.execute(_LEFT, {"batch": BATCH})).all()
            for row in left:
                report = (await work.connection.execute(_REPORT, {"report": row.report_id})).one()
                decision = self._policy.authorise(
                    self._principal(), "report.release", _resource(report), now=now
                )
                await work.connection.execute(_RELEASE, {"report": row.report_id})
                entry = {
                    "id": self._new_id(),
                    "report": row.report_id,
                    "at": now,
                    "unit": row.unit_id,
                    "person": row.assignee_id,
                }
                await work.connection.execute(_ENTRY, entry)
                await work.record(
                    AuditEvent(
                        "report.release",
                        resource=f"report:{report.code}",
                        unit=report.handler_code,
                        policies=decision.policies,
                    )
                )
            if left:
                await work.commit()
        return len(left)

    def _principal(self) -> SystemPrincipal:
        return SystemPrincipal(Origin(str(self._new_id()), NOWHERE), "work")


def _resource(row: Any) -> Resource:
    return report_resource(
        row.id,
        row.citizen_id,
        tuple(row.handler_path),
        tuple(row.participants),
        row.ward_id,
        row.state,
    )


def register(app: procrastinate.App, upkeep: WorkUpkeep) -> None:
    """Let the worker tell people, and look every five minutes for those who have left."""

    @app.task(name=TELL_ASSIGNED, retry=RETRY)
    async def tell_assigned(entry_id: str) -> None:
        await upkeep.tell_assigned(UUID(entry_id))

    @app.periodic(cron="*/5 * * * *")
    @app.task(name=RELEASE, queueing_lock=RELEASE)
    async def release(timestamp: int) -> None:
        await upkeep.release()
