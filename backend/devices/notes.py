"""What is noted when a session is used: its first use with an event, later ones once in 15 minutes."""

from backend.devices import sql
from backend.devices.types import Owner, owner_id
from foundation.clock import Clock
from foundation.database.database import Database
from foundation.database.unit_of_work import UnitOfWork
from foundation.identity.apps import App
from foundation.identity.principal import OfficialPrincipal
from foundation.ids import NewId
from foundation.recording import Activity, AuditEvent


class SessionNotes:
    """Notes uses of sessions. The door says when: `VerifiedSession.unseen` and `due`."""

    def __init__(self, database: Database, clock: Clock, new_id: NewId) -> None:
        self._database = database
        self._clock = clock
        self._new_id = new_id

    async def touch(self, principal: Owner, app: App | None) -> bool:
        """Note that the session is in use; False when its use of this key was never noted: `write` it."""
        session = principal.session
        known: bool = await self._database.pool.fetchval(
            sql.TOUCH,
            session.iss,
            session.sid,
            session.jkt,
            session.acr,
            principal.origin.network_kind,
            None if app is None else str(app.version),
            None if app is None else app.platform,
        )
        return known

    async def write(self, work: UnitOfWork, principal: Owner, app: App | None) -> bool:
        """Note session and device in the caller's unit of work; False when they are noted already."""
        session, now = principal.session, self._clock.now()
        of_person = {
            "person": owner_id(principal),
            "iss": session.iss,
            "sub": session.sub,
            "jkt": session.jkt,
            "network": principal.origin.network_kind,
            "now": now,
        }
        device = {
            **of_person,
            "id": self._new_id(),
            "name": session.azp[:60] if app is None else app.model,
            "app": session.azp,
            "version": None if app is None else str(app.version),
            "platform": None if app is None else app.platform,
        }
        noted = (await work.connection.execute(sql.NOTE_DEVICE, device)).one()
        opened = {
            **of_person,
            "id": self._new_id(),
            "device_id": noted.id,
            "sid": session.sid,
            "acr": session.acr,
            "started_at": session.auth_time,
        }
        added: bool = (await work.connection.execute(sql.NOTE_SESSION, opened)).scalar_one()
        if noted.added and isinstance(principal, OfficialPrincipal):
            # A citizen's device would tie together sessions that the log keeps apart.
            await work.record(_added(principal))
        return added


def _added(principal: OfficialPrincipal) -> AuditEvent:
    return AuditEvent(
        "device.add",
        activity=Activity.CREATE,
        resource=f"device:{principal.session.jkt}",
        unit=principal.unit_code,
    )
