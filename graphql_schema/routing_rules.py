"""Sets of routing rules (bộ quy tắc phân tuyến): listed, read, compared, tried."""

from datetime import date, datetime
from typing import Annotated

import strawberry

from backend.routing import types as domain
from foundation.errors import Refusal
from graphql_schema.context import DEFAULT_PAGE, Info
from graphql_schema.enums import RuleSetState
from graphql_schema.errors import Forbidden, InvalidInput, NotFound, RoutingFault, fault_of, problem_of
from graphql_schema.node import Node
from graphql_schema.paging import AFTER, FIRST, Connection, connection_of
from graphql_schema.registers import RULES, VERSION, global_id
from graphql_schema.sizes import rows

NUMBER = "Số của bộ quy tắc. / The set's number."


@strawberry.type(description="Một quy tắc. / One rule: what comes from a place goes to a unit.")
class RoutingRule:
    code: str
    category_code: str | None = strawberry.field(description="Null: mọi lĩnh vực. / Null: every category.")
    place_code: str = strawberry.field(
        description="Địa bàn và mọi nơi thuộc đó. / The place, and what lies below it."
    )
    target_code: str | None = strawberry.field(
        description="Null: chính phường, xã của phản ánh. / Null: the ward of the report itself."
    )
    supporting_codes: list[str] = strawberry.field(
        description="Đơn vị phối hợp. / Units that help.", metadata=rows(2)
    )


@strawberry.type(description="Bộ quy tắc phân tuyến. / A set of routing rules.")
class RoutingRules(Node):
    number: int
    state: RuleSetState
    from_day: date | None = strawberry.field(description="Ngày áp dụng. / The day from which it holds.")
    holds: bool = strawberry.field(description="Đang áp dụng hôm nay. / It holds today.")
    note: str
    rule_count: int
    version: int = strawberry.field(description=VERSION)
    created_at: datetime


@strawberry.type(description="Một quy tắc khác nhau. / A rule that two sets have differently.")
class RoutingRuleDifference:
    code: str
    before: RoutingRule | None
    after: RoutingRule | None


@strawberry.type(description="Phản ánh sẽ chuyển nơi khác. / Reports that would have gone elsewhere.")
class RoutingDetour:
    category_code: str
    ward_code: str
    reports: int
    from_unit_code: str
    to_unit_code: str


@strawberry.type(
    description="Kết quả chạy thử. / What a set would have done to past reports, beside today's rules."
)
class RoutingTrial:
    days: int
    reports: int
    elsewhere: int = strawberry.field(description="Sẽ chuyển nơi khác. / Would have gone elsewhere.")
    without_rule: int = strawberry.field(description="Không có quy tắc. / For which it has no rule.")
    detours: list[RoutingDetour] = strawberry.field(
        description="50 nhóm đông nhất. / The 50 largest groups.", metadata=rows(50)
    )
    faults: list[RoutingFault] = strawberry.field(
        description="20 chỗ thiếu hoặc sai đầu tiên. / The first 20 gaps or faults.", metadata=rows(20)
    )
    fault_count: int


TryRoutingRulesResult = Annotated[
    RoutingTrial | NotFound | Forbidden | InvalidInput,
    strawberry.union("TryRoutingRulesResult", description="Kết quả, hoặc lý do. / The trial, or why not."),
]


def rule_of(rule: domain.RuleText) -> RoutingRule:
    """A rule as the schema shows it."""
    return RoutingRule(
        code=rule.code,
        category_code=rule.category,
        place_code=rule.place,
        target_code=rule.target,
        supporting_codes=list(rule.supporting),
    )


def rule_set_of(rules: domain.RuleSet) -> RoutingRules:
    """A set as the schema shows it."""
    return RoutingRules(
        id=global_id(RULES, str(rules.number)),
        number=rules.number,
        state=rules.state,
        from_day=rules.from_day,
        holds=rules.holds,
        note=rules.note,
        rule_count=rules.rules,
        version=rules.version,
        created_at=rules.created_at,
    )


