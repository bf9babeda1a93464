"""What people do with their sessions and devices: one method a mutation, one unit of work a method.

An end works with the next request, in the same transaction as its event; Keycloak is told by the directory.
"""

import re
import unicodedata
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any
from uuid import UUID

from backend.devices import sql
from backend.devices.queries import device_of
from backend.devices.types import (
    LONGEST_SESSION,
    Device,
    DeviceState,
    Owner,
    device_resource,
    owner_id,
    sessions_resource,
)
from foundation.clock import Clock
from foundation.database.database import Database
from foundation.database.idempotent import claim, keep
from foundation.database.unit_of_work import UnitOfWork
from foundation.directory_queue import DirectoryQueue, Operation
from foundation.errors import InvalidInput, NotFound
from foundation.idempotency import Idempotency
from foundation.identity.principal import CitizenPrincipal, OfficialPrincipal
from foundation.identity.revocation import SessionEnd, block_key, note_end_within
from foundation.ids import NewId
from foundation.policy.engine import PolicyEngine
from foundation.recording import LOGOFF, Activity, AuditEvent, EventClass

RENAME = AuditEvent("device.rename", activity=Activity.UPDATE)
LOSE = AuditEvent("device.lost", activity=Activity.DELETE)
END = AuditEvent("session.end", EventClass.AUTHENTICATION, LOGOFF)
END_ALL = AuditEvent("session.end_all", EventClass.AUTHENTICATION, LOGOFF)
LONGEST_NAME = 60
MOST_ONE_BY_ONE = 20
"""A device with more sessions than this is not told of one by one: all of its owner's others end."""
CAUSE = "person"
_THUMBPRINT = re.compile(r"[A-Za-z0-9_-]{43}")


@dataclass(frozen=True, slots=True)
class _Found:
    id: UUID
    device: Device


