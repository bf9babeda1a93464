"""A person's own inbox, and how the person wants to be told."""

from datetime import time
from typing import Any
from uuid import UUID

from backend.notifications.types import (
    Fallback,
    InboxItem,
    Owner,
    Preferences,
    QuietHours,
    kind_of,
    own_inbox,
    owner_id,
    usual,
)
from foundation.clock import Clock
from foundation.database.database import Database
from foundation.paging import Page, PageRequest, Position
from foundation.policy.engine import PolicyEngine
from foundation.recording import Activity, AuditEvent

MOST_COUNTED = 100
"""Beyond this the number is this: "99+" is all that an app shows."""
MOST_PUSHED = 50

_COLUMNS = "id, kind, resource, version, at, urgency, read_at"
# Two statements: one with `$n IS NULL OR …` would read all pages before the one asked for.
INBOX = f"""
SELECT {_COLUMNS} FROM notifications.inbox
WHERE recipient = $1 ORDER BY at DESC, id DESC LIMIT $2
"""  # noqa: S608 - columns are ours
INBOX_AFTER = f"""
SELECT {_COLUMNS} FROM notifications.inbox
WHERE recipient = $1 AND (at, id) < ($2::timestamptz, $3::uuid) ORDER BY at DESC, id DESC LIMIT $4
"""  # noqa: S608 - columns are ours
UNREAD = """
SELECT count(*) FROM (
  SELECT FROM notifications.inbox WHERE recipient = $1 AND read_at IS NULL LIMIT $2) unread
"""
PUSHED = f"""
SELECT {_COLUMNS} FROM notifications.inbox
WHERE recipient = $1 AND delivery_id = (
  SELECT d.id FROM notifications.delivery d WHERE d.token = $2 AND d.recipient = $1)
ORDER BY at DESC, id DESC LIMIT $3
"""  # noqa: S608 - columns are ours
_PREFERENCES = "SELECT push, sms, email, quiet_from, quiet_to FROM notifications.preference WHERE person = $1"

READ = AuditEvent("inbox.read", activity=Activity.READ)


class InboxQueries:
    """Reads of the feature."""

    def __init__(self, database: Database, policy: PolicyEngine, clock: Clock) -> None:
        self._database = database
        self._policy = policy
        self._clock = clock

    async def inbox(self, principal: Owner, page: PageRequest) -> Page[InboxItem]:
        """Newest first. Raises Forbidden."""
        async with self._database.read_scope(principal, READ) as scope:
            self._authorise(principal)
            if page.after is None:
                rows = await scope.rows(INBOX, owner_id(principal), page.first + 1)
            else:
                after = (page.after.at, page.after.id)
                rows = await scope.rows(INBOX_AFTER, owner_id(principal), *after, page.first + 1)
        shown = rows[: page.first]
        return Page(
            items=tuple(_item_of(row) for row in shown),
            positions=tuple(Position(row["at"], row["id"]) for row in shown),
            has_next=len(rows) > page.first,
        )

    async def unread(self, principal: Owner) -> int:
        """How many notices are unread, at most 100. Raises Forbidden."""
        async with self._database.read_scope(principal, READ) as scope:
            self._authorise(principal)
            row = await scope.row(UNREAD, owner_id(principal), MOST_COUNTED)
        return 0 if row is None else int(row[0])

    async def pushed(self, principal: Owner, token: UUID) -> tuple[InboxItem, ...]:
        """What a push told of, by the id in it; nothing if it is not the person's. Raises Forbidden."""
        async with self._database.read_scope(principal, READ) as scope:
            self._authorise(principal)
            rows = await scope.rows(PUSHED, owner_id(principal), token, MOST_PUSHED)
        return tuple(_item_of(row) for row in rows)

    async def preferences(self, principal: Owner) -> Preferences:
        """How the person wants to be told. Raises Forbidden."""
        async with self._database.read_scope(principal, READ) as scope:
            self._authorise(principal)
            row = await scope.row(_PREFERENCES, owner_id(principal))
        return usual(kind_of(principal)) if row is None else preferences_of(row)

    def _authorise(self, principal: Owner) -> None:
        self._policy.authorise(principal, "inbox.read", own_inbox(principal), now=self._clock.now())


def preferences_of(row: Any) -> Preferences:
    """What a row's columns say, whichever driver read it."""
    begin: time | None = row["quiet_from"]
    quiet = None if begin is None else QuietHours(begin, row["quiet_to"])
    return Preferences(row["push"], Fallback(row["sms"]), Fallback(row["email"]), quiet)


def _item_of(row: Any) -> InboxItem:
    urgent = row["urgency"] == "urgent"
    return InboxItem(
        row["id"], row["kind"], row["resource"], row["version"], row["at"], urgent, row["read_at"]
    )
