"""Places of a report's files: each side has its own, so that neither leaves the other no room."""

from uuid import UUID

from backend.media import sql
from backend.media.errors import TooManyFiles
from backend.media.types import CITIZENS_PLACES, UNITS_PLACES
from foundation.database.unit_of_work import UnitOfWork
from foundation.identity.principal import CitizenPrincipal, OfficialPrincipal


def places_of(principal: CitizenPrincipal | OfficialPrincipal) -> range:
    """The places of the principal's side."""
    return CITIZENS_PLACES if isinstance(principal, CitizenPrincipal) else UNITS_PLACES


async def free_place(
    work: UnitOfWork, principal: CitizenPrincipal | OfficialPrincipal, report_id: UUID
) -> int:
    """The first free place of the principal's side; the report is locked. Raises TooManyFiles."""
    places = places_of(principal)
    bounds = (report_id, places[0], places[-1])
    free: int | None = (await work.connection.exec_driver_sql(sql.FREE_PLACE, bounds)).scalar()
    if free is None:
        raise TooManyFiles(len(places))
    return free
