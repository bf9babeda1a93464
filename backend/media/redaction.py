"""Blacking out faces and plates by hand: a rendition of its own, to be released; the original is kept."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any
from uuid import UUID

import structlog

from backend.media import sql
from backend.media.access import resource_of
from backend.media.places import free_place
from backend.media.processing import Processor
from backend.media.release import lock_media
from backend.media.store import MediaStore, ObjectAbsent
from backend.media.types import Area, MediaChanged, MediaKind, MediaState, Prepared, Size
from backend.reports.service import refuse_merged
from foundation.clock import Clock
from foundation.database.database import Database
from foundation.database.idempotent import claim, keep
from foundation.database.unit_of_work import UnitOfWork
from foundation.errors import InvalidInput, NotFound, VersionConflict
from foundation.idempotency import Idempotency
from foundation.identity.principal import OfficialPrincipal
from foundation.ids import NewId
from foundation.policy.engine import Decision, PolicyEngine
from foundation.recording import Activity, AuditEvent

REDACT = AuditEvent("media.redact", activity=Activity.CREATE)
MOST_AREAS = 50

log = structlog.get_logger()


class RedactionService:
    """Makes renditions of photos. What is black in one is black in every form of it."""

    def __init__(
        self,
        *,
        database: Database,
        policy: PolicyEngine,
        store: MediaStore,
        processor: Processor,
        clock: Clock,
        new_id: NewId,
    ) -> None:
        self._database = database
        self._policy = policy
        self._store = store
        self._processor = processor
        self._clock = clock
        self._new_id = new_id

    async def redact(
        self,
        principal: OfficialPrincipal,
        media_id: UUID,
        expected_version: int,
        areas: Sequence[Area],
        idempotency: Idempotency,
    ) -> MediaChanged:
        """A private rendition with these areas black; an original that was released is taken back.

        Raises NotFound for hidden and absent alike and for what is no photo, Forbidden, InvalidInput,
        VersionConflict, IdempotencyMismatch, TooManyFiles, TooComplex.
        """
        await self._admit(principal, media_id, areas)
        prepared = await self._processor.redact(await self._octets(media_id), areas)
        new = self._new_id()
        # Objects first: a row never names what is not there. What no row names is swept (jobs.py).
        await self._store.put(new, prepared.forms)
        kept = False
        try:
            changed = await self._keep(principal, media_id, expected_version, new, prepared, idempotency)
            kept = changed.id == new
        finally:
            if not kept:
                await self._store.forget(new)
        return changed

    async def _admit(self, principal: OfficialPrincipal, media_id: UUID, areas: Sequence[Area]) -> None:
        """Before anything is decoded: this person may, and the areas lie within the photo."""
        intent = replace(REDACT, resource=f"media:{media_id}")
        async with self._database.read_scope(principal, intent) as scope:
            row = await scope.row(sql.ONE, media_id)
            if row is None or row["report_id"] is None or row["kind"] != MediaKind.PHOTO:
                raise NotFound
            self._decide(principal, row)
            check_areas(areas, row["width"], row["height"])

    async def _octets(self, media_id: UUID) -> bytes:
        try:
            return await self._store.get(media_id, Size.FULL)
        except ObjectAbsent as error:
            log.error("media_object_absent", media=str(media_id), size=Size.FULL.value)
            raise NotFound from error

    async def _keep(
        self,
        principal: OfficialPrincipal,
        media_id: UUID,
        expected_version: int,
        new: UUID,
        prepared: Prepared,
        idempotency: Idempotency,
    ) -> MediaChanged:
        intent = replace(REDACT, resource=f"media:{media_id}")
        async with self._database.unit_of_work(principal, intent) as work:
            stored = await claim(work, idempotency, self._clock.now())
            if stored is not None:
                return MediaChanged(
                    UUID(stored["id"]), stored["report_code"], stored["version"], MediaState(stored["state"])
                )
            row = await lock_media(work, media_id)
            work.intent = replace(intent, unit=row["handler_code"])
            decision = self._decide(principal, row)
            await refuse_merged(work, row["report_id"])
            if row["media_version"] != expected_version:
                raise VersionConflict(row["media_version"])
            await self._insert(work, principal, row, new, prepared)
            answer = {
                "id": str(new),
                "report_code": row["code"],
                "version": 1,
                "state": MediaState.PRIVATE.value,
            }
            await keep(work, idempotency, answer)
            await work.record(replace(work.intent, policies=decision.policies))
            await work.commit()
        return MediaChanged(new, row["code"], 1, MediaState.PRIVATE)

    async def _insert(
        self, work: UnitOfWork, principal: OfficialPrincipal, row: Any, new: UUID, prepared: Prepared
    ) -> None:
        now = self._clock.now()
        free = await free_place(work, principal, row["report_id"])
        await work.connection.exec_driver_sql(
            sql.INSERT_REDACTED,
            (
                *(new, row["report_id"], free, principal.official_id, prepared.content.value),
                *(prepared.width, prepared.height, prepared.octets, now, row["id"]),
            ),
        )
        kind = "media.added"
        if row["state"] == MediaState.RELEASED:
            # Who marks a face does not want it shown meanwhile.
            await work.connection.exec_driver_sql(
                sql.CHANGE_STATE, (row["id"], MediaState.PRIVATE.value, None, None)
            )
            kind = "media.withdrawn"
        await work.connection.exec_driver_sql(
            sql.CHANGE,
            (
                *(self._new_id(), kind, f"report:{row['code']}", row["version"], now),
                *(sorted(row["visible_units"]), row["citizen_id"]),
            ),
        )

    def _decide(self, principal: OfficialPrincipal, row: Any) -> Decision:
        return self._policy.authorise(principal, REDACT.action, resource_of(row), now=self._clock.now())


def check_areas(areas: Sequence[Area], width: int, height: int) -> None:
    """Raise InvalidInput unless there are 1 to 50 areas and each lies within the photo."""
    if not 1 <= len(areas) <= MOST_AREAS:
        raise InvalidInput("areas")
    for area in areas:
        within = area.x >= 0 and area.y >= 0 and area.width >= 1 and area.height >= 1
        if not within or area.x + area.width > width or area.y + area.height > height:
            raise InvalidInput("areas")
