"""What administrators do to sets of rules of deadlines: draft, change, put in force, give up."""

from datetime import date
from typing import Annotated

import strawberry

from backend.administration.types import Done
from backend.deadlines import types as domain
from graphql_schema.context import GraphQLContext, Info
from graphql_schema.deadline_rules import NUMBER, DeadlineRules, deadline_rules_of
from graphql_schema.enums import LengthUnit, Urgency
from graphql_schema.errors import (
    DoubleRule,
    Forbidden,
    IdempotencyMismatch,
    IncompleteDeadlines,
    InvalidInput,
    NotADraft,
    NotFound,
    VersionConflict,
)
from graphql_schema.registers import (
    CHANGING,
    REACHING_FAR,
    VERSION,
    Asked,
    changed,
    expected_version,
    idempotency_key,
)


@strawberry.input(description="Độ dài thời gian làm việc. / 1–999 working hours or 1–365 working days.")
class WorkingLengthInput:
    amount: int
    unit: LengthUnit


@strawberry.input(description="Bản nháp mới. / A new draft.")
class DraftDeadlineRulesInput:
    copy_of: int | None = strawberry.field(
        default=None,
        description="Sao chép bộ nào; null: bộ đang áp dụng. / Null: a copy of what holds today.",
    )
    note: str = strawberry.field(description="Vì sao, 1–300 ký tự. / Why, 1–300 characters.")
    idempotency_key: str = idempotency_key()


@strawberry.input(description="Một quy tắc, theo mã. / A rule, by its code.")
class DeadlineRuleInput:
    code: str = strawberry.field(
        description="2–60 chữ thường, số, gạch. / 2–60 lower-case letters, digits, dashes."
    )
    category_code: str | None = None
    urgency: Urgency | None = None
    place_code: str = strawberry.field(
        description="Thành phố, phường hoặc xã. / The city, a ward or a commune."
    )
    calendar_code: str
    receive: WorkingLengthInput
    handle: WorkingLengthInput
    wait: WorkingLengthInput
    escalate: WorkingLengthInput


@strawberry.input(description="Sửa bản nháp. / Rules put into a draft and taken out.")
class ChangeDeadlineRulesInput:
    number: int = strawberry.field(description=NUMBER)
    expected_version: int = expected_version()
    put: list[DeadlineRuleInput] = strawberry.field(
        default_factory=list, description="Tối đa 100. / At most 100."
    )
    remove: list[str] = strawberry.field(default_factory=list, description="Mã quy tắc. / Codes of rules.")
    idempotency_key: str = idempotency_key()


@strawberry.input(description="Áp dụng từ một ngày. / It holds for reports from a day on.")
class ActivateDeadlineRulesInput:
    number: int = strawberry.field(description=NUMBER)
    expected_version: int = expected_version()
    from_day: date = strawberry.field(description="Hôm nay hoặc sau đó. / Today or later.")
    idempotency_key: str = idempotency_key()


@strawberry.input(description="Bỏ bản nháp, hoặc bộ chưa áp dụng. / Give up what does not hold yet.")
class DiscardDeadlineRulesInput:
    number: int = strawberry.field(description=NUMBER)
    expected_version: int = expected_version()
    idempotency_key: str = idempotency_key()


@strawberry.type(description="Đã thực hiện. / Done.")
class DeadlineRulesChanged:
    number: int
    version: int = strawberry.field(description=VERSION)
    rules: DeadlineRules | None


DraftDeadlineRulesPayload = Annotated[
    DeadlineRulesChanged | NotFound | Forbidden | InvalidInput | IdempotencyMismatch,
    strawberry.union("DraftDeadlineRulesPayload"),
]
ChangeDeadlineRulesPayload = Annotated[
    DeadlineRulesChanged
    | NotFound
    | Forbidden
    | InvalidInput
    | VersionConflict
    | NotADraft
    | DoubleRule
    | IdempotencyMismatch,
    strawberry.union("ChangeDeadlineRulesPayload"),
]
ActivateDeadlineRulesPayload = Annotated[
    DeadlineRulesChanged
    | NotFound
    | Forbidden
    | InvalidInput
    | VersionConflict
    | NotADraft
    | IncompleteDeadlines
    | IdempotencyMismatch,
    strawberry.union("ActivateDeadlineRulesPayload"),
]
DiscardDeadlineRulesPayload = Annotated[
    DeadlineRulesChanged
    | NotFound
    | Forbidden
    | InvalidInput
    | VersionConflict
    | NotADraft
    | IdempotencyMismatch,
    strawberry.union("DiscardDeadlineRulesPayload"),
]


