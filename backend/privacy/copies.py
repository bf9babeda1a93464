"""Copies of one's own data: asked for with the second factor, made by a job, fetched once, gone in a day."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any
from uuid import UUID

from sqlalchemy import text

from backend.privacy.copy_parts import PARTS
from backend.privacy.errors import CopyGone, CopyTooSoon
from backend.privacy.service import ALONE
from backend.privacy.types import file_of
from foundation.clock import Clock
from foundation.database.database import Database
from foundation.database.idempotent import claim, keep
from foundation.database.jobs import enqueue
from foundation.idempotency import Idempotency
from foundation.identity.principal import CitizenPrincipal
from foundation.ids import NewId
from foundation.policy.engine import PolicyEngine
from foundation.recording import Activity, AuditEvent

MAKE = "privacy.make_copy"
KEPT = timedelta(hours=24)
"""A copy that was not fetched is gone then; and the next one is asked for then."""
MOST_SHOWN = 5
ASK = AuditEvent("privacy.copy_ask", activity=Activity.CREATE)
READ = AuditEvent("privacy.copy_read", activity=Activity.READ)
FETCH = AuditEvent("privacy.copy_fetch", activity=Activity.READ)

_LAST = text("SELECT max(asked_at) FROM privacy.copy WHERE citizen_id = :citizen AND asked_at > :since")
_ASK = text(
    """
    INSERT INTO privacy.copy (id, citizen_id, state, asked_at, expires_at)
    VALUES (:id, :citizen, 'waiting', :at, :until)
    """
)
_MINE = """
SELECT id, state, done, asked_at, expires_at FROM privacy.copy WHERE citizen_id = $1
ORDER BY asked_at DESC, id DESC LIMIT $2
"""
_TAKE = text(
    """
    SELECT content FROM privacy.copy
    WHERE id = :id AND citizen_id = :citizen AND state = 'made' AND expires_at > :at FOR UPDATE
    """
)
_TAKEN = text("UPDATE privacy.copy SET state = 'fetched', content = NULL WHERE id = :id")


class CopyState(StrEnum):
    """Waiting for the job, made, fetched, gone without being fetched."""

    WAITING = "waiting"
    MADE = "made"
    FETCHED = "fetched"
    GONE = "gone"


@dataclass(frozen=True, slots=True)
class DataCopy:
    """A copy as its owner sees it: `done` of `parts` are written."""

    id: UUID
    state: CopyState
    done: int
    parts: int
    asked_at: datetime
    expires_at: datetime


class CopyService:
    """A citizen's copies; one unit of work a method."""

    def __init__(self, database: Database, policy: PolicyEngine, clock: Clock, new_id: NewId) -> None:
        self._database = database
        self._policy = policy
        self._clock = clock
        self._new_id = new_id

    async def ask(self, principal: CitizenPrincipal, idempotency: Idempotency) -> DataCopy:
        """Have a copy made; one a day. Raises CopyTooSoon, Forbidden, IdempotencyMismatch."""
        now = self._clock.now()
        async with self._database.unit_of_work(principal, ASK) as work:
            stored = await claim(work, idempotency, now)
            if stored is not None:
                at = datetime.fromisoformat(stored["at"])
                return _fresh(UUID(stored["id"]), at)
            policies = self._decide(principal, ASK)
            mine: dict[str, Any] = {"citizen": principal.citizen_id, "since": now - KEPT}
            await work.connection.execute(ALONE, {"citizen": str(principal.citizen_id)})
            last = (await work.connection.execute(_LAST, mine)).scalar_one()
            if last is not None:
                raise CopyTooSoon(last + KEPT)
            copy = _fresh(self._new_id(), now)
            row = {"id": copy.id, "citizen": principal.citizen_id, "at": now, "until": copy.expires_at}
            await work.connection.execute(_ASK, row)
            await enqueue(work, MAKE, copy_id=copy.id)
            await keep(work, idempotency, {"id": str(copy.id), "at": now.isoformat()})
            await work.record(_of(ASK, copy.id, policies))
            await work.commit()
        return copy

    async def mine(self, principal: CitizenPrincipal) -> tuple[DataCopy, ...]:
        """The newest copies, and how far each is. Raises Forbidden."""
        now = self._clock.now()
        async with self._database.read_scope(principal, READ) as scope:
            self._decide(principal, READ)
            rows = await scope.rows(_MINE, principal.citizen_id, MOST_SHOWN)
        return tuple(_copy_of(row, now) for row in rows)

    async def fetch(self, principal: CitizenPrincipal, copy: UUID, idempotency: Idempotency) -> bytes:
        """The ZIP of an own copy, once: afterwards it is nowhere. Raises CopyGone, Forbidden.

        Another's, an absent one, one that is not made, was fetched or is over are refused alike.
        """
        now = self._clock.now()
        async with self._database.unit_of_work(principal, FETCH) as work:
            if await claim(work, idempotency, now) is not None:
                raise CopyGone
            policies = self._decide(principal, FETCH)
            asked = {"id": copy, "citizen": principal.citizen_id, "at": now}
            row = (await work.connection.execute(_TAKE, asked)).one_or_none()
            if row is None:
                raise CopyGone
            await work.connection.execute(_TAKEN, {"id": copy})
            await keep(work, idempotency, {})
            await work.record(_of(FETCH, copy, policies))
            await work.commit()
        return bytes(row.content)

    def _decide(self, principal: CitizenPrincipal, event: AuditEvent) -> Sequence[str]:
        resource = file_of(principal.citizen_id)
        return self._policy.authorise(principal, event.action, resource, now=self._clock.now()).policies


def _of(event: AuditEvent, copy: UUID, policies: Sequence[str]) -> AuditEvent:
    return replace(event, resource=f"privacy_copy:{copy}", policies=tuple(policies))


def _fresh(copy: UUID, at: datetime) -> DataCopy:
    return DataCopy(copy, CopyState.WAITING, 0, len(PARTS), at, at + KEPT)


def _copy_of(row: Any, now: datetime) -> DataCopy:
    state = CopyState(row["state"])
    if row["expires_at"] <= now and state is not CopyState.FETCHED:
        state = CopyState.GONE
    return DataCopy(row["id"], state, row["done"], len(PARTS), row["asked_at"], row["expires_at"])
