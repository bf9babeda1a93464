"""Who may act where. Keycloak says who; duties say what they may do, from one request to the next."""

import asyncpg
import msgspec
from sqlalchemy import text

from backend.tenancy.errors import NoDutyHere
from backend.tenancy.types import DutyView, OfficialProfile, Unit
from foundation.clock import HANOI, Clock
from foundation.database.database import Database
from foundation.database.unit_of_work import UnitOfWork
from foundation.errors import NotFound
from foundation.identity.principal import Duty, OfficialPrincipal, Origin, VerifiedSession
from foundation.recording import Activity, AuditEvent

CITY_OPERATOR = "city_operator"

_RESOLVE = "SELECT official_id, unit_id, duties, units, administered FROM tenancy.resolve($1, $2, $3, $4)"
_NOTE_ACTIVITY = text("SELECT code, activated FROM tenancy.note_activity(:day, :moment)")
_PROFILE = """
SELECT o.name, u.code, u.name AS unit_name, u.kind, p.code AS parent_code
FROM tenancy.official o, tenancy.unit u LEFT JOIN tenancy.unit p ON p.id = u.parent_id
WHERE o.id = $1 AND u.id = $2
"""


class TenancyService:
    """Turns a verified session of an official into a principal, and tells officials about themselves."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock

    async def principal_of(self, session: VerifiedSession, origin: Origin) -> OfficialPrincipal:
        """Duties in force today in Ha Noi, within the token's working unit.

        Raises NoDutyHere for an unknown official or unit, and for whoever is suspended or has left. An
        official without a duty is a principal without units: he sees himself and nothing else.
        """
        day = self._clock.now().astimezone(HANOI).date()
        row: asyncpg.Record | None = await self._database.pool.fetchrow(
            _RESOLVE, session.iss, session.sub, session.organisation, day
        )
        if row is None or session.organisation is None:
            raise NoDutyHere
        duties = tuple(msgspec.json.decode(row["duties"], type=list[Duty]))
        return OfficialPrincipal(
            origin=origin,
            session=session,
            official_id=row["official_id"],
            unit_id=row["unit_id"],
            unit_code=session.organisation,
            duties=duties,
            units=frozenset(row["units"]),
            city_level=any(duty.kind == CITY_OPERATOR for duty in duties),
            administered=frozenset(row["administered"]),
        )

    async def note_activity(self, work: UnitOfWork) -> None:
        """Note that the official was there today, in the transaction of a session's first use.

        Whoever was invited is active from now on, and that is an event.
        """
        now = self._clock.now()
        given = {"day": now.astimezone(HANOI).date(), "moment": now}
        row = (await work.connection.execute(_NOTE_ACTIVITY, given)).one_or_none()
        if row is not None and row.activated:
            unit = work.principal.unit_code if isinstance(work.principal, OfficialPrincipal) else None
            await work.record(AuditEvent("official.activate", resource=f"official:{row.code}", unit=unit))

    async def me(self, principal: OfficialPrincipal) -> OfficialProfile:
        """The official's own name, working unit and duties."""
        intent = AuditEvent("official.me", activity=Activity.READ, unit=principal.unit_code)
        async with self._database.read_scope(principal, intent) as scope:
            row = await scope.row(_PROFILE, principal.official_id, principal.unit_id)
            if row is None:
                raise NotFound
        return OfficialProfile(
            name=row["name"],
            unit=Unit(row["code"], row["unit_name"], row["kind"], row["parent_code"]),
            duties=tuple(DutyView(duty.kind, duty.unit_code) for duty in principal.duties),
        )
