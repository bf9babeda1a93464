"""Tells those concerned of a change: today by the inbox in the app. Runs as a job."""

from uuid import UUID

from sqlalchemy import text

from backend.reports.types import report_resource
from foundation.clock import Clock
from foundation.database.database import Database
from foundation.identity.principal import SystemPrincipal
from foundation.ids import NewId
from foundation.policy.engine import PolicyEngine
from foundation.recording import Activity, AuditEvent

# What the citizen did is no news to the citizen.
OF_CITIZEN = frozenset({"report.submitted", "report.replied"})

_CHANGE = text(
    """
    SELECT c.kind, c.resource, c.version, c.at, c.citizen_id, r.id, r.handler_id, r.participants, r.ward_id,
           r.state, tenancy.path_of(r.handler_id) AS handler_path, u.code AS handler_code
    FROM changes.change c
    JOIN reports.report r ON c.resource = 'report:' || r.code
    JOIN tenancy.unit u ON u.id = r.handler_id
    WHERE c.id = :change_id
    """
)
_DELIVER = text(
    """
    INSERT INTO notifications.inbox (id, recipient, change_id, kind, resource, version, at)
    VALUES (:id, :recipient, :change_id, :kind, :resource, :version, :at)
    ON CONFLICT (recipient, change_id) DO NOTHING RETURNING true
    """
)


class NotificationService:
    """Delivers changes. Delivering one again changes nothing."""

    def __init__(self, database: Database, policy: PolicyEngine, clock: Clock, new_id: NewId) -> None:
        self._database = database
        self._policy = policy
        self._clock = clock
        self._new_id = new_id

    async def deliver(self, principal: SystemPrincipal, change_id: UUID) -> None:
        """Put a change into the citizen's inbox, unless it is there or was the citizen's own doing.

        Raises Forbidden when the job's principal may not, LookupError for a change that does not exist.
        """
        async with self._database.unit_of_work(principal, AuditEvent("report.fan_out")) as work:
            change = (await work.connection.execute(_CHANGE, {"change_id": change_id})).one_or_none()
            if change is None:
                raise LookupError(f"no change {change_id}")
            resource = report_resource(
                change.id,
                change.citizen_id,
                tuple(change.handler_path),
                tuple(change.participants),
                change.ward_id,
                change.state,
            )
            decision = self._policy.authorise(principal, "report.fan_out", resource, now=self._clock.now())
            if change.kind in OF_CITIZEN:
                return
            row = {
                "id": self._new_id(),
                "recipient": change.citizen_id,
                "change_id": change_id,
                "kind": change.kind,
                "resource": change.resource,
                "version": change.version,
                "at": change.at,
            }
            if (await work.connection.execute(_DELIVER, row)).scalar() is None:
                return
            event = AuditEvent(
                "inbox.deliver",
                activity=Activity.CREATE,
                resource=change.resource,
                unit=change.handler_code,
                policies=decision.policies,
            )
            await work.record(event)
            await work.commit()
