"""Sets of rules of deadlines (bộ thời hạn): listed, read, tried."""

from datetime import date, datetime
from typing import Annotated

import strawberry

from backend.deadlines import types as domain
from foundation.errors import Refusal
from graphql_schema.context import DEFAULT_PAGE, Info
from graphql_schema.deadlines import WorkingLength, length_of
from graphql_schema.enums import DeadlineKind, DeadlineRulesState, Urgency
from graphql_schema.errors import (
    DeadlineFault,
    Forbidden,
    InvalidInput,
    NotFound,
    deadline_fault_of,
    problem_of,
)
from graphql_schema.node import Node
from graphql_schema.paging import AFTER, FIRST, Connection, connection_of
from graphql_schema.registers import DEADLINES, VERSION, global_id
from graphql_schema.sizes import rows

NUMBER = "Số của bộ thời hạn. / The set's number."


@strawberry.type(description="Một quy tắc: bao lâu. / One rule: how long what may take.")
class DeadlineRule:
    code: str
    category_code: str | None = strawberry.field(description="Null: mọi lĩnh vực. / Null: every category.")
    urgency: Urgency | None = strawberry.field(description="Null: mọi mức. / Null: every urgency.")
    place_code: str = strawberry.field(
        description="Địa bàn và mọi nơi thuộc đó. / The place, and what lies below it."
    )
    calendar_code: str
    receive: WorkingLength = strawberry.field(description="Tiếp nhận. / Until it is received.")
    handle: WorkingLength = strawberry.field(description="Xử lý. / Until it is answered or closed.")
    wait: WorkingLength = strawberry.field(
        description="Chờ người dân, tối đa tổng cộng. / Waiting for the citizen, in all at most."
    )
    escalate: WorkingLength = strawberry.field(
        description="Quá hạn bao lâu thì báo thành phố. / How long after a missed deadline the city is told."
    )


@strawberry.type(description="Bộ thời hạn. / A set of rules of deadlines.")
class DeadlineRules(Node):
    number: int
    state: DeadlineRulesState
    from_day: date | None = strawberry.field(
        description="Áp dụng cho phản ánh gửi từ ngày này. / For reports that come in from this day on."
    )
    holds: bool = strawberry.field(description="Đang áp dụng hôm nay. / It holds today.")
    note: str
    rule_count: int
    version: int = strawberry.field(description=VERSION)
    created_at: datetime


@strawberry.type(description="Một nhóm trong kết quả chạy thử. / One group of a trial.")
class DeadlineTrialGroup:
    kind: DeadlineKind
    category_code: str
    urgency: Urgency
    clocks: int
    late_then: int
    late_now: int


@strawberry.type(
    description="Kết quả chạy thử: chỉ số lượng. / What a set would have made of past deadlines."
)
class DeadlineTrial:
    days: int
    clocks: int = strawberry.field(description="Mới nhất trước, tối đa 5000. / The latest, at most 5,000.")
    late_then: int = strawberry.field(description="Đã trễ hạn. / Were late.")
    late_now: int = strawberry.field(description="Sẽ trễ hạn. / Would have been late.")
    groups: list[DeadlineTrialGroup] = strawberry.field(
        description="50 nhóm đổi nhiều nhất. / The 50 groups that change most.", metadata=rows(50)
    )
    faults: list[DeadlineFault] = strawberry.field(
        description="20 chỗ thiếu hoặc sai đầu tiên. / The first 20 gaps or faults.", metadata=rows(20)
    )
    fault_count: int


TryDeadlineRulesResult = Annotated[
    DeadlineTrial | NotFound | Forbidden | InvalidInput, strawberry.union("TryDeadlineRulesResult")
]


def deadline_rules_of(rules: domain.RuleSet) -> DeadlineRules:
    """A set as the schema shows it."""
    return DeadlineRules(
        id=global_id(DEADLINES, str(rules.number)),
        number=rules.number,
        state=rules.state,
        from_day=rules.from_day,
        holds=rules.holds,
        note=rules.note,
        rule_count=rules.rules,
        version=rules.version,
        created_at=rules.created_at,
    )


def _rule_of(rule: domain.RuleText) -> DeadlineRule:
    return DeadlineRule(
        code=rule.code,
        category_code=rule.category,
        urgency=rule.urgency,
        place_code=rule.place,
        calendar_code=rule.calendar,
        receive=length_of(rule.receive),
        handle=length_of(rule.handle),
        wait=length_of(rule.wait),
        escalate=length_of(rule.escalate),
    )


def _trial_of(trial: domain.Trial, faults: tuple[domain.Fault, ...]) -> DeadlineTrial:
    groups = [
        DeadlineTrialGroup(
            kind=group.kind,
            category_code=group.category,
            urgency=group.urgency,
            clocks=group.clocks,
            late_then=group.late_then,
            late_now=group.late_now,
        )
        for group in trial.groups
    ]
    return DeadlineTrial(
        days=trial.days,
        clocks=trial.clocks,
        late_then=trial.late_then,
        late_now=trial.late_now,
        groups=groups,
        faults=[deadline_fault_of(fault) for fault in faults[:20]],
        fault_count=len(faults),
    )


@strawberry.type
class DeadlineRulesQuery:
    @strawberry.field(description="Các bộ thời hạn, mới trước. / Sets of rules, the newest first.")
    async def deadline_rule_sets(
        self,
        info: Info,
        first: Annotated[int, strawberry.argument(description=FIRST)] = DEFAULT_PAGE,
        after: Annotated[str | None, strawberry.argument(description=AFTER)] = None,
    ) -> Connection[DeadlineRules] | None:
        context = info.context
        async with context.parsing("deadline.rules"):
            official = context.official()
            count, position = context.named_page("deadlineRuleSets", first, after)
        before = None if position is None else position[1]
        found, more = await context.services.deadlines.rules.rule_sets(official, count, before)
        keys = [("", one.number) for one in found]
        return connection_of(context, "deadlineRuleSets", found, keys, more, after, deadline_rules_of)

    @strawberry.field(description="Các quy tắc của một bộ, theo mã. / Rules of a set, by code.")
    async def deadline_rules(
        self,
        info: Info,
        number: Annotated[int, strawberry.argument(description=NUMBER)],
        first: Annotated[int, strawberry.argument(description=FIRST)] = DEFAULT_PAGE,
        after: Annotated[str | None, strawberry.argument(description=AFTER)] = None,
    ) -> Connection[DeadlineRule] | None:
        context = info.context
        async with context.parsing("deadline.rules"):
            official = context.official()
            count, position = context.named_page("deadlineRules", first, after)
        start = None if position is None else position[0]
        found, more = await context.services.deadlines.rules.rules(official, number, count, start)
        keys = [(one.code, 0) for one in found]
        return connection_of(context, "deadlineRules", found, keys, more, after, _rule_of)

    @strawberry.field(
        description="Chạy thử trên thời hạn đã qua. / Tried on deadlines that were: numbers alone."
    )
    async def try_deadline_rules(
        self,
        info: Info,
        number: Annotated[int, strawberry.argument(description=NUMBER)],
        days: Annotated[int, strawberry.argument(description="1–90.")] = 30,
    ) -> TryDeadlineRulesResult:
        context = info.context
        try:
            async with context.parsing("deadline.try"):
                official = context.official()
            rules = context.services.deadlines.rules
            return _trial_of(await rules.trial(official, number, days), await rules.faults(official, number))
        except Refusal as refusal:
            problem: TryDeadlineRulesResult = problem_of(refusal, context.language, TryDeadlineRulesResult)
            return problem
