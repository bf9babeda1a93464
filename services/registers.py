"""The registers put together: units, categories, routing rules, calendars, and the history of all."""

import secrets

from backend.administration.queries import HistoryQueries
from backend.administration.service import AdministrationService
from backend.channels.administration import ChannelService
from backend.channels.queries import ChannelQueries
from backend.deadlines.queries import CalendarQueries
from backend.deadlines.service import CalendarService
from backend.routing.categories import CategoryService
from backend.routing.queries import RoutingQueries
from backend.routing.rule_sets import RuleSetService, check_complete
from backend.routing.succession import RulesFollow
from backend.tenancy.units import UnitService
from foundation.clock import Clock
from foundation.database.database import Database
from foundation.ids import NewId
from foundation.phones import KEY_BYTES, PhoneSeal
from foundation.policy.engine import PolicyEngine
from foundation.settings import ChannelsSettings
from graphql_schema.register_services import Registers


def registers_of(
    database: Database,
    policy: PolicyEngine,
    clock: Clock,
    new_id: NewId,
    channels: ChannelsSettings | None = None,
) -> Registers:
    """What resolvers of the registers call. Routing rules follow the units that they name."""
    # Without settings channels can be looked at: what is made then nobody can ever open.
    seal = PhoneSeal(secrets.token_bytes(KEY_BYTES))
    if channels is not None:
        seal = PhoneSeal.from_file(channels.seal_key_file)
    private = channels is not None and channels.private_addresses
    administration = AdministrationService(database, policy, clock, new_id)
    return Registers(
        units=UnitService(administration, (RulesFollow(new_id),), (check_complete,)),
        categories=CategoryService(administration),
        rules=RoutingQueries(database, policy, clock),
        rule_changes=RuleSetService(administration, new_id),
        calendars=CalendarQueries(database, policy, clock),
        calendar_changes=CalendarService(administration),
        history=HistoryQueries(database, policy, clock),
        channels=ChannelQueries(database, policy, clock),
        channel_changes=ChannelService(administration, seal, new_id, private_addresses=private),
    )
