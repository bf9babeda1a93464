"""Units (đơn vị): the city, its departments, wards and communes, and Party bodies."""

from datetime import date
from enum import StrEnum
from typing import Annotated

import strawberry

from backend.reports.types import UnitRef
from backend.tenancy import types as domain
from foundation.ids import GlobalIds
from graphql_schema.access import public
from graphql_schema.context import DEFAULT_PAGE, Info
from graphql_schema.node import Node
from graphql_schema.paging import AFTER, FIRST, Connection, connection_of

ENDED = "Cả những mục đã kết thúc. / Those that are no more, too."


@strawberry.enum(description="Loại đơn vị. / What a unit is.")
class UnitKind(StrEnum):
    CITY = "city"
    DEPARTMENT = "department"
    WARD = "ward"
    COMMUNE = "commune"
    PARTY = "party"


@strawberry.type(description="Mã và tên của một đơn vị. / Code and name of a unit.")
class UnitSummary:
    code: str = strawberry.field(
        description="Năm chữ số, hoặc C, D, P và bốn chữ số. / Five digits, or C, D, P and four digits."
    )
    name: str


@strawberry.type(description="Đơn vị. / A unit.")
class Unit(Node):
    code: str
    name: str
    kind: UnitKind
    parent_code: str | None = strawberry.field(description="Đơn vị cấp trên. / The unit above.")
    ended_on: date | None = strawberry.field(description="Ngày kết thúc. / The day from which it is no more.")
    successor_code: str | None = strawberry.field(
        description="Đơn vị kế thừa. / The unit that it became part of."
    )
    version: int = strawberry.field(description="Gửi lại làm expectedVersion. / Send it back.")


def summary_of(unit: UnitRef | domain.Unit) -> UnitSummary:
    """Code and name."""
    return UnitSummary(code=unit.code, name=unit.name)


def unit_of(unit: domain.Unit) -> Unit:
    """A unit as the schema shows it."""
    return Unit(
        id=strawberry.ID(GlobalIds.of_code("Unit", unit.code)),
        code=unit.code,
        name=unit.name,
        kind=UnitKind(unit.kind),
        parent_code=unit.parent_code,
        ended_on=unit.ended_on,
        successor_code=unit.successor_code,
        version=unit.version,
    )


@strawberry.type
class TenancyQuery:
    @strawberry.field(
        description="Các đơn vị theo thứ tự bảng chữ cái. / Units in alphabetical order. Public.",
        metadata=public(),
    )
    async def units(
        self,
        info: Info,
        kind: UnitKind | None = None,
        search: Annotated[
            str | None,
            strawberry.argument(
                description="Tối đa 100 ký tự, có dấu hay không dấu. / At most 100 characters, "
                "with or without diacritics."
            ),
        ] = None,
        first: Annotated[int, strawberry.argument(description=FIRST)] = DEFAULT_PAGE,
        after: Annotated[str | None, strawberry.argument(description=AFTER)] = None,
        ended: Annotated[bool, strawberry.argument(description=ENDED)] = False,
    ) -> Connection[Unit] | None:
        context = info.context
        async with context.parsing("unit.list"):
            count, position = context.named_page("units", first, after)
        page = await context.services.units.units(
            context.principal, kind.value if kind else None, search, count, position, ended
        )
        return connection_of(context, "units", page.items, page.keys, page.has_next, after, unit_of)
