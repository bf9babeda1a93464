"""The figures put together: officials' own."""

from backend.statistics.queries import StatisticsQueries
from foundation.clock import Clock
from foundation.database.database import Database
from foundation.policy.engine import PolicyEngine
from graphql_schema.statistics_services import Statistics


def statistics_of(database: Database, policy: PolicyEngine, clock: Clock) -> Statistics:
    """What resolvers of figures call."""
    return Statistics(officials=StatisticsQueries(database, policy, clock))
