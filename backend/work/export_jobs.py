"""The jobs of exports: a list is written to its file, a thousand rows at a time, and forgotten in a day."""

from datetime import datetime
from typing import Any
from uuid import UUID

import procrastinate
from sqlalchemy import text

from backend.work.exports import MAKE, Format
from backend.work.files import csv_of, xlsx_of
from foundation.clock import HANOI, Clock
from foundation.database.database import Database
from foundation.database.retries import RETRY
from foundation.database.unit_of_work import UnitOfWork
from foundation.identity.principal import Origin, SystemPrincipal
from foundation.ids import NewId
from foundation.policy.engine import PolicyEngine
from foundation.policy.entities import Resource, official_ref
from foundation.recording import Activity, AuditEvent

FORGET = "work.forget_exports"
BATCH = 1_000
NOWHERE = "0.0.0.0"  # noqa: S104 - a job has no network; nothing is bound to this

_EXPORT = text("SELECT owner_id, format, state, rows FROM work.export WHERE id = :id AND expires_at > :at")
_ROWS = text("SELECT * FROM work.rows_of(:id, cast(:begin AS int), cast(:many AS int))")
_DONE = text("UPDATE work.export SET done = :done WHERE id = :id AND state = 'waiting'")
_MADE = text(
    """
    UPDATE work.export SET state = 'made', done = rows, content = :content, reports = '{}'
    WHERE id = :id AND state = 'waiting'
    """
)
_FORGET = text(
    """
    UPDATE work.export SET state = 'fetched', content = NULL, reports = '{}'
    WHERE expires_at <= :at AND state <> 'fetched' RETURNING id
    """
)


class ExportJobs:
    """Makes files and forgets them. Doing it again changes nothing."""

    def __init__(self, database: Database, policy: PolicyEngine, clock: Clock, new_id: NewId) -> None:
        self._database = database
        self._policy = policy
        self._clock = clock
        self._new_id = new_id

    async def make(self, export: UUID) -> None:
        """Write the file. Raises Forbidden."""
        found: list[list[str]] = []
        while True:
            async with self._work("export.make") as work:
                row = (await work.connection.execute(_EXPORT, self._named(export))).one_or_none()
                if row is None or row.state != "waiting":
                    return
                policies = self._decide("export.make", row.owner_id)
                begin = {"id": export, "begin": len(found), "many": BATCH}
                batch = (await work.connection.execute(_ROWS, begin)).all()
                found += [_cells(one) for one in batch]
                if batch:
                    # How far it is: nobody's business but the owner's, so the event is that of the end.
                    await work.connection.execute(_DONE, {"id": export, "done": len(found)})
                    await self._record(work, "export.progress", export, policies)
                    await work.commit()
            if len(batch) < BATCH:
                break
        content = csv_of(found) if row.format == Format.CSV else xlsx_of(found)
        async with self._work("export.make") as work:
            await work.connection.execute(_MADE, {"id": export, "content": content})
            await self._record(work, "export.make", export, policies)
            await work.commit()

    async def forget(self) -> int:
        """Drop what was not fetched within its day; how many."""
        async with self._work("export.forget") as work:
            policies = self._decide("export.forget", UUID(int=0))
            gone = (await work.connection.execute(_FORGET, {"at": self._clock.now()})).scalars().all()
            for export in gone:
                await self._record(work, "export.forget", export, policies)
            if gone:
                await work.commit()
        return len(gone)

    def _named(self, export: UUID) -> dict[str, Any]:
        return {"id": export, "at": self._clock.now()}

    def _work(self, action: str) -> UnitOfWork:
        return self._database.unit_of_work(self._principal(), AuditEvent(action))

    def _principal(self) -> SystemPrincipal:
        return SystemPrincipal(Origin(str(self._new_id()), NOWHERE), "work")

    def _decide(self, action: str, owner: UUID) -> tuple[str, ...]:
        resource = Resource("SavedView", str(owner), {"owner": official_ref(owner), "unit": None})
        return self._policy.authorise(self._principal(), action, resource, now=self._clock.now()).policies

    async def _record(self, work: UnitOfWork, action: str, export: UUID, policies: tuple[str, ...]) -> None:
        event = AuditEvent(action, activity=Activity.UPDATE, resource=f"export:{export}", policies=policies)
        await work.record(event)


def _cells(row: Any) -> list[str]:
    return [
        row.code,
        row.category,
        row.ward_code,
        row.ward_name,
        row.handler_code,
        row.handler_name,
        row.state,
        row.closing_reason or "",
        row.channel,
        row.urgency or "",
        _moment(row.due_at),
        "" if row.late is None else ("có" if row.late else "không"),
        _moment(row.created_at),
        _moment(row.updated_at),
        _moment(row.closed_at),
    ]


def _moment(moment: datetime | None) -> str:
    return "" if moment is None else moment.astimezone(HANOI).strftime("%Y-%m-%d %H:%M")


def register(app: procrastinate.App, jobs: ExportJobs) -> None:
    """Let the worker make files, and forget them each quarter of an hour."""

    @app.task(name=MAKE, retry=RETRY)
    async def make(export_id: str) -> None:
        await jobs.make(UUID(export_id))

    @app.periodic(cron="*/15 * * * *")
    @app.task(name=FORGET, queueing_lock=FORGET)
    async def forget(timestamp: int) -> None:
        await jobs.forget()
