"""Changes, by cursor and live: that something happened, never what was written."""

from collections.abc import AsyncGenerator
from contextlib import aclosing
from datetime import datetime
from typing import Annotated

import strawberry

from backend.changes import types as domain
from foundation.identity.principal import CitizenPrincipal, OfficialPrincipal
from foundation.ids import GlobalIds
from foundation.paging import MAX_PAGE
from graphql_schema.context import DEFAULT_PAGE, GraphQLContext, Info
from graphql_schema.sizes import rows

AFTER = "Vị trí đã đọc; bỏ trống: từ bây giờ. / Cursor of the last one read; absent: from now on."
FEED = "changes"
"""Cursors of the query and of the subscription are one and the same."""
_TYPE_OF_KIND = {"report": "Report"}


@strawberry.type(description="Một thay đổi. / One change.")
class Change:
    cursor: str = strawberry.field(description="Gửi lại để đọc tiếp. / Send it back to go on from here.")
    kind: str = strawberry.field(
        description="Ví dụ report.accepted; có thể thêm loại mới. / New kinds may come."
    )
    subject_id: strawberry.ID = strawberry.field(
        description="Mã toàn cục của đối tượng, hỏi bằng node. / Global id of what changed: ask `node`."
    )
    version: int
    at: datetime


@strawberry.type(description="Các thay đổi theo thứ tự. / Changes in strictly rising order.")
class ChangeList:
    changes: list[Change] = strawberry.field(metadata=rows(MAX_PAGE))
    end_cursor: str = strawberry.field(description="Đọc tiếp từ đây. / Where to go on from.")
    has_more: bool


def _change_of(context: GraphQLContext, change: domain.Change) -> Change:
    kind, _, code = change.resource.partition(":")
    return Change(
        cursor=_cursor(context, change.position),
        kind=change.kind,
        subject_id=strawberry.ID(GlobalIds.of_code(_TYPE_OF_KIND[kind], code)),
        version=change.version,
        at=change.at,
    )


def _cursor(context: GraphQLContext, position: domain.ChangePosition) -> str:
    return context.codecs.cursors.of_change(FEED, context.person, (position.x, position.id))


def _position(context: GraphQLContext, after: str | None) -> domain.ChangePosition | None:
    if after is None:
        return None
    return domain.ChangePosition(*context.codecs.cursors.change(FEED, context.person, after))


def _subscriber(context: GraphQLContext) -> CitizenPrincipal | OfficialPrincipal:
    if isinstance(context.principal, CitizenPrincipal):
        return context.principal
    return context.official()


@strawberry.type
class ChangeQuery:
    @strawberry.field(description="Thay đổi sau một vị trí. / What changed after a cursor.")
    async def changes_since(
        self,
        info: Info,
        after: Annotated[str | None, strawberry.argument(description=AFTER)] = None,
        first: Annotated[int, strawberry.argument(description="1–100.")] = DEFAULT_PAGE,
    ) -> ChangeList | None:
        context = info.context
        async with context.parsing("change.list"):
            subscriber, position = _subscriber(context), _position(context, after)
        page = await context.services.feed.since(subscriber, position, first)
        return ChangeList(
            changes=[_change_of(context, change) for change in page.items],
            end_cursor=_cursor(context, page.end),
            has_more=page.has_more,
        )


@strawberry.type
class ChangeSubscription:
    @strawberry.subscription(description="Thay đổi, đọc tiếp rồi trực tiếp. / What was missed, then live.")
    async def changes(
        self,
        info: Info,
        after: Annotated[str | None, strawberry.argument(description=AFTER)] = None,
    ) -> AsyncGenerator[Change, None]:
        context = info.context
        async with context.parsing("change.follow"):
            subscriber, position = _subscriber(context), _position(context, after)
        async with aclosing(context.services.feed.follow(subscriber, position)) as following:
            async for change in following:
                yield _change_of(context, change)
