"""Lists of units, in alphabetical order, found with and without diacritics."""

import asyncpg

from backend.tenancy.types import Unit, UnitPage
from foundation.database.database import Database
from foundation.errors import InvalidInput, NotFound
from foundation.identity.principal import OfficialPrincipal, Principal
from foundation.ids import is_unit_code
from foundation.paging import MAX_PAGE
from foundation.recording import Activity, AuditEvent
from foundation.vietnamese import fold

MAX_SEARCH = 100

_UNITS = """
SELECT u.id, u.code, u.name, u.name_key, u.kind, p.code AS parent_code, u.version, u.ended_on,
  s.code AS successor_code
FROM tenancy.unit u LEFT JOIN tenancy.unit p ON p.id = u.parent_id
LEFT JOIN tenancy.unit s ON s.id = u.successor_id
WHERE ($4 OR u.ended_on IS NULL) AND ($1::text IS NULL OR u.kind = $1)
  AND (u.kind <> 'party' OR u.id = ANY($2::int[]))
ORDER BY u.name_key, u.id LIMIT $3
"""
# Not by the index, whatever the statistics say: a hidden Party body would cost a page more than an absent
# unit does.
_UNIT = """
SELECT u.code, u.name, u.kind, p.code AS parent_code, u.version, u.ended_on, s.code AS successor_code
FROM tenancy.unit u LEFT JOIN tenancy.unit p ON p.id = u.parent_id
LEFT JOIN tenancy.unit s ON s.id = u.successor_id
WHERE u.code || '' = $1 AND (u.kind <> 'party' OR u.id = ANY($2::int[]))
"""
# All units are a few hundred rows: found in memory, so that no diacritics function is needed in SQL.
ALL_UNITS = 2_000


class TenancyQueries:
    """Reads of units: the city's for everybody, a Party body's for who works there (policy units.read)."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def units(
        self,
        principal: Principal,
        kind: str | None,
        search: str | None,
        first: int,
        after: tuple[str, int] | None,
        ended: bool = False,
    ) -> UnitPage:
        """Units of a kind whose name holds `search` (case and diacritics ignored), after a position.

        `ended`: those that are no more, too.

        Raises InvalidInput for a page size outside 1–100 or a search of more than 100 characters.
        """
        intent = AuditEvent("unit.list", activity=Activity.READ)
        async with self._database.read_scope(principal, intent) as scope:
            if not 1 <= first <= MAX_PAGE:
                raise InvalidInput("first")
            if search is not None and len(search) > MAX_SEARCH:
                raise InvalidInput("search")
            wanted = fold(search or "")
            rows = await scope.rows(_UNITS, kind, _party_units(principal), ALL_UNITS, ended)
        found = [
            row
            for row in rows
            if wanted in fold(row["name"]) and (after is None or (row["name_key"], row["id"]) > after)
        ]
        shown = found[:first]
        return UnitPage(
            items=tuple(map(_unit, shown)),
            keys=tuple((row["name_key"], row["id"]) for row in shown),
            has_next=len(found) > first,
        )

    async def unit(self, principal: Principal, code: str) -> Unit:
        """One unit by its code. Raises NotFound for hidden and absent alike."""
        intent = AuditEvent("unit.read", activity=Activity.READ)
        async with self._database.read_scope(principal, intent) as scope:
            row = None
            if is_unit_code(code):
                row = await scope.row(_UNIT, code, _party_units(principal))
            if row is None:
                raise NotFound
        return _unit(row)


def _unit(row: asyncpg.Record) -> Unit:
    return Unit(
        code=row["code"],
        name=row["name"],
        kind=row["kind"],
        parent_code=row["parent_code"],
        version=row["version"],
        ended_on=row["ended_on"],
        successor_code=row["successor_code"],
    )


def _party_units(principal: Principal) -> list[int]:
    return sorted(principal.units) if isinstance(principal, OfficialPrincipal) else []
