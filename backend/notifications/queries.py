"""A person's own inbox."""

from backend.notifications.types import InboxItem, Owner, inbox_resource, owner_id
from foundation.clock import Clock
from foundation.database.database import Database
from foundation.paging import Page, PageRequest, Position
from foundation.policy.engine import PolicyEngine
from foundation.recording import Activity, AuditEvent

# Two statements: one with `$n IS NULL OR …` would read all pages before the one asked for.
INBOX = """
SELECT id, kind, resource, version, at FROM notifications.inbox
WHERE recipient = $1 ORDER BY at DESC, id DESC LIMIT $2
"""
INBOX_AFTER = """
SELECT id, kind, resource, version, at FROM notifications.inbox
WHERE recipient = $1 AND (at, id) < ($2::timestamptz, $3::uuid) ORDER BY at DESC, id DESC LIMIT $4
"""


class InboxQueries:
    """Reads of the inbox."""

    def __init__(self, database: Database, policy: PolicyEngine, clock: Clock) -> None:
        self._database = database
        self._policy = policy
        self._clock = clock

    async def inbox(self, principal: Owner, page: PageRequest) -> Page[InboxItem]:
        """Newest first. Raises Forbidden."""
        intent = AuditEvent("inbox.read", activity=Activity.READ)
        async with self._database.read_scope(principal, intent) as scope:
            self._policy.authorise(principal, "inbox.read", inbox_resource(principal), now=self._clock.now())
            if page.after is None:
                rows = await scope.rows(INBOX, owner_id(principal), page.first + 1)
            else:
                after = (page.after.at, page.after.id)
                rows = await scope.rows(INBOX_AFTER, owner_id(principal), *after, page.first + 1)
        shown = rows[: page.first]
        return Page(
            items=tuple(InboxItem(row["kind"], row["resource"], row["version"], row["at"]) for row in shown),
            positions=tuple(Position(row["at"], row["id"]) for row in shown),
            has_next=len(rows) > page.first,
        )
