"""Deadlines put together: clocks of reports, read and changed."""

from backend.administration.service import AdministrationService
from backend.deadlines.countdown import DeadlineQueries
from backend.deadlines.pauses import DeadlineService
from backend.deadlines.rule_queries import DeadlineRuleQueries
from backend.deadlines.rule_sets import DeadlineRuleService
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
        rules=DeadlineRuleQueries(database, policy, clock),
        rule_changes=DeadlineRuleService(AdministrationService(database, policy, clock, new_id)),
    )
