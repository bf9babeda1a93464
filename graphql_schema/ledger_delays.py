"""Delays of entries of the access ledger: ordered by one operator of the city, confirmed by another."""

from collections.abc import Awaitable, Callable
from datetime import datetime, timedelta
from typing import Annotated, Any

import strawberry

from backend.ledger import errors, types
from foundation.errors import Refusal
from foundation.idempotency import Idempotency
from foundation.identity.principal import OfficialPrincipal
from graphql_schema.access import public, step_up
from graphql_schema.context import DEFAULT_PAGE, GraphQLContext, Info
from graphql_schema.errors import (
    PROBLEMS,
    Forbidden,
    IdempotencyMismatch,
    InvalidInput,
    NotFound,
    Problem,
    plain,
    problem_of,
)
from graphql_schema.paging import AFTER, FIRST, Connection, connection_of
from graphql_schema.report_changes import IDEMPOTENCY_KEY
from graphql_schema.reports import CODE
from graphql_schema.sizes import rows
from graphql_schema.tenancy import UnitSummary, summary_of

FRESH = timedelta(minutes=15)
RULES = 5
DELAY = "Mã lệnh hoãn. / The delay's code."
Change = Callable[[OfficialPrincipal, Idempotency], Awaitable[types.DelayChanged]]

strawberry.enum(
    types.DelayState,
    name="LedgerDelayState",
    description="Chờ xác nhận, hiệu lực, đã dừng, hết hạn. / "
    "Waiting for a second person, in force, lifted, over.",
)


@strawberry.type(description="Cần người thứ hai. / Who ordered it does not confirm it.")
class SecondOperatorNeeded(Problem):
    pass


@strawberry.type(description="Là đơn vị của chính mình. / It is one's own unit.")
class OwnUnit(Problem):
    pass


@strawberry.type(description="Đã xác nhận, dừng hoặc hết hạn. / Confirmed, lifted or over already.")
class DelayOver(Problem):
    pass


PROBLEMS |= {
    errors.SecondOperatorNeeded: (SecondOperatorNeeded, plain(SecondOperatorNeeded)),
    errors.OwnUnit: (OwnUnit, plain(OwnUnit)),
    errors.DelayOver: (DelayOver, plain(DelayOver)),
}


@strawberry.type(description="Căn cứ để hiện muộn. / By which law entries may be shown late.")
class LedgerDelayRule:
    code: str
    name: str
    basis: str
    most_days: int = strawberry.field(description="Nhiều nhất bao nhiêu ngày. / How many days at most.")


@strawberry.type(
    description="Lệnh hoãn hiển thị. / An order: what a unit opens of a report is shown afterwards."
)
class LedgerDelay:
    code: str
    report_code: str
    unit: UnitSummary
    rule: str
    case_number: str
    state: types.DelayState
    ordered_by: str
    ordered_at: datetime
    until: datetime
    confirmed_by: str | None


@strawberry.input(description="Hoãn hiển thị việc một đơn vị mở phản ánh. / Show later what a unit opens.")
class OrderLedgerDelayInput:
    code: str = strawberry.field(description=CODE)
    unit: str = strawberry.field(
        description="Mã đơn vị mở phản ánh. / The unit that opens it; not one's own."
    )
    rule: str = strawberry.field(description="Mã căn cứ. / A code of `ledgerDelayRules`.")
    days: int = strawberry.field(description="Số ngày kể từ bây giờ. / From now.")
    case_number: str = strawberry.field(description="Số văn bản, như 12/TT-P3. / Number of the document.")
    idempotency_key: str = strawberry.field(description=IDEMPOTENCY_KEY)


@strawberry.input(description="Xác nhận hoặc dừng một lệnh hoãn. / Confirm or lift a delay.")
class ChangeLedgerDelayInput:
    delay: str = strawberry.field(description=DELAY)
    idempotency_key: str = strawberry.field(description=IDEMPOTENCY_KEY)


@strawberry.type(description="Đã thực hiện. / Done.")
class LedgerDelayChanged:
    delay: str = strawberry.field(description=DELAY)
    state: types.DelayState


OrderLedgerDelayPayload = Annotated[
    LedgerDelayChanged | NotFound | Forbidden | InvalidInput | OwnUnit | IdempotencyMismatch,
    strawberry.union("OrderLedgerDelayPayload"),
]
ConfirmLedgerDelayPayload = Annotated[
    LedgerDelayChanged
    | NotFound
    | Forbidden
    | InvalidInput
    | SecondOperatorNeeded
    | OwnUnit
    | DelayOver
    | IdempotencyMismatch,
    strawberry.union("ConfirmLedgerDelayPayload"),
]
LiftLedgerDelayPayload = Annotated[
    LedgerDelayChanged | NotFound | Forbidden | InvalidInput | DelayOver | IdempotencyMismatch,
    strawberry.union("LiftLedgerDelayPayload"),
]


