"""What administrators do to sets of routing rules: draft, change, put in force, give up."""

from datetime import date
from typing import Annotated

import strawberry

from backend.administration.types import Done
from backend.routing import types as domain
from graphql_schema.context import GraphQLContext, Info
from graphql_schema.errors import (
    DoubleRule,
    Forbidden,
    IdempotencyMismatch,
    IncompleteRules,
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
from graphql_schema.routing_rules import NUMBER, RoutingRules, rule_set_of


@strawberry.input(description="Bản nháp mới. / A new draft.")
class DraftRoutingRulesInput:
    copy_of: int | None = strawberry.field(
        default=None,
        description="Sao chép bộ nào; null: bộ đang áp dụng. / Null: a copy of what holds today.",
    )
    note: str = strawberry.field(description="Vì sao, 1–300 ký tự. / Why, 1–300 characters.")
    idempotency_key: str = idempotency_key()


@strawberry.input(description="Một quy tắc, theo mã. / A rule, by its code.")
class RoutingRuleInput:
    code: str = strawberry.field(
        description="2–60 chữ thường, số, gạch. / 2–60 lower-case letters, digits, dashes."
    )
    category_code: str | None = None
    place_code: str = strawberry.field(
        description="Thành phố, phường hoặc xã. / The city, a ward or a commune."
    )
    target_code: str | None = None
    supporting_codes: list[str] = strawberry.field(default_factory=list)


@strawberry.input(description="Sửa bản nháp. / Rules put into a draft and taken out.")
class ChangeRoutingRulesInput:
    number: int = strawberry.field(description=NUMBER)
    expected_version: int = expected_version()
    put: list[RoutingRuleInput] = strawberry.field(default_factory=list, description="Tối đa 100. / At most.")
    remove: list[str] = strawberry.field(
        default_factory=list, description="Mã, tối đa 100. / Codes, at most."
    )
    idempotency_key: str = idempotency_key()


@strawberry.input(description="Áp dụng từ một ngày. / Have a draft hold from a day.")
class ActivateRoutingRulesInput:
    number: int = strawberry.field(description=NUMBER)
    expected_version: int = expected_version()
    from_day: date = strawberry.field(description="Hôm nay hoặc sau đó. / Today or later.")
    idempotency_key: str = idempotency_key()


@strawberry.input(description="Bỏ bản nháp, hoặc bộ chưa áp dụng. / Give up what does not hold yet.")
class DiscardRoutingRulesInput:
    number: int = strawberry.field(description=NUMBER)
    expected_version: int = expected_version()
    idempotency_key: str = idempotency_key()


@strawberry.type(description="Đã thực hiện. / Done.")
class RoutingRulesChanged:
    number: int
    version: int = strawberry.field(description=VERSION)
    rules: RoutingRules | None


DraftRoutingRulesPayload = Annotated[
    RoutingRulesChanged | NotFound | Forbidden | InvalidInput | IdempotencyMismatch,
    strawberry.union("DraftRoutingRulesPayload"),
]
ChangeRoutingRulesPayload = Annotated[
    RoutingRulesChanged
    | NotFound
    | Forbidden
    | InvalidInput
    | VersionConflict
    | NotADraft
    | DoubleRule
    | IdempotencyMismatch,
    strawberry.union("ChangeRoutingRulesPayload"),
]
ActivateRoutingRulesPayload = Annotated[
    RoutingRulesChanged
    | NotFound
    | Forbidden
    | InvalidInput
    | VersionConflict
    | NotADraft
    | IncompleteRules
    | IdempotencyMismatch,
    strawberry.union("ActivateRoutingRulesPayload"),
]
DiscardRoutingRulesPayload = Annotated[
    RoutingRulesChanged
    | NotFound
    | Forbidden
    | InvalidInput
    | VersionConflict
    | NotADraft
    | IdempotencyMismatch,
    strawberry.union("DiscardRoutingRulesPayload"),
]


async def _read(context: GraphQLContext, done: Done) -> RoutingRules:
    rules = context.services.registers.rules
    return rule_set_of(await rules.rule_set(context.official(), int(done.code)))


def _done(done: Done, rules: RoutingRules | None) -> RoutingRulesChanged:
    return RoutingRulesChanged(number=int(done.code), version=done.version, rules=rules)


def _text_of(rule: RoutingRuleInput) -> domain.RuleText:
    return domain.RuleText(
        rule.code, rule.category_code, rule.place_code, rule.target_code, tuple(rule.supporting_codes)
    )


@strawberry.type
class RoutingRulesMutation:
    @strawberry.mutation(description="Tạo bản nháp. / A draft.", metadata=CHANGING)
    async def draft_routing_rules(
        self, info: Info, input: DraftRoutingRulesInput
    ) -> DraftRoutingRulesPayload:
        context = info.context
        asked = Asked(action="routing.draft", key=input.idempotency_key, payload=DraftRoutingRulesPayload)
        payload: DraftRoutingRulesPayload = await changed(
            context,
            asked,
            lambda who, key: context.services.registers.rule_changes.draft(
                who, input.copy_of, input.note, key
            ),
            lambda done: _read(context, done),
            _done,
        )
        return payload

    @strawberry.mutation(description="Sửa bản nháp. / Change a draft.", metadata=CHANGING)
    async def change_routing_rules(
        self, info: Info, input: ChangeRoutingRulesInput
    ) -> ChangeRoutingRulesPayload:
        context = info.context
        asked = Asked(action="routing.change", key=input.idempotency_key, payload=ChangeRoutingRulesPayload)
        put = [_text_of(rule) for rule in input.put]
        payload: ChangeRoutingRulesPayload = await changed(
            context,
            asked,
            lambda who, key: context.services.registers.rule_changes.change(
                who, input.number, input.expected_version, put, input.remove, key
            ),
            lambda done: _read(context, done),
            _done,
        )
        return payload

    @strawberry.mutation(description="Áp dụng từ một ngày. / It holds from a day.", metadata=REACHING_FAR)
    async def activate_routing_rules(
        self, info: Info, input: ActivateRoutingRulesInput
    ) -> ActivateRoutingRulesPayload:
        context = info.context
        asked = Asked(
            action="routing.activate", key=input.idempotency_key, payload=ActivateRoutingRulesPayload
        )
        payload: ActivateRoutingRulesPayload = await changed(
            context,
            asked,
            lambda who, key: context.services.registers.rule_changes.activate(
                who, input.number, input.expected_version, input.from_day, key
            ),
            lambda done: _read(context, done),
            _done,
        )
        return payload

    @strawberry.mutation(description="Bỏ. / Give it up.", metadata=CHANGING)
    async def discard_routing_rules(
        self, info: Info, input: DiscardRoutingRulesInput
    ) -> DiscardRoutingRulesPayload:
        context = info.context
        asked = Asked(action="routing.discard", key=input.idempotency_key, payload=DiscardRoutingRulesPayload)
        payload: DiscardRoutingRulesPayload = await changed(
            context,
            asked,
            lambda who, key: context.services.registers.rule_changes.discard(
                who, input.number, input.expected_version, key
            ),
            lambda done: _read(context, done),
            _done,
        )
        return payload
