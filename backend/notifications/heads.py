"""What the head (trưởng đơn vị) of a unit hears of its reports: refusals, and ratings of one or two stars."""

from uuid import UUID

from sqlalchemy import text

from backend.notifications.service import NotificationService
from backend.notifications.types import Notice, RecipientKind
from backend.reports.types import report_resource
from foundation.clock import HANOI, Clock
from foundation.database.database import Database
from foundation.identity.principal import SystemPrincipal
from foundation.policy.engine import PolicyEngine
from foundation.recording import Activity, AuditEvent

LOW = 2
"""Stars, at most: somebody should look at how the report was worked on."""
REFUSED, RATED_LOW = "report.refused", "report.rated_low"

# Joined by the version: of each change there is one entry in the timeline.
_CHANGE = text(
    """
    SELECT c.kind, c.resource, c.version, r.id, r.citizen_id, r.handler_id, r.participants, r.ward_id,
           r.state, r.closing_reason, t.stars, tenancy.path_of(r.handler_id) AS handler_path, t.to_unit_id,
           u.code AS unit
    FROM changes.change c
    JOIN reports.report r ON c.resource = 'report:' || r.code
    JOIN reports.timeline t ON t.report_id = r.id AND t.version = c.version
      AND t.at = c.at AND t.kind IN ('closed', 'rated')
    JOIN tenancy.unit u ON u.id = t.to_unit_id
    WHERE c.id = :change_id AND c.kind IN ('report.closed', 'report.rated')
    """
)
# The unit's own heads; where it has none, those of the nearest unit above that has.
_HEADS = text("SELECT official_id FROM deadlines.people_of(:unit, 'lead', :day)")


class HeadNotices:
    """A reaction to changes of reports; following one again tells nobody twice."""

    def __init__(
        self, database: Database, policy: PolicyEngine, notifications: NotificationService, clock: Clock
    ) -> None:
        self._database = database
        self._policy = policy
        self._notifications = notifications
        self._clock = clock

    async def follow(self, principal: SystemPrincipal, change_id: UUID) -> None:
        """Tell the heads of the unit that closed the report. Raises Forbidden."""
        now = self._clock.now()
        intent = AuditEvent("head.tell", activity=Activity.CREATE)
        async with self._database.unit_of_work(principal, intent) as work:
            change = (await work.connection.execute(_CHANGE, {"change_id": change_id})).one_or_none()
            kind = None if change is None else _kind_of(change.kind, change.closing_reason, change.stars)
            if change is None or kind is None:
                return
            resource = report_resource(
                change.id,
                change.citizen_id,
                tuple(change.handler_path),
                tuple(change.participants),
                change.ward_id,
                change.state,
            )
            decision = self._policy.authorise(principal, "report.fan_out", resource, now=now)
            day = now.astimezone(HANOI).date()
            heads = await work.connection.execute(_HEADS, {"unit": change.to_unit_id, "day": day})
            for head in heads.scalars().all():
                notice = Notice(
                    head, RecipientKind.OFFICIAL, change_id, kind, change.resource, change.version
                )
                await self._notifications.tell(work, notice)
            await work.record(
                AuditEvent(
                    intent.action,
                    activity=Activity.CREATE,
                    resource=change.resource,
                    unit=change.unit,
                    policies=decision.policies,
                )
            )
            await work.commit()


def _kind_of(change: str, closing_reason: str | None, stars: int | None) -> str | None:
    if change == "report.rated":
        return RATED_LOW if stars is not None and stars <= LOW else None
    refused = closing_reason in {"no_jurisdiction", "not_reproducible", "out_of_scope"}
    return REFUSED if refused else None
