"""Who administers the platform, and the services that change registers, on the tests' world."""

from dataclasses import dataclass
from typing import Any

from backend.administration.queries import HistoryQueries
from backend.administration.service import AdministrationService
from backend.deadlines.jobs import CalendarWatch
from backend.deadlines.queries import CalendarQueries
from backend.deadlines.service import CalendarService
from backend.reports.hand_over import HandOver
from backend.routing.categories import CategoryService
from backend.routing.queries import RoutingQueries
from backend.routing.rule_sets import RuleSetService, check_complete
from backend.routing.succession import RulesFollow
from backend.tenancy.queries import TenancyQueries
from backend.tenancy.units import UnitService
from foundation.identity.principal import OfficialPrincipal
from foundation.ids import new_uuid
from foundation.policy.engine import PolicyEngine
from services.seed import load_people
from tests.backend.world import CITY, HOAN_KIEM, OFFICIALS, POLICIES, World, connect, session
from tests.parts import Database

TU, THE_OTHER, OF_A_WARD, AND_OPERATOR = (
    f"00000000-0000-4000-8000-0000000000a{number}" for number in range(1, 5)
)
ADMINISTRATORS = {
    "officials": [
        {
            "id": subject,
            "family_name": "Đặng",
            "given_name": name,
            "duties": [{"kind": kind, "unit": unit} for kind in ("platform_admin", *others)],
        }
        for subject, name, unit, others in (
            (TU, "Anh Tú", CITY, ()),
            (THE_OTHER, "Thu Thủy", CITY, ()),
            (OF_A_WARD, "Văn Ơn", HOAN_KIEM, ()),
            (AND_OPERATOR, "Ngọc Ẩn", CITY, ("city_operator",)),
        )
    ]
}


@dataclass
class Office:
    """Administrators of the platform and what they work with."""

    world: World
    database: Database
    units: UnitService
    categories: CategoryService
    rules: RuleSetService
    hand_over: HandOver
    history: HistoryQueries
    found_units: TenancyQueries
    routing: RoutingQueries
    calendars: CalendarService
    found_calendars: CalendarQueries
    watch: CalendarWatch

    async def administrator(self, subject: str = TU, unit: str = CITY) -> OfficialPrincipal:
        """Somebody with the duty platform_admin."""
        return await self.world.tenancy.principal_of(session(OFFICIALS, subject, unit), self.world.origin())

    def rows(self, statement: str, *values: Any) -> list[tuple[Any, ...]]:
        """What a superuser sees."""
        with connect(self.database.settings(self.database.superuser)) as connection:
            cursor = connection.execute(statement.encode(), values)
            return cursor.fetchall() if cursor.description else []


def office_of(world: World, database: Database) -> Office:
    """An office with administrators: two of the city, one of a ward, one who also operates the city."""
    with connect(database.settings(database.superuser)) as connection:
        load_people(connection, ADMINISTRATORS, OFFICIALS)
    policy = PolicyEngine.load(POLICIES)
    administration = AdministrationService(world.database, policy, world.clock, new_uuid)
    return Office(
        world=world,
        database=database,
        units=UnitService(administration, (RulesFollow(new_uuid),), (check_complete,)),
        categories=CategoryService(administration),
        rules=RuleSetService(administration, new_uuid),
        hand_over=HandOver(world.worker_database, policy, world.clock, new_uuid),
        history=HistoryQueries(world.database, policy, world.clock),
        found_units=TenancyQueries(world.database),
        routing=RoutingQueries(world.database, policy, world.clock),
        calendars=CalendarService(administration),
        found_calendars=CalendarQueries(world.database, policy, world.clock),
        watch=CalendarWatch(world.worker_database, policy, world.clock, new_uuid),
    )
