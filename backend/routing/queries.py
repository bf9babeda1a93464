"""Categories, for anybody."""

from backend.routing.types import Category
from foundation.database.database import Database
from foundation.identity.principal import Principal
from foundation.recording import Activity, AuditEvent

_CATEGORIES = "SELECT code, name_vi, name_en FROM routing.category ORDER BY position, code LIMIT $1"
MAX_CATEGORIES = 500


class RoutingQueries:
    """Reads of routing data."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def categories(self, principal: Principal) -> tuple[Category, ...]:
        """All categories in the order in which people should see them."""
        intent = AuditEvent("category.list", activity=Activity.READ)
        async with self._database.read_scope(principal, intent) as scope:
            rows = await scope.rows(_CATEGORIES, MAX_CATEGORIES)
        return tuple(Category(row["code"], row["name_vi"], row["name_en"]) for row in rows)
