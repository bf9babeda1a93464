"""Taking in files: one method an operation, one unit of work a method."""

import hashlib
from dataclasses import replace
from datetime import datetime
from typing import Any
from uuid import UUID

import structlog

from backend.media import sql
from backend.media.access import resource_of
from backend.media.content import HEAD, check_size, content_of
from backend.media.errors import TooManyFiles
from backend.media.places import free_place, places_of
from backend.media.processing import Processor
from backend.media.scanner import Scanner
from backend.media.store import MediaStore
from backend.media.types import Content, Media, MediaKind, MediaState, Prepared
from backend.reports.service import refuse_merged
from backend.reports.types import readers_of
from foundation.clock import Clock
from foundation.database.database import Database
from foundation.database.idempotent import claim, keep
from foundation.database.unit_of_work import UnitOfWork
from foundation.errors import NotFound, Refusal
from foundation.idempotency import Idempotency, check_key
from foundation.identity.principal import CitizenPrincipal, OfficialPrincipal
from foundation.ids import NewId, parse_report_code
from foundation.policy.engine import Decision, PolicyEngine
from foundation.recording import Activity, AuditEvent

UPLOAD = AuditEvent("media.upload", activity=Activity.CREATE)

Uploader = CitizenPrincipal | OfficialPrincipal
log = structlog.get_logger()


class MediaService:
    """Changes of media. A refusal raises and is recorded; a file is there whole or not at all."""

    def __init__(
        self,
        *,
        database: Database,
        policy: PolicyEngine,
        store: MediaStore,
        processor: Processor,
        scanner: Scanner,
        clock: Clock,
        new_id: NewId,
    ) -> None:
        self._database = database
        self._policy = policy
        self._store = store
        self._processor = processor
        self._scanner = scanner
        self._clock = clock
        self._new_id = new_id

    async def admit(self, principal: Uploader, code: str, key: str) -> None:
        """Before the file is read: this person may add one to this report, and there is room.

        Raises InvalidInput, NotFound, Forbidden, TooManyFiles.
        """
        async with self._database.read_scope(principal, UPLOAD) as scope:
            check_key(key)
            parsed = parse_report_code(code)
            scope.intent = replace(UPLOAD, resource=f"report:{parsed}")
            row = await scope.row(*_lookup(principal, parsed))
            if row is None:
                raise NotFound
            self._decide(principal, row)
            places = places_of(principal)
            full = await scope.row(sql.FULL, row["report_id"], places[0], places[-1], UPLOAD.action, key)
            if full is not None and full[0]:
                raise TooManyFiles(len(places))

    async def upload(self, principal: Uploader, code: str, octets: bytes, key: str) -> Media:
        """Add a file to a report. The same key and octets again: the same answer and one file.

        Raises the refusals of this feature, InvalidInput, NotFound, Forbidden, IdempotencyMismatch.
        """
        parsed = parse_report_code(code)
        intent = replace(UPLOAD, resource=f"report:{parsed}")
        digest = hashlib.sha256(parsed.encode() + hashlib.sha256(octets).digest()).digest()
        try:
            idempotency = Idempotency(key, digest)
            prepared = await self._prepared(octets)
        except Refusal as refusal:
            await self._database.record_refusal(principal, intent, refusal)
            raise
        media_id = self._new_id()
        # Objects first: a row never names what is not there. What no row names is swept (jobs.py).
        await self._store.put(media_id, prepared.forms)
        kept = False
        try:
            media = await self._keep(principal, parsed, media_id, prepared, idempotency)
            kept = media.id == media_id
        finally:
            if not kept:
                await self._store.forget(media_id)
        return media

    async def _prepared(self, octets: bytes) -> Prepared:
        """Checked, scanned and made fit to be kept. No transaction is open: this takes seconds."""
        content = content_of(octets[:HEAD])
        check_size(content, len(octets))
        await self._scanner.scan(octets)
        return await self._processor.prepare(octets, content)

    async def _keep(
        self, principal: Uploader, code: str, media_id: UUID, prepared: Prepared, idempotency: Idempotency
    ) -> Media:
        now = self._clock.now()
        intent = replace(UPLOAD, resource=f"report:{code}")
        async with self._database.unit_of_work(principal, intent) as work:
            stored = await claim(work, idempotency, now)
            if stored is not None:
                return _media(stored)
            row = await _row(work, *_lookup(principal, code))
            if row is None:
                raise NotFound
            work.intent = replace(work.intent, unit=row["handler_code"])
            decision = self._decide(principal, row)
            await work.connection.exec_driver_sql(sql.LOCK, (row["report_id"],))
            await refuse_merged(work, row["report_id"])
            media = Media(
                media_id,
                code,
                prepared.kind,
                MediaState.PRIVATE,
                prepared.content,
                prepared.width,
                prepared.height,
                prepared.octets,
                now,
            )
            await self._insert(work, principal, row, media)
            await keep(work, idempotency, _answer(media))
            await work.record(replace(work.intent, policies=decision.policies))
            await work.commit()
        return media

    async def _insert(self, work: UnitOfWork, principal: Uploader, row: Any, media: Media) -> None:
        free = await free_place(work, principal, row["report_id"])
        citizen = isinstance(principal, CitizenPrincipal)
        uploader = principal.citizen_id if isinstance(principal, CitizenPrincipal) else principal.official_id
        log.info("media_added", by="citizen" if citizen else "official", kind=media.kind.value)
        await work.connection.exec_driver_sql(
            sql.INSERT,
            (
                media.id,
                row["report_id"],
                free,
                uploader,
                media.kind.value,
                media.content.value,
                media.width,
                media.height,
                media.octets,
                media.created_at,
            ),
        )
        await work.connection.exec_driver_sql(
            sql.CHANGE,
            (
                self._new_id(),
                "media.added",
                f"report:{row['code']}",
                row["version"],
                media.created_at,
                sorted(row["visible_units"]),
                row["citizen_id"],
            ),
        )

    def _decide(self, principal: Uploader, row: Any) -> Decision:
        return self._policy.authorise(principal, UPLOAD.action, resource_of(row), now=self._clock.now())


def _lookup(principal: Uploader, code: str) -> tuple[Any, ...]:
    if isinstance(principal, OfficialPrincipal) and principal.city_level:
        return sql.CITY_REPORT, code
    return sql.REPORT, code, list(readers_of(principal))


async def _row(work: UnitOfWork, query: str, *arguments: object) -> Any:
    return (await work.connection.exec_driver_sql(query, arguments)).mappings().one_or_none()


def _answer(media: Media) -> dict[str, Any]:
    return {
        "id": str(media.id),
        "report_code": media.report_code,
        "kind": media.kind,
        "state": media.state,
        "content": media.content,
        "width": media.width,
        "height": media.height,
        "octets": media.octets,
        "created_at": media.created_at.isoformat(),
    }


def _media(stored: dict[str, Any]) -> Media:
    return Media(
        id=UUID(stored["id"]),
        report_code=stored["report_code"],
        kind=MediaKind(stored["kind"]),
        state=MediaState(stored["state"]),
        content=Content(stored["content"]),
        width=stored["width"],
        height=stored["height"],
        octets=stored["octets"],
        created_at=datetime.fromisoformat(stored["created_at"]),
    )
