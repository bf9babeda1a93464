"""Finds the unit of a new report, in the transaction that makes it."""

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import text

from backend.routing.errors import UnknownCategory, UnknownWard
from backend.routing.rules import route
from backend.routing.types import Place, Routing, Rule
from foundation.clock import HANOI
from foundation.database.unit_of_work import UnitOfWork

_CATEGORY = text("SELECT true FROM routing.category WHERE code = :category")
_WARD = text(
    """
    SELECT u.id, u.kind, tenancy.path_of(u.id) AS path FROM tenancy.unit u
    WHERE u.code = :ward AND u.kind IN ('ward', 'commune')
    """
)
_RULES = text(
    """
    SELECT id, code, category, place_id, target_id, from_day, until_day FROM routing.rule
    WHERE place_id = ANY(:path) AND (category IS NULL OR category = :category)
    """
)
_ACTIVE = text(
    """
    SELECT id FROM tenancy.unit
    WHERE id = ANY(:units) AND kind <> 'party' AND (ended_on IS NULL OR ended_on > :day)
    """
)


@dataclass(frozen=True, slots=True)
class RoutedPlace:
    """The ward of a report (inner id and kind) and where the report goes."""

    ward_id: int
    ward_kind: str
    routing: Routing


class RoutingService:
    """Routing rules as they stand in the database."""

    async def route(self, work: UnitOfWork, category: str, ward: str, at: datetime) -> RoutedPlace:
        """Where a report of this category in this ward goes. Raises UnknownCategory, UnknownWard."""
        day = at.astimezone(HANOI).date()
        connection = work.connection
        if (await connection.execute(_CATEGORY, {"category": category})).scalar() is None:
            raise UnknownCategory
        found = (await connection.execute(_WARD, {"ward": ward})).one_or_none()
        if found is None:
            raise UnknownWard
        path = tuple(found.path)
        rows = (await connection.execute(_RULES, {"path": list(path), "category": category})).all()
        rules = [Rule(*row) for row in rows]
        units = [*path, *(rule.target for rule in rules if rule.target is not None)]
        active = (await connection.execute(_ACTIVE, {"units": units, "day": day})).scalars()
        place = Place(path=path)
        return RoutedPlace(found.id, found.kind, route(category, place, day, rules, frozenset(active)))