class DeviceService:
    """Changes of the own sessions and devices. Others' are not found."""

    def __init__(
        self,
        *,
        database: Database,
        policy: PolicyEngine,
        clock: Clock,
        new_id: NewId,
        queue: DirectoryQueue | None,
    ) -> None:
        self._database = database
        self._policy = policy
        self._clock = clock
        self._new_id = new_id
        self._queue = queue

    async def rename(self, principal: Owner, thumbprint: str, name: str, idempotency: Idempotency) -> Device:
        """Give a device a name. Raises NotFound, InvalidInput, IdempotencyMismatch."""
        now = self._clock.now()
        async with self._database.unit_of_work(principal, RENAME) as work:
            checked = checked_name(name)
            stored = await claim(work, idempotency, now)
            found = await _own_device(work, principal, thumbprint)
            if stored is not None:
                return found.device
            resource = device_resource(principal, thumbprint, found.device.state)
            decision = self._policy.authorise(principal, "device.rename", resource, now=now)
            await work.connection.execute(sql.RENAME, {"id": found.id, "name": checked})
            await keep(work, idempotency, {})
            event = replace(RENAME, resource=_told(principal, thumbprint), policies=decision.policies)
            await work.record(event)
            await work.commit()
        return replace(found.device, name=checked)

    async def end_session(self, principal: Owner, session_id: UUID, idempotency: Idempotency) -> None:
        """End one session. Raises NotFound for others' and for what has ended, IdempotencyMismatch."""
        now = self._clock.now()
        intent = replace(END, resource=f"session:{session_id}")
        async with self._database.unit_of_work(principal, intent) as work:
            if await claim(work, idempotency, now) is not None:
                return
            whose = {"id": session_id, "person": owner_id(principal)}
            row = (await work.connection.execute(sql.SESSION, whose)).one_or_none()
            if row is None:
                raise NotFound
            resource = sessions_resource(principal)
            decision = self._policy.authorise(principal, "session.end", resource, now=now)
            await note_end_within(work.connection, _end_of_session(principal, row.sid, now))
            await self._tell_session(work, principal, row.sid)
            await keep(work, idempotency, {})
            await work.record(replace(intent, policies=decision.policies))
            await work.commit()

    async def end_all(self, principal: Owner, *, except_this: bool, idempotency: Idempotency) -> None:
        """End every session of the person, known to us or not. Raises IdempotencyMismatch."""
        now, session = self._clock.now(), principal.session
        async with self._database.unit_of_work(principal, END_ALL) as work:
            if await claim(work, idempotency, now) is not None:
                return
            resource = sessions_resource(principal)
            decision = self._policy.authorise(principal, "session.end", resource, now=now)
            kept = session.sid if except_this else None
            await note_end_within(work.connection, self._end_of_person(principal, now, except_sid=kept))
            await self._tell_all(work, principal, kept)
            await keep(work, idempotency, {})
            await work.record(replace(END_ALL, policies=decision.policies))
            await work.commit()

    async def report_lost(self, principal: Owner, thumbprint: str, idempotency: Idempotency) -> Device:
        """Block a device's key for its owner, for ever, and end its sessions.

        Reporting it again changes nothing. Raises NotFound, IdempotencyMismatch.
        """
        now = self._clock.now()
        async with self._database.unit_of_work(principal, LOSE) as work:
            stored = await claim(work, idempotency, now)
            found = await _own_device(work, principal, thumbprint)
            if stored is not None or found.device.state is DeviceState.LOST:
                return found.device
            resource = device_resource(principal, thumbprint, found.device.state)
            decision = self._policy.authorise(principal, "device.revoke", resource, now=now)
            await self._block(work, principal, found, now)
            await keep(work, idempotency, {})
            unit = principal.unit_code if isinstance(principal, OfficialPrincipal) else None
            told = _told(principal, thumbprint)
            await work.record(replace(LOSE, resource=told, unit=unit, policies=decision.policies))
            await work.commit()
        return replace(found.device, state=DeviceState.LOST)

    async def _block(self, work: UnitOfWork, principal: Owner, found: _Found, now: datetime) -> None:
        session, thumbprint = principal.session, found.device.thumbprint
        sids = await _sessions_of(work, found.id, now)
        await work.connection.execute(sql.LOSE, {"id": found.id, "now": now})
        await block_key(work.connection, session.iss, session.sub, thumbprint)
        # Whoever holds the device may have its app make another key for the browser's session: that ends too.
        await note_end_within(work.connection, self._end_of_person(principal, now, jkt=thumbprint))
        if len(sids) > MOST_ONE_BY_ONE:
            kept = None if found.device.current else session.sid
            await note_end_within(work.connection, self._end_of_person(principal, now, except_sid=kept))
            await self._tell_all(work, principal, kept)
            return
        for sid in sids:
            await note_end_within(work.connection, _end_of_session(principal, sid, now))
            await self._tell_session(work, principal, sid)

    def _end_of_person(
        self, principal: Owner, now: datetime, *, except_sid: str | None = None, jkt: str | None = None
    ) -> SessionEnd:
        session = principal.session
        name = f"{CAUSE}:{self._new_id()}"
        return SessionEnd(name, session.iss, None, session.sub, now, CAUSE, except_sid, jkt)

    async def _tell_session(self, work: UnitOfWork, principal: Owner, sid: str) -> None:
        realm = "citizens" if isinstance(principal, CitizenPrincipal) else "officials"
        parameters = {"realm": realm, "person": principal.session.sub}
        await self._asked().add(work, Operation.SESSION_END, sid, parameters)

    async def _tell_all(self, work: UnitOfWork, principal: Owner, kept: str | None) -> None:
        parameters = {"person": principal.session.sub}
        if kept is not None:
            parameters["except_session"] = kept
        operation, target = Operation.CITIZEN_END_SESSIONS, str(owner_id(principal))
        if isinstance(principal, OfficialPrincipal):
            operation = Operation.OFFICIAL_END_SESSIONS
            code = await work.connection.execute(sql.OFFICIAL_CODE, {"id": principal.official_id})
            target = code.scalar_one()
        await self._asked().add(work, operation, target, parameters)

    def _asked(self) -> DirectoryQueue:
        if self._queue is None:
            raise RuntimeError("this process asks nothing of the directory: directory_queue")
        return self._queue


def checked_name(name: str) -> str:
    """A name in its one form: 1–60 characters that can be seen, none that turns text around.

    Raises InvalidInput.
    """
    checked = unicodedata.normalize("NFC", name).strip()
    if not 1 <= len(checked) <= LONGEST_NAME or not checked.isprintable():
        raise InvalidInput("name")
    return checked


def _end_of_session(principal: Owner, sid: str, now: datetime) -> SessionEnd:
    session = principal.session
    return SessionEnd(f"{CAUSE}:{session.iss}:{sid}", session.iss, sid, session.sub, now, CAUSE)


async def _own_device(work: UnitOfWork, principal: Owner, thumbprint: str) -> _Found:
    """The device, locked. Raises NotFound for others' and unknown ones alike."""
    if not _THUMBPRINT.fullmatch(thumbprint):
        raise NotFound
    whose = {"person": owner_id(principal), "jkt": thumbprint, "own": principal.session.jkt}
    found = (await work.connection.execute(sql.DEVICE, whose)).mappings().one_or_none()
    if found is None:
        raise NotFound
    return _Found(found["id"], device_of(found))


async def _sessions_of(work: UnitOfWork, device_id: UUID, now: datetime) -> list[str]:
    given: dict[str, Any] = {
        "device_id": device_id,
        "since": now - LONGEST_SESSION,
        "most": MOST_ONE_BY_ONE + 1,
    }
    return list((await work.connection.execute(sql.SESSIONS_OF_DEVICE, given)).scalars())


def _told(principal: Owner, thumbprint: str) -> str | None:
    """The device in the log: an official's. A citizen's would tie together what the log keeps apart."""
    return f"device:{thumbprint}" if isinstance(principal, OfficialPrincipal) else None
