"""Categories (lĩnh vực): what a report may be about."""

from datetime import date
from typing import Annotated

import strawberry

from backend.routing import types as domain
from foundation.ids import GlobalIds
from graphql_schema.access import public
from graphql_schema.context import Info
from graphql_schema.node import Node
from graphql_schema.sizes import rows
from graphql_schema.tenancy import ENDED


@strawberry.type(description="Lĩnh vực phản ánh. / What a report is about.")
class Category(Node):
    code: str
    name: str = strawberry.field(
        description="Tên theo Accept-Language. / The name in the request's language."
    )
    name_vi: str
    name_en: str
    position: int = strawberry.field(description="Thứ tự hiển thị. / Where it is shown.")
    ended_on: date | None = strawberry.field(description="Ngày kết thúc. / The day from which it is no more.")
    version: int = strawberry.field(description="Gửi lại làm expectedVersion. / Send it back.")


def category_of(category: domain.Category, language: str) -> Category:
    """A category as the schema shows it."""
    return Category(
        id=strawberry.ID(GlobalIds.of_code("Category", category.code)),
        code=category.code,
        name=category.name_en if language == "en" else category.name_vi,
        name_vi=category.name_vi,
        name_en=category.name_en,
        position=category.position,
        ended_on=category.ended_on,
        version=category.version,
    )


@strawberry.type
class RoutingQuery:
    @strawberry.field(
        description="Tất cả lĩnh vực, theo thứ tự hiển thị. / All categories in the order to show. Public.",
        metadata={**public(), **rows(30)},
    )
    async def categories(
        self, info: Info, ended: Annotated[bool, strawberry.argument(description=ENDED)] = False
    ) -> list[Category] | None:
        found = await info.context.services.categories.categories(info.context.principal, ended)
        return [category_of(category, info.context.language) for category in found]
