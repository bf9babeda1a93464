"""Lists as files: asked for under the person's own rights, written by a job, fetched once, gone after a day.

What a list holds is decided when it is asked for, as every list is; the job only writes down those reports
and can see nothing else. No name, no contact, no text and no exact place stands in a file.
"""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any, Protocol
from uuid import UUID

import asyncpg
import msgspec
from sqlalchemy import text

from backend.reports.types import Report
from backend.work.errors import ExportGone, TooBroad, TooManyExports
from backend.work.filters import ListFilter
from foundation.clock import Clock
from foundation.database.database import Database
from foundation.database.idempotent import claim, keep
from foundation.database.jobs import enqueue
from foundation.errors import NotFound
from foundation.idempotency import Idempotency
from foundation.identity.principal import OfficialPrincipal
from foundation.ids import NewId
from foundation.paging import MAX_PAGE, Position
from foundation.policy.engine import Decision, PolicyEngine
from foundation.policy.entities import Resource, official_ref
from foundation.recording import Activity, AuditEvent

MAKE = "work.make_export"
MOST_ROWS = 10_000
KEPT = timedelta(hours=24)
MOST_WAITING = 5
"""Of a person, made or to be made and not fetched."""
_LETTERS = str.maketrans("0123456789abcdef", "ABCDEFGHIJKLMNOP")

_WAITING = text(
    """
    SELECT count(*) FROM work.export
    WHERE owner_id = :owner AND state IN ('waiting', 'made') AND expires_at > :at
    """
)
_ASK = text(
    """
    INSERT INTO work.export (id, owner_id, format, filter, reports, rows, state, asked_at, expires_at)
    VALUES (:id, :owner, :format, cast(:filter AS jsonb), cast(:reports AS text[]), :rows, 'waiting', :at,
      :until)
    """
)
_ONE = """
SELECT id, format, state, done, rows, asked_at, expires_at FROM work.export
WHERE id = $1 AND owner_id = $2 AND expires_at > $3
"""
_TAKE = text(
    """
    SELECT id, format, filter, rows, content FROM work.export
    WHERE id = :id AND owner_id = :owner AND state = 'made' AND expires_at > :at FOR UPDATE
    """
)
_TAKEN = text("UPDATE work.export SET state = 'fetched', content = NULL WHERE id = :id")


class Format(StrEnum):
    """Kinds of files."""

    CSV = "csv"
    XLSX = "xlsx"


class ExportState(StrEnum):
    """Waiting for the job, made, fetched."""

    WAITING = "waiting"
    MADE = "made"
    FETCHED = "fetched"


@dataclass(frozen=True, slots=True)
class Export:
    """An export as its owner sees it: `done` of `rows` are written."""

    id: UUID
    format: Format
    state: ExportState
    done: int
    rows: int
    asked_at: datetime
    expires_at: datetime


@dataclass(frozen=True, slots=True)
class File:
    """What is fetched."""

    id: UUID
    format: Format
    content: bytes


class Lists(Protocol):
    """backend.work.finding.Finder."""

    async def places(
        self, principal: OfficialPrincipal, wanted: ListFilter, first: int, after: Position | None
    ) -> tuple[list[tuple[str, Position]], bool]:
        """Codes of the list."""
        ...


class Reports(Protocol):
    """backend.reports.queries.ReportQueries."""

    async def by_codes(self, principal: OfficialPrincipal, codes: Sequence[str]) -> Mapping[str, Report]:
        """Those that may be read."""
        ...


