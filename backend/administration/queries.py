"""Who changed what: the history of one thing, newest first, for who administers the registers."""

from datetime import datetime

import msgspec

from backend.administration.differences import differences
from backend.administration.service import authorise_reading
from backend.administration.types import Fields, HistoryEntry, HistoryKind, Register
from foundation.clock import Clock
from foundation.database.database import Database
from foundation.identity.principal import OfficialPrincipal
from foundation.paging import Page, PageRequest, Position
from foundation.policy.engine import PolicyEngine
from foundation.recording import Activity, AuditEvent

REGISTER_OF = {
    HistoryKind.UNIT: Register.UNITS,
    HistoryKind.CATEGORY: Register.CATEGORIES,
    HistoryKind.ROUTING_RULES: Register.ROUTING,
    HistoryKind.CALENDAR: Register.CALENDARS,
    HistoryKind.HOLIDAY_YEAR: Register.CALENDARS,
    HistoryKind.CHANNEL: Register.CHANNELS,
    HistoryKind.DEADLINE_RULES: Register.DEADLINES,
}
_HISTORY = """
SELECT h.id, h.version, h.at, h.action, h.actor_id, h.actor_unit, h.before::text, h.after::text
FROM platform.history h
WHERE h.kind = $1 AND h.code = $2 AND ($3::timestamptz IS NULL OR (h.at, h.id) < ($3, $4::uuid))
ORDER BY h.at DESC, h.id DESC LIMIT $5
"""
_NAMES = "SELECT id, name FROM platform.names_of_actors($1::uuid[])"


class HistoryQueries:
    """Reads of the history."""

    def __init__(self, database: Database, policy: PolicyEngine, clock: Clock) -> None:
        self._database = database
        self._policy = policy
        self._clock = clock

    async def history(
        self, principal: OfficialPrincipal, kind: HistoryKind, code: str, page: PageRequest
    ) -> Page[HistoryEntry]:
        """Changes of the thing with this code; none for one that is not there. Raises Forbidden."""
        intent = AuditEvent("register.history", activity=Activity.READ)
        async with self._database.read_scope(principal, intent) as scope:
            await authorise_reading(scope, self._policy, REGISTER_OF[kind], self._clock.now())
            at, after = _bounds(page.after)
            rows = await scope.rows(_HISTORY, kind, code, at, after, page.first + 1)
            people = sorted({row["actor_id"] for row in rows})
            names = {row["id"]: row["name"] for row in await scope.rows(_NAMES, people)}
        shown = rows[: page.first]
        return Page(
            items=tuple(
                HistoryEntry(
                    version=row["version"],
                    at=row["at"],
                    action=row["action"],
                    actor=names[row["actor_id"]],
                    actor_unit=row["actor_unit"],
                    differences=differences(_fields(row["before"]), _fields(row["after"]) or {}),
                )
                for row in shown
            ),
            positions=tuple(Position(row["at"], row["id"]) for row in shown),
            has_next=len(rows) > page.first,
        )


def _bounds(after: Position | None) -> tuple[datetime | None, object]:
    return (None, None) if after is None else (after.at, after.id)


def _fields(json: str | None) -> Fields | None:
    return None if json is None else msgspec.json.decode(json, type=dict)
