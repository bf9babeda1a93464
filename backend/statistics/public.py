"""What anybody may read: the tables that the hourly job made, and nothing else."""

from typing import Any

from backend.reports.types import UnitRef
from backend.statistics.types import (
    Document,
    PublicCategory,
    PublicFigures,
    PublicPlace,
    PublicUnit,
    PublicWard,
)
from foundation.clock import Clock
from foundation.database.database import Database
from foundation.database.read_scope import ReadScope
from foundation.errors import InvalidInput, NotFound
from foundation.identity.principal import Principal
from foundation.policy.engine import PolicyEngine
from foundation.policy.entities import Resource
from foundation.recording import Activity, AuditEvent

FOLLOW = AuditEvent("statistics.follow", activity=Activity.READ)
MOST_PLACES = 100
ALL = 1_000
_EDITION = "SELECT made_at FROM published.edition WHERE $1"
_CATEGORIES = """
SELECT code, name_vi, name_en, reports, before FROM published.category ORDER BY reports DESC, code LIMIT $1
"""
_WARDS = "SELECT code, name, reports, before FROM published.ward ORDER BY reports DESC, code LIMIT $1"
_PLACES = """
SELECT ward_code, cell, resolution, latitude, longitude, reports, before FROM published.place
ORDER BY reports DESC, ward_code, cell LIMIT $1
"""
_UNITS = """
SELECT code, name, on_time_percent, deadlines, satisfaction, ratings FROM published.unit
ORDER BY code LIMIT $1
"""
_DOCUMENT = "SELECT octets, digest FROM published.document WHERE name = $1"


class PublicFigureQueries:
    """Reads of the fixed tables."""

    def __init__(self, database: Database, policy: PolicyEngine, clock: Clock) -> None:
        self._database = database
        self._policy = policy
        self._clock = clock

    async def figures(self, principal: Principal, places: int) -> PublicFigures:
        """The present edition with its `places` (1 to 100) hottest places. Raises InvalidInput, NotFound."""
        async with self._database.read_scope(principal, FOLLOW) as scope:
            self._decide(principal)
            if not 1 <= places <= MOST_PLACES:
                raise InvalidInput("places")
            edition = await scope.row(_EDITION, True)
            if edition is None:
                raise NotFound
            return await _edition(scope, edition["made_at"], places)

    async def document(self, principal: Principal, name: str) -> Document:
        """A whole answer by its name. Raises NotFound before the first edition."""
        async with self._database.read_scope(principal, FOLLOW) as scope:
            self._decide(principal)
            row = await scope.row(_DOCUMENT, name)
            if row is None:
                raise NotFound
        return Document(row["octets"], row["digest"])

    def _decide(self, principal: Principal) -> None:
        resource = Resource("Figures", "public", {"units": ()})
        self._policy.authorise(principal, FOLLOW.action, resource, now=self._clock.now())


async def _edition(scope: ReadScope, made_at: Any, places: int) -> PublicFigures:
    """All rows are of one edition only if nobody published meanwhile; each alone is as safe as another."""
    return PublicFigures(
        made_at=made_at,
        categories=tuple(PublicCategory(**row) for row in await scope.rows(_CATEGORIES, ALL)),
        wards=tuple(
            PublicWard(UnitRef(row["code"], row["name"]), row["reports"], row["before"])
            for row in await scope.rows(_WARDS, ALL)
        ),
        places=tuple(PublicPlace(**row) for row in await scope.rows(_PLACES, places)),
        units=tuple(
            PublicUnit(
                UnitRef(row["code"], row["name"]),
                row["on_time_percent"],
                row["deadlines"],
                None if row["satisfaction"] is None else float(row["satisfaction"]),
                row["ratings"],
            )
            for row in await scope.rows(_UNITS, ALL)
        ),
    )
