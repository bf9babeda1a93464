"""The figures on the tests' world."""

from dataclasses import dataclass
from datetime import date

import pytest

from backend.statistics.jobs import roll_up
from backend.statistics.queries import StatisticsQueries
from backend.statistics.types import Figures, Period, Wanted
from foundation.policy.engine import PolicyEngine
from tests.backend.world import POLICIES, World
from tests.conftest import Database

TODAY = date(2026, 11, 24)
THIS_DAY = Period(TODAY, TODAY)


@dataclass
class Bureau:
    """Figures of the world, as the api reads and the worker sums them."""

    world: World
    database: Database
    queries: StatisticsQueries

    async def figures(self, who: str = "minh", period: Period = THIS_DAY, **wanted: object) -> Figures:
        """What an official sees."""
        return await self.queries.figures(await self.world.official(who), Wanted(period, **wanted))  # type: ignore[arg-type]  # names of Wanted's own

    async def roll_up(self) -> int:
        """What the worker does every five seconds."""
        return await roll_up(self.world.worker_database)

    def rows(self, query: str, *values: object) -> list[tuple[object, ...]]:
        """What a superuser sees."""
        with self.database.cluster.connect(self.database.name) as superuser:
            return superuser.execute(query.encode(), values).fetchall()


@pytest.fixture
def bureau(world: World, database: Database) -> Bureau:
    """Figures on the test's own database."""
    queries = StatisticsQueries(world.database, PolicyEngine.load(POLICIES), world.clock)
    return Bureau(world, database, queries)
