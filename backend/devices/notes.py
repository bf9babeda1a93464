"""What is noted when a session is used: its first use with an event, later ones once in 15 minutes."""

from foundation.clock import Clock
from foundation.database.database import Database
from foundation.database.unit_of_work import UnitOfWork
from foundation.identity.apps import App
from foundation.identity.principal import OfficialPrincipal
from foundation.identity.revocation import note_first_use
from foundation.ids import NewId
from foundation.recording import LOGON, Activity, AuditEvent, EventClass

from backend.devices import sql
from backend.devices.types import Owner, owner_id

SIGN_IN = AuditEvent("session.open", EventClass.AUTHENTICATION, LOGON)


class SessionNotes:
    """Notes uses of sessions. The door says when: `VerifiedSession.unseen` and `due`."""

    def __init__(self, database: Database, clock: Clock, new_id: NewId) -> None:
        self._database = database
        self._clock = clock
        self._new_id = new_id

    async def note(self, principal: Owner, app: App | None) -> None:
        """Note what is to be noted of the principal's session; nothing otherwise."""
        session = principal.session
        if session.unseen:
            await self._first(principal, app)
        elif session.due and not await self._touched(principal, app):
            # Another key in a browser session that is known.
            await self._first(principal, app)

    async def _touched(self, principal: Owner, app: App | None) -> bool:
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

    async def _first(self, principal: Owner, app: App | None) -> None:
        async with self._database.unit_of_work(principal, SIGN_IN) as work:
            first = await note_first_use(work.connection, principal.session)
            device_added, session_added = await self._written(work, principal, app)
            if not (first or session_added):
                # Another request of the same moment was faster.
                return
            await work.record(SIGN_IN)
            if device_added and isinstance(principal, OfficialPrincipal):
                # A citizen's device would tie together sessions that the log keeps apart.
                await work.record(_added(principal))
            await work.commit()

    async def _written(self, work: UnitOfWork, principal: Owner, app: App | None) -> tuple[bool, bool]:
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
        added = (await work.connection.execute(sql.NOTE_SESSION, opened)).scalar_one()
        return bool(noted.added), bool(added)


def _added(principal: OfficialPrincipal) -> AuditEvent:
    return AuditEvent(
        "device.add",
        activity=Activity.CREATE,
        resource=f"device:{principal.session.jkt}",
        unit=principal.unit_code,
    )
