"""The field that finds an object by its global id."""

from typing import Annotated

import strawberry

from foundation.errors import InvalidInput, NotFound
from foundation.ids import GlobalIds, parse_report_code
from graphql_schema.calendars import calendar_of, year_of
from graphql_schema.context import GraphQLContext, Info
from graphql_schema.deadline_rules import deadline_rules_of
from graphql_schema.node import Node
from graphql_schema.officials import account_of
from graphql_schema.registers import CALENDAR, DEADLINES, RULES, YEAR, number_of
from graphql_schema.reports import report_of
from graphql_schema.routing import category_of
from graphql_schema.routing_rules import rule_set_of
from graphql_schema.tenancy import unit_of


async def _report(context: GraphQLContext, code: str) -> Node:
    async with context.parsing("report.read"):
        canonical = parse_report_code(code)
    return report_of(await context.services.reports.one(context.principal, canonical))


async def _unit(context: GraphQLContext, code: str) -> Node:
    return unit_of(await context.services.units.unit(context.principal, code))


async def _category(context: GraphQLContext, code: str) -> Node:
    found = await context.services.categories.categories(context.principal, True)
    for category in found:
        if category.code == code:
            return category_of(category, context.language)
    raise NotFound


async def _official(context: GraphQLContext, code: str) -> Node:
    async with context.parsing("official.read"):
        official, canonical = context.official(), parse_report_code(code)
    return account_of(await context.services.accounts.account(official, canonical))


async def _rules(context: GraphQLContext, code: str) -> Node:
    async with context.parsing("routing.read"):
        official, number = context.official(), number_of(code)
    return rule_set_of(await context.services.registers.rules.rule_set(official, number))


async def _deadlines(context: GraphQLContext, code: str) -> Node:
    async with context.parsing("deadline.rules"):
        official, number = context.official(), number_of(code)
    return deadline_rules_of(await context.services.deadlines.rules.rule_set(official, number))


async def _calendar(context: GraphQLContext, code: str) -> Node:
    async with context.parsing("calendar.read"):
        official = context.official()
    return calendar_of(await context.services.registers.calendars.calendar(official, code))


async def _year(context: GraphQLContext, code: str) -> Node:
    async with context.parsing("calendar.read"):
        official, year = context.official(), number_of(code)
    return year_of(await context.services.registers.calendars.year(official, year))


_FINDERS = {
    "Report": _report,
    "Unit": _unit,
    "Category": _category,
    "OfficialAccount": _official,
    RULES: _rules,
    CALENDAR: _calendar,
    YEAR: _year,
    DEADLINES: _deadlines,
}


@strawberry.type
class NodeQuery:
    @strawberry.field(
        description="Một đối tượng theo mã toàn cục; null khi không có hoặc không được thấy. / "
        "An object by its global id; null when absent or hidden."
    )
    async def node(
        self, info: Info, id: Annotated[strawberry.ID, strawberry.argument(description="Global id.")]
    ) -> Node | None:
        async with info.context.parsing("node.read"):
            kind, code = GlobalIds.parse_code(id)
            if kind not in _FINDERS:
                raise InvalidInput("id")
        try:
            return await _FINDERS[kind](info.context, code)
        except NotFound:
            return None
