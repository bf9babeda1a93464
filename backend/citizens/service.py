"""Citizens (công dân): known by (iss, sub), with an id of ours inside."""

from foundation.database.database import Database
from foundation.identity.principal import CitizenPrincipal, Origin, VerifiedSession
from foundation.ids import NewId


class CitizenService:
    """Turns a verified session of a citizen into a principal."""

    def __init__(self, database: Database, new_id: NewId) -> None:
        self._database = database
        self._new_id = new_id

    async def principal_of(self, session: VerifiedSession, origin: Origin) -> CitizenPrincipal:
        """The citizen behind a session; made known at the first sign-in."""
        citizen_id = await self._database.pool.fetchval(
            "SELECT citizens.resolve($1, $2, $3)", session.iss, session.sub, self._new_id()
        )
        return CitizenPrincipal(origin=origin, session=session, citizen_id=citizen_id)