class ExportService:
    """What a person does with exports; one unit of work a method."""

    def __init__(
        self,
        database: Database,
        policy: PolicyEngine,
        clock: Clock,
        new_id: NewId,
        lists: Lists,
        reports: Reports,
    ) -> None:
        self._database = database
        self._policy = policy
        self._clock = clock
        self._new_id = new_id
        self._lists = lists
        self._reports = reports

    async def ask(
        self, principal: OfficialPrincipal, wanted: ListFilter, kind: Format, idempotency: Idempotency
    ) -> UUID:
        """Have a list written to a file. Raises InvalidInput, Forbidden, TooBroad, TooManyExports."""
        now = self._clock.now()
        codes = await self._codes(principal, wanted)
        intent = AuditEvent("export.ask", activity=Activity.CREATE, unit=principal.unit_code)
        async with self._database.unit_of_work(principal, intent) as work:
            stored = await claim(work, idempotency, now)
            if stored is not None:
                return UUID(stored["id"])
            decision = self._decide(principal, "export.ask")
            row: dict[str, Any] = {"id": self._new_id(), "owner": principal.official_id, "at": now}
            if (await work.connection.execute(_WAITING, row)).scalar_one() >= MOST_WAITING:
                raise TooManyExports(MOST_WAITING)
            kept = msgspec.json.encode(wanted.as_json()).decode()
            row |= {"format": kind.value, "filter": kept, "reports": codes, "rows": len(codes)}
            await work.connection.execute(_ASK, {**row, "until": now + KEPT})
            await enqueue(work, MAKE, export_id=row["id"])
            await keep(work, idempotency, {"id": str(row["id"])})
            await work.record(_event(intent, row["id"], kept, len(codes), decision))
            await work.commit()
            return UUID(str(row["id"]))

    async def one(self, principal: OfficialPrincipal, export: UUID) -> Export:
        """How far an own export is. Raises NotFound, also when its day is over."""
        intent = AuditEvent("export.read", activity=Activity.READ, unit=principal.unit_code)
        async with self._database.read_scope(principal, intent) as scope:
            self._decide(principal, "export.read")
            row = await scope.row(_ONE, export, principal.official_id, self._clock.now())
            if row is None:
                raise NotFound
        return _export(row)

    async def fetch(self, principal: OfficialPrincipal, export: UUID, idempotency: Idempotency) -> File:
        """The file of an own export, once: afterwards it is nowhere. Raises ExportGone, Forbidden."""
        now = self._clock.now()
        intent = AuditEvent("export.fetch", activity=Activity.READ, unit=principal.unit_code)
        async with self._database.unit_of_work(principal, intent) as work:
            if await claim(work, idempotency, now) is not None:
                raise ExportGone
            decision = self._decide(principal, "export.fetch")
            asked = {"id": export, "owner": principal.official_id, "at": now}
            row = (await work.connection.execute(_TAKE, asked)).one_or_none()
            if row is None:
                raise ExportGone
            await work.connection.execute(_TAKEN, {"id": export})
            await keep(work, idempotency, {})
            kept = row.filter if isinstance(row.filter, str) else msgspec.json.encode(row.filter).decode()
            await work.record(_event(intent, export, kept, row.rows, decision))
            await work.commit()
            return File(export, Format(row.format), bytes(row.content))

    async def _codes(self, principal: OfficialPrincipal, wanted: ListFilter) -> list[str]:
        """The list's reports, each decided. Raises TooBroad for more than 10,000."""
        places, more = await self._lists.places(principal, wanted, MOST_ROWS, None)
        if more:
            raise TooBroad
        codes = [code for code, _ in places]
        readable: set[str] = set()
        for start in range(0, len(codes), MAX_PAGE):
            readable |= set(await self._reports.by_codes(principal, codes[start : start + MAX_PAGE]))
        return [code for code in codes if code in readable]

    def _decide(self, principal: OfficialPrincipal, action: str) -> Decision:
        resource = Resource(
            "SavedView",
            str(principal.official_id),
            {"owner": official_ref(principal.official_id), "unit": None},
        )
        return self._policy.authorise(principal, action, resource, now=self._clock.now())


def _event(intent: AuditEvent, export: UUID, kept: str, rows: int, decision: Decision) -> AuditEvent:
    """The event with row count and the filter's digest: the filter itself stands in work.export."""
    digest = hashlib.sha256(kept.encode()).hexdigest()[:16].translate(_LETTERS)
    return replace(
        intent,
        resource=f"export:{export}",
        purpose=f"rows_{rows}",
        case=f"FILTER-{digest}",
        policies=decision.policies,
    )


def _export(row: asyncpg.Record) -> Export:
    return Export(
        id=row["id"],
        format=Format(row["format"]),
        state=ExportState(row["state"]),
        done=row["done"],
        rows=row["rows"],
        asked_at=row["asked_at"],
        expires_at=row["expires_at"],
    )
