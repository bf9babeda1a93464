"""The schema, put together from the features."""

from datetime import datetime

import strawberry
from strawberry.schema.config import StrawberryConfig
from strawberry.tools import merge_types

from graphql_schema.abuse import AbuseMutation, AbuseQuery
from graphql_schema.bulk_changes import BulkMutation
from graphql_schema.calendar_changes import CalendarMutation
from graphql_schema.calendars import CalendarQuery
from graphql_schema.category_changes import CategoryMutation
from graphql_schema.changes import ChangeQuery, ChangeSubscription
from graphql_schema.channels import ChannelMutation, ChannelQuery
from graphql_schema.citizens import CitizenMutation, CitizenQuery
from graphql_schema.contacts import ContactMutation
from graphql_schema.deadline_changes import DeadlineMutation
from graphql_schema.deadline_rule_changes import DeadlineRulesMutation
from graphql_schema.deadline_rules import DeadlineRulesQuery
from graphql_schema.deadlines import DeadlineQuery
from graphql_schema.devices import DeviceMutation, DeviceQuery
from graphql_schema.duplicates import FollowMutation, FollowQuery
from graphql_schema.exports import ExportMutation, ExportQuery
from graphql_schema.found_reports import FoundReportsQuery, ViewMutation
from graphql_schema.ledger import LedgerQuery
from graphql_schema.ledger_delays import LedgerDelayMutation, LedgerDelayQuery
from graphql_schema.media import MediaMutation
from graphql_schema.merging import MergeMutation
from graphql_schema.near_reports import NearQuery
from graphql_schema.node_query import NodeQuery
from graphql_schema.notifications import NotificationMutation, NotificationQuery
from graphql_schema.official_changes import OfficialMutation
from graphql_schema.officials import OfficialQuery
from graphql_schema.part_changes import PartMutation
from graphql_schema.privacy import PrivacyMutation, PrivacyQuery
from graphql_schema.privacy_copies import DataCopyMutation, DataCopyQuery
from graphql_schema.public_figures import PublicFiguresQuery
from graphql_schema.recoveries import RecoveryMutation
from graphql_schema.registers import HistoryQuery
from graphql_schema.releases import ReleaseMutation
from graphql_schema.report_changes import ReportMutation
from graphql_schema.report_words import ReportWordsMutation
from graphql_schema.reports import ReportQuery
from graphql_schema.routing import RoutingQuery
from graphql_schema.routing_rules import RoutingRulesQuery
from graphql_schema.rule_changes import RoutingRulesMutation
from graphql_schema.scalars import BASE64, DATE_TIME, Base64
from graphql_schema.statistics import StatisticsQuery
from graphql_schema.templates import TemplateMutation, TemplateQuery
from graphql_schema.tenancy import TenancyQuery
from graphql_schema.unit_changes import UnitMutation
from graphql_schema.vault import VaultMutation, VaultQuery
from graphql_schema.viewer import ViewerQuery
from graphql_schema.work import WorkQuery
from graphql_schema.work_changes import WorkMutation

QUERIES = (
    ViewerQuery,
    CitizenQuery,
    RoutingQuery,
    TenancyQuery,
    ReportQuery,
    NotificationQuery,
    ChangeQuery,
    DeviceQuery,
    OfficialQuery,
    RoutingRulesQuery,
    CalendarQuery,
    DeadlineQuery,
    DeadlineRulesQuery,
    HistoryQuery,
    ChannelQuery,
    StatisticsQuery,
    PublicFiguresQuery,
    WorkQuery,
    FollowQuery,
    NearQuery,
    LedgerQuery,
    LedgerDelayQuery,
    PrivacyQuery,
    DataCopyQuery,
    AbuseQuery,
    FoundReportsQuery,
    ExportQuery,
    TemplateQuery,
    VaultQuery,
    NodeQuery,
)
MUTATIONS = (
    ReportMutation,
    ReportWordsMutation,
    MediaMutation,
    ReleaseMutation,
    DeviceMutation,
    NotificationMutation,
    OfficialMutation,
    UnitMutation,
    CategoryMutation,
    RoutingRulesMutation,
    CalendarMutation,
    ChannelMutation,
    DeadlineMutation,
    CitizenMutation,
    RecoveryMutation,
    DeadlineRulesMutation,
    WorkMutation,
    FollowMutation,
    MergeMutation,
    LedgerDelayMutation,
    PrivacyMutation,
    DataCopyMutation,
    AbuseMutation,
    PartMutation,
    BulkMutation,
    ViewMutation,
    ExportMutation,
    ContactMutation,
    TemplateMutation,
    VaultMutation,
)
SUBSCRIPTIONS = (ChangeSubscription,)


def config() -> StrawberryConfig:
    """How Python names and types become the schema's."""
    return StrawberryConfig(scalar_map={datetime: DATE_TIME, Base64: BASE64}, disable_field_suggestions=True)


def build() -> strawberry.Schema:
    """The schema. Pure: no settings, no services."""
    return strawberry.Schema(
        query=merge_types("Query", QUERIES),
        mutation=merge_types("Mutation", MUTATIONS),
        subscription=merge_types("Subscription", SUBSCRIPTIONS),
        config=config(),
    )
