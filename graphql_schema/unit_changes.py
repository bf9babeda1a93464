"""What administrators do to units: made, renamed, moved, ended."""

from enum import StrEnum
from typing import Annotated

import strawberry

from backend.administration.types import Done
from backend.tenancy import types as domain
from graphql_schema.context import GraphQLContext, Info
from graphql_schema.errors import (
    AlreadyEnded,
    CodeTaken,
    Forbidden,
    IdempotencyMismatch,
    IncompleteRules,
    InvalidInput,
    NotFound,
    UnitCycle,
    UnitInUse,
    VersionConflict,
    WrongParent,
    WrongSuccessor,
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
from graphql_schema.tenancy import Unit, unit_of

CODE = "Năm chữ số (phường, xã), hoặc D và bốn chữ số. / Five digits (wards, communes), or D and four digits."
NAME = "1–200 ký tự. / 1–200 characters."


@strawberry.enum(description="Loại đơn vị được tạo. / What can be made.")
class NewUnitKind(StrEnum):
    DEPARTMENT = "department"
    WARD = "ward"
    COMMUNE = "commune"


@strawberry.input(description="Đơn vị mới. / A new unit.")
class CreateUnitInput:
    code: str = strawberry.field(description=CODE)
    name: str = strawberry.field(description=NAME)
    kind: NewUnitKind
    parent_code: str
    idempotency_key: str = idempotency_key()


@strawberry.input(description="Đổi tên. / Another name.")
class RenameUnitInput:
    code: str
    expected_version: int = expected_version()
    name: str = strawberry.field(description=NAME)
    idempotency_key: str = idempotency_key()


@strawberry.input(description="Chuyển sang trực thuộc đơn vị khác. / Below another unit.")
class MoveUnitInput:
    code: str
    expected_version: int = expected_version()
    parent_code: str
    idempotency_key: str = idempotency_key()


@strawberry.input(description="Kết thúc, có thể nhập vào đơn vị khác. / End it, or merge it into another.")
class EndUnitInput:
    code: str
    expected_version: int = expected_version()
    successor_code: str | None = strawberry.field(
        default=None,
        description="Đơn vị kế thừa: nhận phản ánh, quy tắc, cấp dưới. / Gets its reports, rules, units.",
    )
    idempotency_key: str = idempotency_key()


@strawberry.type(description="Đã thực hiện. / Done.")
class UnitChanged:
    code: str
    version: int = strawberry.field(description=VERSION)
    unit: Unit | None


CreateUnitPayload = Annotated[
    UnitChanged | Forbidden | InvalidInput | CodeTaken | WrongParent | IncompleteRules | IdempotencyMismatch,
    strawberry.union("CreateUnitPayload"),
]
RenameUnitPayload = Annotated[
    UnitChanged | NotFound | Forbidden | InvalidInput | VersionConflict | AlreadyEnded | IdempotencyMismatch,
    strawberry.union("RenameUnitPayload"),
]
MoveUnitPayload = Annotated[
    UnitChanged
    | NotFound
    | Forbidden
    | InvalidInput
    | VersionConflict
    | AlreadyEnded
    | WrongParent
    | UnitCycle
    | IncompleteRules
    | IdempotencyMismatch,
    strawberry.union("MoveUnitPayload"),
]
EndUnitPayload = Annotated[
    UnitChanged
    | NotFound
    | Forbidden
    | InvalidInput
    | VersionConflict
    | AlreadyEnded
    | UnitInUse
    | WrongSuccessor
    | IdempotencyMismatch,
    strawberry.union("EndUnitPayload"),
]


def _done(done: Done, unit: domain.Unit | None) -> UnitChanged:
    return UnitChanged(code=done.code, version=done.version, unit=None if unit is None else unit_of(unit))


async def _read(context: GraphQLContext, done: Done) -> domain.Unit:
    return await context.services.units.unit(context.principal, done.code)


@strawberry.type
class UnitMutation:
    @strawberry.mutation(description="Tạo đơn vị. / A new unit.", metadata=CHANGING)
    async def create_unit(self, info: Info, input: CreateUnitInput) -> CreateUnitPayload:
        context = info.context
        new = domain.NewUnit(input.code, input.name, input.kind.value, input.parent_code)
        asked = Asked(action="unit.create", key=input.idempotency_key, payload=CreateUnitPayload)
        payload: CreateUnitPayload = await changed(
            context,
            asked,
            lambda who, key: context.services.registers.units.create(who, new, key),
            lambda done: _read(context, done),
            _done,
        )
        return payload

    @strawberry.mutation(description="Đổi tên đơn vị. / Another name.", metadata=CHANGING)
    async def rename_unit(self, info: Info, input: RenameUnitInput) -> RenameUnitPayload:
        context = info.context
        asked = Asked(action="unit.rename", key=input.idempotency_key, payload=RenameUnitPayload)
        payload: RenameUnitPayload = await changed(
            context,
            asked,
            lambda who, key: context.services.registers.units.rename(
                who, input.code, input.expected_version, input.name, key
            ),
            lambda done: _read(context, done),
            _done,
        )
        return payload

    @strawberry.mutation(description="Chuyển cấp trên. / Below another unit.", metadata=REACHING_FAR)
    async def move_unit(self, info: Info, input: MoveUnitInput) -> MoveUnitPayload:
        context = info.context
        asked = Asked(action="unit.move", key=input.idempotency_key, payload=MoveUnitPayload)
        payload: MoveUnitPayload = await changed(
            context,
            asked,
            lambda who, key: context.services.registers.units.move(
                who, input.code, input.expected_version, input.parent_code, key
            ),
            lambda done: _read(context, done),
            _done,
        )
        return payload

    @strawberry.mutation(
        description="Kết thúc hoặc nhập vào đơn vị khác. / End it or merge it.", metadata=REACHING_FAR
    )
    async def end_unit(self, info: Info, input: EndUnitInput) -> EndUnitPayload:
        context = info.context
        asked = Asked(action="unit.end", key=input.idempotency_key, payload=EndUnitPayload)
        payload: EndUnitPayload = await changed(
            context,
            asked,
            lambda who, key: context.services.registers.units.end(
                who, input.code, input.expected_version, input.successor_code, key
            ),
            lambda done: _read(context, done),
            _done,
        )
        return payload
