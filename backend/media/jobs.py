"""The sweep: objects that no row names are removed, rows whose object is gone are marked and told of."""

from datetime import timedelta
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

GRACE = timedelta(hours=1)
"""An upload writes its objects before its row, within seconds."""
SHARDS_A_RUN = 16
"""Sixteen runs, one each hour, go through everything."""
NAME = "media_sweep"
NOWHERE = "0.0.0.0"  # noqa: S104 - a job has no network; nothing is bound to this
_FORMS = {MediaKind.PHOTO: (Size.THUMB, Size.LARGE, Size.FULL), MediaKind.DOCUMENT: (Size.DOCUMENT,)}

_KNOWN = text("SELECT id FROM media.object WHERE id = ANY(cast(:ids AS uuid[])) AND state <> 'lost'")
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
        """This hour's share: (objects' ids removed, rows marked lost)."""
        first = hour * SHARDS_A_RUN % SHARDS
        removed = lost = 0
        for shard in range(first, first + SHARDS_A_RUN):
            removed += await self._remove_unknown(shard)
            lost += await self._mark_lost(shard)
        return removed, lost

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
        return len(unknown)

    async def _mark_lost(self, shard: int) -> int:
        before = self._clock.now() - GRACE
        async with self._database.unscoped() as connection:
            rows = (await connection.execute(_ROWS, {"shard": shard, "before": before})).all()
        lost = 0
        for media_id, kind in rows:
            there = [await self._store.exists(media_id, size) for size in _FORMS[MediaKind(kind)]]
            if not all(there):
                # Somebody's photo is gone: an alarm, not housekeeping.
                log.error("media_lost", media=str(media_id))
                await self._tell(AuditEvent("media.lost"), media_id, lost=True)
                lost += 1
        return lost

    async def _tell(self, event: AuditEvent, media_id: UUID, *, lost: bool = False) -> None:
        principal = SystemPrincipal(Origin(str(self._new_id()), NOWHERE), NAME)
        named = AuditEvent(event.action, activity=event.activity, resource=f"media:{media_id}")
        async with self._database.unit_of_work(principal, named) as work:
            if lost:
                await work.connection.execute(_LOST, {"id": media_id})
            await work.record(named)
            await work.commit()


def register(app: procrastinate.App, sweep: MediaSweep) -> None:
    """Let the worker sweep once an hour."""

    @app.periodic(cron="41 * * * *")
    @app.task(name="media.sweep", queueing_lock="media.sweep")
    async def media_sweep(timestamp: int) -> None:
        await sweep.run(timestamp // 3_600)
