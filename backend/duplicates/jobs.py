"""Tells followers of what happened to a report: a reaction of the fan-out job."""

from uuid import UUID

from sqlalchemy import text

from backend.duplicates.types import followings_of
from backend.notifications.service import NotificationService
from backend.notifications.types import Notice, RecipientKind
from foundation.clock import Clock
from foundation.database.database import Database
from foundation.identity.principal import SystemPrincipal
from foundation.policy.engine import PolicyEngine
from foundation.recording import Activity, AuditEvent

TOLD = frozenset(
    {
        "report.accepted",
        "report.forwarded",
        "report.answered",
        "report.closed",
        "report.withdrawn",
        "report.reopened",
        "report.merged",
        "report.unmerged",
    }
)
"""Changes of where a report stands. Questions, answers and ratings are between its citizen and the unit."""
AT_ONCE = 200
"""Followers told in one transaction, which has 5 s."""
NOBODY = UUID(int=0)
_CHANGE = text(
    """
    SELECT c.kind, c.resource, c.version, r.id AS report_id FROM changes.change c
    JOIN reports.report r ON c.resource = 'report:' || r.code WHERE c.id = :change_id
    """
)
# Those of the reports that were merged into it too; its own citizen is told by notifications.
_FOLLOWERS = text(
    """
    SELECT DISTINCT t.citizen_id FROM (
      SELECT f.citizen_id FROM duplicates.follower f WHERE f.report_id = :report
      UNION ALL SELECT f.citizen_id FROM reports.report m JOIN duplicates.follower f ON f.report_id = m.id
        WHERE m.merged_into = :report
      UNION ALL SELECT m.citizen_id FROM reports.report m WHERE m.merged_into = :report) t
    WHERE t.citizen_id > :after
      AND t.citizen_id <> (SELECT r.citizen_id FROM reports.report r WHERE r.id = :report)
    ORDER BY t.citizen_id LIMIT :most
    """
)
TELL = AuditEvent("report.tell_followers", activity=Activity.CREATE)


class FollowerNotices:
    """Telling the same change again changes nothing."""

    def __init__(
        self, database: Database, policy: PolicyEngine, notifications: NotificationService, clock: Clock
    ) -> None:
        self._database = database
        self._policy = policy
        self._notifications = notifications
        self._clock = clock

    async def react(self, principal: SystemPrincipal, change_id: UUID) -> None:
        """Put a change of state into each follower's inbox, 200 at a time.

        Raises Forbidden for another job, LookupError for a change that does not exist.
        """
        after: UUID | None = NOBODY
        while after is not None:
            after = await self._some(principal, change_id, after)

    async def _some(self, principal: SystemPrincipal, change_id: UUID, after: UUID) -> UUID | None:
        """The last one told, None when there is nobody left."""
        async with self._database.unit_of_work(principal, TELL) as work:
            change = (await work.connection.execute(_CHANGE, {"change_id": change_id})).one_or_none()
            if change is None:
                raise LookupError(f"no change {change_id}")
            decision = self._policy.authorise(
                principal, TELL.action, followings_of(NOBODY), now=self._clock.now()
            )
            if change.kind not in TOLD:
                return None
            asked = {"report": change.report_id, "after": after, "most": AT_ONCE}
            followers = (await work.connection.execute(_FOLLOWERS, asked)).scalars().all()
            if not followers:
                return None
            for citizen in followers:
                await self._notifications.tell(
                    work,
                    Notice(
                        recipient=citizen,
                        recipient_kind=RecipientKind.CITIZEN,
                        event_id=change_id,
                        kind=change.kind,
                        resource=change.resource,
                        version=change.version,
                    ),
                )
            event = AuditEvent(
                TELL.action, activity=TELL.activity, resource=change.resource, policies=decision.policies
            )
            await work.record(event)
            await work.commit()
            last: UUID = followers[-1]
            return last