async def _changed(context: GraphQLContext, action: str, key: str, payload: object, change: Change) -> Any:
    try:
        async with context.parsing(action):
            official, idempotency = context.official(), context.idempotency(key)
        done = await change(official, idempotency)
    except Refusal as refusal:
        return problem_of(refusal, context.language, payload)
    return LedgerDelayChanged(delay=done.code, state=done.state)


@strawberry.type
class LedgerDelayQuery:
    @strawberry.field(
        description="Các căn cứ để hiện muộn. / By which laws entries may be shown late.",
        metadata={**public(), **rows(RULES)},
    )
    async def ledger_delay_rules(self, info: Info) -> list[LedgerDelayRule] | None:
        context = info.context
        return [
            LedgerDelayRule(
                code=rule.code,
                name=rule.name_vi if context.language == "vi" else rule.name_en,
                basis=rule.basis,
                most_days=rule.most_days,
            )
            for rule in await context.services.ledger_delays.rules(context.principal)
        ]

    @strawberry.field(
        description="Các lệnh hoãn, mới trước; cho trực điều hành thành phố. / "
        "Delays, the newest first; for the city's operators.",
        metadata=step_up("aal2"),
    )
    async def ledger_delays(
        self,
        info: Info,
        first: Annotated[int, strawberry.argument(description=FIRST)] = DEFAULT_PAGE,
        after: Annotated[str | None, strawberry.argument(description=AFTER)] = None,
    ) -> Connection[LedgerDelay] | None:
        context = info.context
        async with context.parsing("ledger.read_delays"):
            official, page = context.official(), context.page("ledgerDelays", first, after)
        found = await context.services.ledger_delays.listed(official, page)
        return connection_of(
            context, "ledgerDelays", found.items, found.positions, found.has_next, after, _delay_of
        )


def _delay_of(delay: types.Delay) -> LedgerDelay:
    return LedgerDelay(
        code=delay.code,
        report_code=delay.report,
        unit=summary_of(delay.unit),
        rule=delay.rule,
        case_number=delay.case_number,
        state=delay.state,
        ordered_by=delay.ordered_by,
        ordered_at=delay.ordered_at,
        until=delay.until,
        confirmed_by=delay.confirmed_by,
    )


@strawberry.type
class LedgerDelayMutation:
    @strawberry.mutation(
        description="Ra lệnh hoãn; có hiệu lực khi người thứ hai xác nhận. / "
        "Order a delay; it is in force once a second operator has confirmed it.",
        metadata=step_up("aal2", FRESH),
    )
    async def order_ledger_delay(self, info: Info, input: OrderLedgerDelayInput) -> OrderLedgerDelayPayload:
        delays = info.context.services.ledger_delays
        payload: OrderLedgerDelayPayload = await _changed(
            info.context,
            "ledger.order_delay",
            input.idempotency_key,
            OrderLedgerDelayPayload,
            lambda who, key: delays.order(
                who, input.code, input.unit, input.rule, input.days, input.case_number, key
            ),
        )
        return payload

    @strawberry.mutation(
        description="Xác nhận lệnh hoãn của người khác. / Confirm what another operator ordered.",
        metadata=step_up("aal2", FRESH),
    )
    async def confirm_ledger_delay(
        self, info: Info, input: ChangeLedgerDelayInput
    ) -> ConfirmLedgerDelayPayload:
        delays = info.context.services.ledger_delays
        payload: ConfirmLedgerDelayPayload = await _changed(
            info.context,
            "ledger.confirm_delay",
            input.idempotency_key,
            ConfirmLedgerDelayPayload,
            lambda who, key: delays.confirm(who, input.delay, key),
        )
        return payload

    @strawberry.mutation(
        description="Dừng lệnh hoãn trước hạn. / Lift a delay before its time; one person is enough.",
        metadata=step_up("aal2"),
    )
    async def lift_ledger_delay(self, info: Info, input: ChangeLedgerDelayInput) -> LiftLedgerDelayPayload:
        delays = info.context.services.ledger_delays
        payload: LiftLedgerDelayPayload = await _changed(
            info.context,
            "ledger.lift_delay",
            input.idempotency_key,
            LiftLedgerDelayPayload,
            lambda who, key: delays.lift(who, input.delay, key),
        )
        return payload