async def _read(context: GraphQLContext, done: Done) -> DeadlineRules:
    rules = context.services.deadlines.rules
    return deadline_rules_of(await rules.rule_set(context.official(), int(done.code)))


def _done(done: Done, rules: DeadlineRules | None) -> DeadlineRulesChanged:
    return DeadlineRulesChanged(number=int(done.code), version=done.version, rules=rules)


def _length(given: WorkingLengthInput) -> domain.Length:
    return domain.Length(given.amount, domain.LengthUnit(given.unit))


def _text_of(rule: DeadlineRuleInput) -> domain.RuleText:
    return domain.RuleText(
        code=rule.code,
        category=rule.category_code,
        urgency=rule.urgency,
        place=rule.place_code,
        calendar=rule.calendar_code,
        receive=_length(rule.receive),
        handle=_length(rule.handle),
        wait=_length(rule.wait),
        escalate=_length(rule.escalate),
    )


@strawberry.type
class DeadlineRulesMutation:
    @strawberry.mutation(description="Tạo bản nháp. / A draft.", metadata=CHANGING)
    async def draft_deadline_rules(
        self, info: Info, input: DraftDeadlineRulesInput
    ) -> DraftDeadlineRulesPayload:
        context = info.context
        asked = Asked(action="deadline.draft", key=input.idempotency_key, payload=DraftDeadlineRulesPayload)
        payload: DraftDeadlineRulesPayload = await changed(
            context,
            asked,
            lambda who, key: context.services.deadlines.rule_changes.draft(
                who, input.copy_of, input.note, key
            ),
            lambda done: _read(context, done),
            _done,
        )
        return payload

    @strawberry.mutation(description="Sửa bản nháp. / Change a draft.", metadata=CHANGING)
    async def change_deadline_rules(
        self, info: Info, input: ChangeDeadlineRulesInput
    ) -> ChangeDeadlineRulesPayload:
        context = info.context
        asked = Asked(action="deadline.change", key=input.idempotency_key, payload=ChangeDeadlineRulesPayload)
        put = [_text_of(rule) for rule in input.put]
        payload: ChangeDeadlineRulesPayload = await changed(
            context,
            asked,
            lambda who, key: context.services.deadlines.rule_changes.change(
                who, input.number, input.expected_version, put, input.remove, key
            ),
            lambda done: _read(context, done),
            _done,
        )
        return payload

    @strawberry.mutation(description="Áp dụng từ một ngày. / It holds from a day.", metadata=REACHING_FAR)
    async def activate_deadline_rules(
        self, info: Info, input: ActivateDeadlineRulesInput
    ) -> ActivateDeadlineRulesPayload:
        context = info.context
        asked = Asked(
            action="deadline.activate", key=input.idempotency_key, payload=ActivateDeadlineRulesPayload
        )
        payload: ActivateDeadlineRulesPayload = await changed(
            context,
            asked,
            lambda who, key: context.services.deadlines.rule_changes.activate(
                who, input.number, input.expected_version, input.from_day, key
            ),
            lambda done: _read(context, done),
            _done,
        )
        return payload

    @strawberry.mutation(description="Bỏ. / Give it up.", metadata=CHANGING)
    async def discard_deadline_rules(
        self, info: Info, input: DiscardDeadlineRulesInput
    ) -> DiscardDeadlineRulesPayload:
        context = info.context
        asked = Asked(
            action="deadline.discard", key=input.idempotency_key, payload=DiscardDeadlineRulesPayload
        )
        payload: DiscardDeadlineRulesPayload = await changed(
            context,
            asked,
            lambda who, key: context.services.deadlines.rule_changes.discard(
                who, input.number, input.expected_version, key
            ),
            lambda done: _read(context, done),
            _done,
        )
        return payload
