"""The jobs of copies: a person's data is written down, part by part, and forgotten in a day."""

from dataclasses import replace
from typing import Any
from uuid import UUID

import msgspec
import procrastinate
from sqlalchemy import text

from backend.notifications.service import NotificationService
from backend.notifications.types import Notice, RecipientKind
from backend.privacy.copies import MAKE
from backend.privacy.copy_parts import MOST_ROWS, PARTS, zip_of
from backend.privacy.types import everybody, file_of
from foundation.clock import Clock
from foundation.database.database import Database
from foundation.database.retries import RETRY
from foundation.database.unit_of_work import UnitOfWork
from foundation.identity.principal import Origin, SystemPrincipal
from foundation.ids import NewId
from foundation.policy.engine import PolicyEngine
from foundation.recording import Activity, AuditEvent

FORGET = "privacy.forget_copies"
NOWHERE = "0.0.0.0"  # noqa: S104 - a job has no network; nothing is bound to this
MAKING = AuditEvent("privacy.copy_make", activity=Activity.READ)
FORGETTING = AuditEvent("privacy.copy_forget", activity=Activity.DELETE)

_COPY = text("SELECT citizen_id, state FROM privacy.copy WHERE id = :id AND expires_at > :at")
_PART = text("SELECT p::text FROM privacy.copy_part(:id, :part, :at, :most) p")
_DONE = text("UPDATE privacy.copy SET done = :done WHERE id = :id AND state = 'waiting'")
_MADE = text(
    "UPDATE privacy.copy SET state = 'made', done = :done, content = :content"
    " WHERE id = :id AND state = 'waiting'"
)
_FORGET = text(
    """
    UPDATE privacy.copy SET state = 'gone', content = NULL
    WHERE expires_at <= :at AND state IN ('waiting', 'made') RETURNING id
    """
)


class CopyJobs:
    """Makes copies and forgets them. Doing it again changes nothing; one that died begins anew."""

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

    async def make(self, copy: UUID) -> None:
        """Write the copy and tell its owner that it is there. Raises Forbidden."""
        parts: dict[str, list[dict[str, Any]]] = {}
        event = replace(MAKING, resource=f"privacy_copy:{copy}")
        for part in PARTS:
            async with self._database.unit_of_work(self._principal(), event) as work:
                owner = await self._owner(work, copy)
                if owner is None:
                    return
                asked = {"id": copy, "part": part, "at": self._clock.now(), "most": MOST_ROWS + 1}
                found = (await work.connection.execute(_PART, asked)).scalars()
                parts[part] = [msgspec.json.decode(row) for row in found]
                await work.connection.execute(_DONE, {"id": copy, "done": len(parts)})
                await work.record(replace(event, purpose=part))
                await work.commit()
        content = zip_of(parts, self._clock.now())
        async with self._database.unit_of_work(self._principal(), event) as work:
            owner = await self._owner(work, copy)
            if owner is None:
                return
            made = {"id": copy, "done": len(parts), "content": content}
            await work.connection.execute(_MADE, made)
            await self._notifications.tell(
                work,
                Notice(owner, RecipientKind.CITIZEN, copy, "privacy.copy_made", f"privacy_copy:{copy}", 1),
            )
            await work.record(event)
            await work.commit()

    async def forget(self) -> int:
        """Drop copies whose day is over; how many."""
        now = self._clock.now()
        async with self._database.unit_of_work(self._principal(), FORGETTING) as work:
            self._policy.authorise(work.principal, FORGETTING.action, everybody(), now=now)
            gone = (await work.connection.execute(_FORGET, {"at": now})).scalars().all()
            for copy in gone:
                await work.record(replace(FORGETTING, resource=f"privacy_copy:{copy}"))
            if gone:
                await work.commit()
        return len(gone)

    async def _owner(self, work: UnitOfWork, copy: UUID) -> UUID | None:
        """Whose copy is still to be made; None: nobody's."""
        now = self._clock.now()
        row = (await work.connection.execute(_COPY, {"id": copy, "at": now})).one_or_none()
        if row is None or row.state != "waiting":
            return None
        self._policy.authorise(work.principal, MAKING.action, file_of(row.citizen_id), now=now)
        owner: UUID = row.citizen_id
        return owner

    def _principal(self) -> SystemPrincipal:
        return SystemPrincipal(Origin(str(self._new_id()), NOWHERE), "privacy")


def register(app: procrastinate.App, jobs: CopyJobs) -> None:
    """Let the worker make copies, and forget them each quarter of an hour."""

    @app.task(name=MAKE, retry=RETRY)
    async def make(copy_id: str) -> None:
        await jobs.make(UUID(copy_id))

    @app.periodic(cron="*/15 * * * *")
    @app.task(name=FORGET, queueing_lock=FORGET)
    async def forget(timestamp: int) -> None:
        await jobs.forget()