def _difference_of(found: domain.RuleDifference) -> RoutingRuleDifference:
    return RoutingRuleDifference(
        code=found.code,
        before=None if found.before is None else rule_of(found.before),
        after=None if found.after is None else rule_of(found.after),
    )


def _trial_of(trial: domain.Trial, faults: tuple[domain.Fault, ...]) -> RoutingTrial:
    detours = [
        RoutingDetour(
            category_code=detour.category,
            ward_code=detour.ward,
            reports=detour.reports,
            from_unit_code=detour.from_unit,
            to_unit_code=detour.to_unit,
        )
        for detour in trial.detours
    ]
    return RoutingTrial(
        days=trial.days,
        reports=trial.reports,
        elsewhere=trial.elsewhere,
        without_rule=trial.without_rule,
        detours=detours,
        faults=[fault_of(fault) for fault in faults[:20]],
        fault_count=len(faults),
    )


@strawberry.type
class RoutingRulesQuery:
    @strawberry.field(description="Các bộ quy tắc, mới trước. / Sets of rules, the newest first.")
    async def routing_rule_sets(
        self,
        info: Info,
        first: Annotated[int, strawberry.argument(description=FIRST)] = DEFAULT_PAGE,
        after: Annotated[str | None, strawberry.argument(description=AFTER)] = None,
    ) -> Connection[RoutingRules] | None:
        context = info.context
        async with context.parsing("routing.list"):
            official = context.official()
            count, position = context.named_page("routingRuleSets", first, after)
        before = None if position is None else position[1]
        found, more = await context.services.registers.rules.rule_sets(official, count, before)
        keys = [("", one.number) for one in found]
        return connection_of(context, "routingRuleSets", found, keys, more, after, rule_set_of)

    @strawberry.field(description="Các quy tắc của một bộ, theo mã. / Rules of a set, by code.")
    async def routing_rules(
        self,
        info: Info,
        number: Annotated[int, strawberry.argument(description=NUMBER)],
        first: Annotated[int, strawberry.argument(description=FIRST)] = DEFAULT_PAGE,
        after: Annotated[str | None, strawberry.argument(description=AFTER)] = None,
    ) -> Connection[RoutingRule] | None:
        context = info.context
        async with context.parsing("routing.read"):
            official = context.official()
            count, position = context.named_page("routingRules", first, after)
        start = None if position is None else position[0]
        found, more = await context.services.registers.rules.rules(official, number, count, start)
        keys = [(one.code, 0) for one in found]
        return connection_of(context, "routingRules", found, keys, more, after, rule_of)

    @strawberry.field(
        description="So sánh hai bộ quy tắc. / Rules that two sets have differently.", metadata=rows(50)
    )
    async def compare_routing_rules(
        self,
        info: Info,
        before: Annotated[int, strawberry.argument(description=NUMBER)],
        after: Annotated[int, strawberry.argument(description=NUMBER)],
    ) -> list[RoutingRuleDifference] | None:
        context = info.context
        async with context.parsing("routing.compare"):
            official = context.official()
        found = await context.services.registers.rules.compare(official, before, after)
        return [_difference_of(one) for one in found]

    @strawberry.field(
        description="Chạy thử trên phản ánh đã có: chỉ số lượng. / Tried on past reports: numbers alone."
    )
    async def try_routing_rules(
        self,
        info: Info,
        number: Annotated[int, strawberry.argument(description=NUMBER)],
        days: Annotated[int, strawberry.argument(description="1–90.")] = 30,
    ) -> TryRoutingRulesResult:
        context = info.context
        try:
            async with context.parsing("routing.try"):
                official = context.official()
            rules = context.services.registers.rules
            return _trial_of(await rules.trial(official, number, days), await rules.faults(official, number))
        except Refusal as refusal:
            problem: TryRoutingRulesResult = problem_of(refusal, context.language, TryRoutingRulesResult)
            return problem
