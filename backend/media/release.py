"""Showing a file to the public, and taking it back: one method an operation, one unit of work a method."""

from dataclasses import replace
from typing import Any
from uuid import UUID

from backend.media import sql
from backend.media.access import resource_of
from backend.media.types import MediaChanged, MediaState
from backend.reports.service import refuse_merged
from foundation.clock import Clock
from foundation.database.database import Database
from foundation.database.idempotent import claim, keep
from foundation.database.unit_of_work import UnitOfWork
from foundation.errors import NotFound, VersionConflict
from foundation.idempotency import Idempotency
from foundation.identity.principal import OfficialPrincipal
from foundation.ids import NewId
from foundation.policy.engine import PolicyEngine
from foundation.recording import Activity, AuditEvent

RELEASE = AuditEvent("media.release", activity=Activity.UPDATE)
WITHDRAW = AuditEvent("media.withdraw", activity=Activity.UPDATE)


class MediaReleaseService:
    """Private until a handler of the handling unit releases it; who was shown it before has seen it."""

    def __init__(self, *, database: Database, policy: PolicyEngine, clock: Clock, new_id: NewId) -> None:
        self._database = database
        self._policy = policy
        self._clock = clock
        self._new_id = new_id

    async def release(
        self, principal: OfficialPrincipal, media_id: UUID, expected_version: int, idempotency: Idempotency
    ) -> MediaChanged:
        """Anybody who has the report's code sees the file from now on.

        Raises NotFound for hidden and absent alike, Forbidden, VersionConflict, IdempotencyMismatch.
        """
        return await self._change(
            principal, RELEASE, media_id, expected_version, idempotency, MediaState.RELEASED
        )

    async def withdraw(
        self, principal: OfficialPrincipal, media_id: UUID, expected_version: int, idempotency: Idempotency
    ) -> MediaChanged:
        """Only who may read the report sees the file from now on. Raises as `release`."""
        return await self._change(
            principal, WITHDRAW, media_id, expected_version, idempotency, MediaState.PRIVATE
        )

    async def _change(
        self,
        principal: OfficialPrincipal,
        intent: AuditEvent,
        media_id: UUID,
        expected_version: int,
        idempotency: Idempotency,
        state: MediaState,
    ) -> MediaChanged:
        now = self._clock.now()
        intent = replace(intent, resource=f"media:{media_id}")
        async with self._database.unit_of_work(principal, intent) as work:
            stored = await claim(work, idempotency, now)
            if stored is not None:
                return _changed(stored)
            row = await lock_media(work, media_id)
            work.intent = replace(intent, unit=row["handler_code"])
            decision = self._policy.authorise(principal, intent.action, resource_of(row), now=now)
            if state is MediaState.RELEASED:
                # Taking back what should not be shown is never refused.
                await refuse_merged(work, row["report_id"])
            if row["media_version"] != expected_version:
                raise VersionConflict(row["media_version"])
            version = row["media_version"]
            if row["state"] != state:
                version = await self._write(work, principal, row, state)
            answer = {"id": str(media_id), "report_code": row["code"], "version": version, "state": state}
            await keep(work, idempotency, answer)
            await work.record(replace(work.intent, policies=decision.policies))
            await work.commit()
        return _changed(answer)

    async def _write(
        self, work: UnitOfWork, principal: OfficialPrincipal, row: Any, state: MediaState
    ) -> int:
        now = self._clock.now()
        released = state is MediaState.RELEASED
        by = principal.official_id if released else None
        written = await work.connection.exec_driver_sql(
            sql.CHANGE_STATE, (row["id"], state.value, now if released else None, by)
        )
        kind = "media.released" if released else "media.withdrawn"
        await work.connection.exec_driver_sql(
            sql.CHANGE,
            (
                self._new_id(),
                kind,
                f"report:{row['code']}",
                row["version"],
                now,
                sorted(row["visible_units"]),
                row["citizen_id"],
            ),
        )
        return int(written.scalar_one())


async def lock_media(work: UnitOfWork, media_id: UUID) -> Any:
    """The file with its report, which is locked: uploads and releases of a report come one after the other.

    Raises NotFound for hidden and absent alike, and for a file seen only because it is released.
    """
    row = (await work.connection.exec_driver_sql(sql.ONE, (media_id,))).mappings().one_or_none()
    if row is None or row["report_id"] is None:
        raise NotFound
    await work.connection.exec_driver_sql(sql.LOCK, (row["report_id"],))
    return (await work.connection.exec_driver_sql(sql.ONE, (media_id,))).mappings().one()


def _changed(stored: dict[str, Any]) -> MediaChanged:
    return MediaChanged(
        UUID(stored["id"]), stored["report_code"], stored["version"], MediaState(stored["state"])
    )
