"""Relay connections: keyset pages with sealed cursors."""

from collections.abc import Callable, Sequence
from typing import Any, Generic, TypeVar

import strawberry

from foundation.cursors import NamePosition
from foundation.paging import Position
from graphql_schema.context import GraphQLContext, Info

N = TypeVar("N")
T = TypeVar("T")

FIRST = "Từ 1 đến 100. / 1 to 100."
AFTER = (
    "Con trỏ của một trang trước; chỉ dùng được bởi chính người đó, cho chính trường đó, trong 90 ngày. / "
    "A cursor of an earlier page: for the same person, the same field, within 90 days."
)


@strawberry.type(description="Vị trí của một trang. / Where a page stands.")
class PageInfo:
    has_next_page: bool
    has_previous_page: bool = strawberry.field(
        description="Trang này không phải trang đầu. / This is not the first page."
    )
    start_cursor: str | None
    end_cursor: str | None


@strawberry.type(description="Một dòng với con trỏ của nó. / A row with its cursor.")
class Edge(Generic[N]):
    node: N
    list_field: strawberry.Private[str]
    position: strawberry.Private[Any]

    @strawberry.field(description="Con trỏ mờ. / Opaque.")
    def cursor(self, info: Info) -> str:
        return info.context.cursor(self.list_field, self.position)


@strawberry.type(description="Một trang. / A page.")
class Connection(Generic[N]):
    edges: list[Edge[N]]
    page_info: PageInfo


def connection_of(
    context: GraphQLContext,
    field: str,
    rows: Sequence[T],
    positions: Sequence[Position] | Sequence[NamePosition],
    has_next: bool,
    after: str | None,
    node_of: Callable[[T], N],
) -> Connection[N]:
    """A page as the schema shows it."""
    edges = [
        Edge(node=node_of(row), list_field=field, position=position)
        for row, position in zip(rows, positions, strict=True)
    ]
    info = PageInfo(
        has_next_page=has_next,
        has_previous_page=after is not None,
        start_cursor=context.cursor(field, positions[0]) if positions else None,
        end_cursor=context.cursor(field, positions[-1]) if positions else None,
    )
    return Connection(edges=edges, page_info=info)
