"""Supporting units of a report: asked for a part of the work, which they do, or which is set aside."""

from typing import Annotated

import strawberry

from graphql_schema.context import Info
from graphql_schema.errors import (
    Forbidden,
    IdempotencyMismatch,
    InvalidInput,
    NotFound,
    SameUnit,
    UnknownUnit,
)
from graphql_schema.merging_problems import ReportMerged
from graphql_schema.report_changes import IDEMPOTENCY_KEY
from graphql_schema.reports import CODE
from graphql_schema.work_changes import WorkChanged, worked
from graphql_schema.work_problems import AlreadySupporting, ReportClosed, TooManyParts, WrongPartState

UNIT = "Mã đơn vị phối hợp. / Code of the supporting unit."


@strawberry.input(description="Nhờ một đơn vị phối hợp. / Ask another unit for a part.")
class AddSupportingUnitInput:
    code: str = strawberry.field(description=CODE)
    unit: str = strawberry.field(description=UNIT)
    task: str = strawberry.field(description="Việc cần làm, 1–4000 ký tự. / What is asked for.")
    idempotency_key: str = strawberry.field(description=IDEMPOTENCY_KEY)


@strawberry.input(description="Bỏ phần việc không cần nữa. / A part is not needed.")
class RemoveSupportingUnitInput:
    code: str = strawberry.field(description=CODE)
    unit: str = strawberry.field(description=UNIT)
    reason: str = strawberry.field(description="Lý do, 1–4000 ký tự. / Why.")
    idempotency_key: str = strawberry.field(description=IDEMPOTENCY_KEY)


@strawberry.input(description="Gác lại phần việc chưa xong để đóng phản ánh. / Close without this part.")
class SetPartAsideInput:
    code: str = strawberry.field(description=CODE)
    unit: str = strawberry.field(description=UNIT)
    reason: str = strawberry.field(description="Lý do, 1–4000 ký tự. / Why.")
    idempotency_key: str = strawberry.field(description=IDEMPOTENCY_KEY)


@strawberry.input(description="Đơn vị phối hợp đã xong phần việc. / The supporting unit has done its part.")
class FinishPartInput:
    code: str = strawberry.field(description=CODE)
    unit: str = strawberry.field(description=UNIT)
    result: str = strawberry.field(description="Kết quả, 1–4000 ký tự. / What was done.")
    idempotency_key: str = strawberry.field(description=IDEMPOTENCY_KEY)


AddSupportingUnitPayload = Annotated[
    WorkChanged
    | NotFound
    | Forbidden
    | InvalidInput
    | ReportClosed
    | UnknownUnit
    | SameUnit
    | AlreadySupporting
    | TooManyParts
    | ReportMerged
    | IdempotencyMismatch,
    strawberry.union("AddSupportingUnitPayload"),
]
RemoveSupportingUnitPayload = Annotated[
    WorkChanged
    | NotFound
    | Forbidden
    | InvalidInput
    | ReportClosed
    | UnknownUnit
    | WrongPartState
    | ReportMerged
    | IdempotencyMismatch,
    strawberry.union("RemoveSupportingUnitPayload"),
]
SetPartAsidePayload = Annotated[
    WorkChanged
    | NotFound
    | Forbidden
    | InvalidInput
    | ReportClosed
    | UnknownUnit
    | WrongPartState
    | ReportMerged
    | IdempotencyMismatch,
    strawberry.union("SetPartAsidePayload"),
]
FinishPartPayload = Annotated[
    WorkChanged
    | NotFound
    | Forbidden
    | InvalidInput
    | ReportClosed
    | UnknownUnit
    | WrongPartState
    | ReportMerged
    | IdempotencyMismatch,
    strawberry.union("FinishPartPayload"),
]


@strawberry.type
class PartMutation:
    @strawberry.mutation(description="Nhờ một đơn vị phối hợp. / Ask another unit for a part.")
    async def add_supporting_unit(
        self, info: Info, input: AddSupportingUnitInput
    ) -> AddSupportingUnitPayload:
        parts = info.context.services.work.parts
        payload: AddSupportingUnitPayload = await worked(
            info.context,
            "part.add",
            input.code,
            input.idempotency_key,
            AddSupportingUnitPayload,
            lambda who, code, key: parts.add(who, code, input.unit, input.task, key),
        )
        return payload

    @strawberry.mutation(description="Bỏ phần việc không cần nữa. / A part is not needed.")
    async def remove_supporting_unit(
        self, info: Info, input: RemoveSupportingUnitInput
    ) -> RemoveSupportingUnitPayload:
        parts = info.context.services.work.parts
        payload: RemoveSupportingUnitPayload = await worked(
            info.context,
            "part.remove",
            input.code,
            input.idempotency_key,
            RemoveSupportingUnitPayload,
            lambda who, code, key: parts.remove(who, code, input.unit, input.reason, key),
        )
        return payload

    @strawberry.mutation(
        description="Gác lại phần việc chưa xong để đóng phản ánh. / Close without this part."
    )
    async def set_part_aside(self, info: Info, input: SetPartAsideInput) -> SetPartAsidePayload:
        parts = info.context.services.work.parts
        payload: SetPartAsidePayload = await worked(
            info.context,
            "part.set_aside",
            input.code,
            input.idempotency_key,
            SetPartAsidePayload,
            lambda who, code, key: parts.set_aside(who, code, input.unit, input.reason, key),
        )
        return payload

    @strawberry.mutation(
        description="Đơn vị phối hợp đã xong phần việc. / The supporting unit has done its part."
    )
    async def finish_part(self, info: Info, input: FinishPartInput) -> FinishPartPayload:
        parts = info.context.services.work.parts
        payload: FinishPartPayload = await worked(
            info.context,
            "part.finish",
            input.code,
            input.idempotency_key,
            FinishPartPayload,
            lambda who, code, key: parts.finish(who, code, input.unit, input.result, key),
        )
        return payload
