"""Deadlines put together: clocks of reports, read and changed."""

from backend.deadlines.countdown import DeadlineQueries
from backend.deadlines.pauses import DeadlineService
from foundation.clock import Clock
from foundation.database.database import Database
from foundation.ids import NewId
from foundation.policy.engine import PolicyEngine
from graphql_schema.deadline_services import Deadlines


def deadlines_of(database: Database, policy: PolicyEngine, clock: Clock, new_id: NewId) -> Deadlines:
    """What resolvers of deadlines call."""
    return Deadlines(
        reads=DeadlineQueries(database, policy, clock),
        changes=DeadlineService(database, policy, clock, new_id),
    )
