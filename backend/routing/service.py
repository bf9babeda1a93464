"""Finds the unit of a new report, in the transaction that makes it."""

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import text

from backend.routing.errors import UnknownCategory, UnknownWard
from backend.routing.rules import indexed, route, rule_of_row
from backend.routing.types import Place, Routing
from foundation.clock import HANOI
from foundation.database.unit_of_work import UnitOfWork

# The lock, shared: no unit is ended between here and the report's commit, so none gets a report after its
# end (tenancy.keep_tree takes it alone). Nothing of this is remembered from one report to the next: a change
# holds in every process with its commit.
_CATEGORY = text(
    """
    SELECT pg_advisory_xact_lock_shared(4801, 1) IS NOT NULL FROM routing.category
    WHERE code = :category AND (ended_on IS NULL OR ended_on > :day)
    """
)
# An app may know a ward that has become part of another.
_WARD = text(
    """
    SELECT u.id, u.kind, tenancy.path_of(u.id) AS path FROM tenancy.unit asked
    JOIN tenancy.unit u ON u.id = tenancy.current_of(asked.id, :day)
    WHERE asked.code = :ward AND u.kind IN ('ward', 'commune')
    """
)
_RULES = text(
    """
    SELECT r.id, r.code, r.category, r.place_id, r.target_id, r.supporting FROM routing.rule r
    WHERE r.set_number = (
        SELECT s.number FROM routing.rule_set s WHERE s.state = 'active' AND s.from_day <= :day
        ORDER BY s.from_day DESC, s.number DESC LIMIT 1)
      AND r.place_id = ANY(:path) AND (r.category IS NULL OR r.category = :category)
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
        if (await connection.execute(_CATEGORY, {"category": category, "day": day})).scalar() is None:
            raise UnknownCategory
        found = (await connection.execute(_WARD, {"ward": ward, "day": day})).one_or_none()
        if found is None:
            raise UnknownWard
        path = tuple(found.path)
        asked = {"path": list(path), "category": category, "day": day}
        rows = (await connection.execute(_RULES, asked)).all()
        rules = [rule_of_row(row) for row in rows]
        units = [*path, *(rule.target for rule in rules if rule.target is not None)]
        active = (await connection.execute(_ACTIVE, {"units": units, "day": day})).scalars()
        routing = route(category, Place(path=path), indexed(rules), frozenset(active))
        return RoutedPlace(found.id, found.kind, routing)
