"""Tells people of what happened: by the inbox in the app, and a job that sends word of it."""

from uuid import UUID

from sqlalchemy import text

from backend.notifications.types import Notice, RecipientKind
from backend.reports.types import report_resource
from foundation.clock import Clock
from foundation.database.database import Database
from foundation.database.jobs import enqueue
from foundation.database.unit_of_work import UnitOfWork
from foundation.identity.principal import SystemPrincipal
from foundation.ids import NewId
from foundation.policy.engine import PolicyEngine
from foundation.recording import Activity, AuditEvent

SEND = "notifications.send"

# What the citizen did is no news to the citizen.
OF_CITIZEN = frozenset(
    {
        "report.submitted",
        "report.replied",
        "report.added",
        "report.withdrawn",
        "report.rated",
        "report.reopened",
    }
)

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
_TELL = text(
    """
    SELECT notifications.tell(
      :id, :recipient, :recipient_kind, :event_id, :kind, :resource, :version, :urgency, :now
    )
    """
)
_TOLD = text(
    "SELECT EXISTS (SELECT FROM notifications.inbox WHERE recipient = :recipient AND change_id = :event_id)"
)


class NotificationService:
    """Delivers changes. Delivering one again changes nothing."""

    def __init__(self, database: Database, policy: PolicyEngine, clock: Clock, new_id: NewId) -> None:
        self._database = database
        self._policy = policy
        self._clock = clock
        self._new_id = new_id

    async def tell(self, work: UnitOfWork, notice: Notice) -> None:
        """Put a notice into its recipient's inbox and enqueue its sending, in the caller's transaction.

        Telling the same event to the same person again does nothing. The caller authorises, records its event
        and commits. Who is told must be allowed to see the resource: nothing here asks that.
        """
        row = {
            "id": self._new_id(),
            "recipient": notice.recipient,
            "recipient_kind": notice.recipient_kind.value,
            "event_id": notice.event_id,
            "kind": notice.kind,
            "resource": notice.resource,
            "version": notice.version,
            "urgency": notice.urgency.value,
            "now": self._clock.now(),
        }
        delivery: UUID | None = (await work.connection.execute(_TELL, row)).scalar_one()
        if delivery is not None:
            await enqueue(work, SEND, delivery_id=delivery)

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
            whose = {"recipient": change.citizen_id, "event_id": change_id}
            if (await work.connection.execute(_TOLD, whose)).scalar_one():
                return
            await self.tell(
                work,
                Notice(
                    recipient=change.citizen_id,
                    recipient_kind=RecipientKind.CITIZEN,
                    event_id=change_id,
                    kind=change.kind,
                    resource=change.resource,
                    version=change.version,
                ),
            )
            event = AuditEvent(
                "inbox.deliver",
                activity=Activity.CREATE,
                resource=change.resource,
                unit=change.handler_code,
                policies=decision.policies,
            )
            await work.record(event)
            await work.commit()
