"""The sweep: objects that no row names are removed, rows whose object is gone are marked and told of.

A store that is away for a while, or is another one, looks as if everything were gone. So the sweep goes
through a store that it knows alone (`_is_known`), marks nothing when more is gone than ever breaks off by
itself, and removes no object of a lost row: what it took for lost may be there again.
"""

from collections.abc import Sequence
from datetime import timedelta
from typing import Any
from uuid import UUID

import procrastinate
import structlog
from sqlalchemy import text

from backend.media.store import SHARDS, MediaStore
from backend.media.types import MediaKind, Size
from foundation.clock import Clock
from foundation.database.database import Database
from foundation.identity.principal import Origin, SystemPrincipal
from foundation.ids import NewId
from foundation.recording import Activity, AuditEvent
from foundation.telemetry import metrics

GRACE = timedelta(hours=1)
"""An upload writes its objects before its row, within seconds."""
SHARDS_A_RUN = 16
"""Sixteen runs, one each hour, go through everything."""
FEW = 3
FEW_OF = 100
"""More than 3 and more than one in 100 gone at once: the store is at fault, not single files."""
NAME = "media_sweep"
NOWHERE = "0.0.0.0"  # noqa: S104 - a job has no network; nothing is bound to this
_FORMS = {MediaKind.PHOTO: (Size.THUMB, Size.LARGE, Size.FULL), MediaKind.DOCUMENT: (Size.DOCUMENT,)}

_KNOWN = text("SELECT id FROM media.object WHERE id = ANY(cast(:ids AS uuid[]))")
_OLDEST = text("SELECT id, kind FROM media.object ORDER BY created_at, id LIMIT 20")
_ROWS = text(
    """
    SELECT id, kind FROM media.object
    WHERE get_byte(uuid_send(id), 15) = :shard AND state <> 'lost' AND created_at < :before
    """
)
_LOST = text("UPDATE media.object SET state = 'lost', position = NULL WHERE id = :id")

log = structlog.get_logger()


class MediaSweep:
    """Keeps objects and rows the same set. May run twice or late without harm."""

    def __init__(self, database: Database, store: MediaStore, clock: Clock, new_id: NewId) -> None:
        self._database = database
        self._store = store
        self._clock = clock
        self._new_id = new_id

    async def run(self, hour: int) -> tuple[int, int]:
        """This hour's share: (objects' ids removed, rows marked lost); nothing when the store is in doubt."""
        if not await self._is_known():
            return _refuse("media_store_unknown")
        first = hour * SHARDS_A_RUN % SHARDS
        shards = range(first, first + SHARDS_A_RUN)
        gone: list[UUID] = []
        seen = 0
        for shard in shards:
            rows = await self._rows(shard)
            absent = [media_id for media_id, kind in rows if not await self._is_whole(media_id, kind)]
            if _too_many(absent, len(rows)):
                return _refuse("media_many_gone", shard=shard, gone=len(absent), rows=len(rows))
            gone += absent
            seen += len(rows)
        if _too_many(gone, seen):
            return _refuse("media_many_gone", gone=len(gone), rows=seen)
        removed = sum([await self._remove_unknown(shard) for shard in shards])
        for media_id in gone:
            await self._mark_lost(media_id)
        return removed, len(gone)

    async def _is_known(self) -> bool:
        """Whether this is the store that the rows speak of: it has our mark, or most of the oldest files.

        The mark is made here, in the first hour of a new system or of a store filled by an older release or
        by a restore: never where rows are and their objects not, as in a folder whose disk is not mounted.
        """
        if await self._store.is_marked():
            return True
        async with self._database.unscoped() as connection:
            oldest = (await connection.execute(_OLDEST)).all()
        whole = [await self._is_whole(media_id, kind) for media_id, kind in oldest]
        if whole and sum(whole) * 2 <= len(whole):
            return False
        await self._store.mark()
        return True

    async def _remove_unknown(self, shard: int) -> int:
        before = self._clock.now() - GRACE
        written: dict[UUID, bool] = {}
        async for media_id, at in self._store.in_shard(shard):
            written[media_id] = written.get(media_id, True) and at < before
        old = [media_id for media_id, is_old in written.items() if is_old]
        if not old:
            return 0
        async with self._database.unscoped() as connection:
            known = set((await connection.execute(_KNOWN, {"ids": old})).scalars())
        unknown = [media_id for media_id in old if media_id not in known]
        for media_id in unknown:
            await self._tell(AuditEvent("media.sweep", activity=Activity.DELETE), media_id)
            await self._store.delete(media_id)
            metrics.ORPHANS.inc()
        return len(unknown)

    async def _rows(self, shard: int) -> Sequence[Any]:
        before = self._clock.now() - GRACE
        async with self._database.unscoped() as connection:
            return (await connection.execute(_ROWS, {"shard": shard, "before": before})).all()

    async def _is_whole(self, media_id: UUID, kind: str) -> bool:
        return all([await self._store.exists(media_id, size) for size in _FORMS[MediaKind(kind)]])

    async def _mark_lost(self, media_id: UUID) -> None:
        # Somebody's photo is gone: an alarm, not housekeeping.
        log.error("media_lost", media=str(media_id))
        metrics.LOST.inc()
        await self._tell(AuditEvent("media.lost"), media_id, lost=True)

    async def _tell(self, event: AuditEvent, media_id: UUID, *, lost: bool = False) -> None:
        principal = SystemPrincipal(Origin(str(self._new_id()), NOWHERE), NAME)
        named = AuditEvent(event.action, activity=event.activity, resource=f"media:{media_id}")
        async with self._database.unit_of_work(principal, named) as work:
            if lost:
                await work.connection.execute(_LOST, {"id": media_id})
            await work.record(named)
            await work.commit()


def _too_many(gone: Sequence[UUID], rows: int) -> bool:
    return len(gone) > FEW and len(gone) * FEW_OF > rows


def _refuse(event: str, **what: int) -> tuple[int, int]:
    log.error(event, **what)
    metrics.SWEEPS_REFUSED.inc()
    return 0, 0


def register(app: procrastinate.App, sweep: MediaSweep) -> None:
    """Let the worker sweep once an hour."""

    @app.periodic(cron="41 * * * *")
    @app.task(name="media.sweep", queueing_lock="media.sweep")
    async def media_sweep(timestamp: int) -> None:
        await sweep.run(timestamp // 3_600)
