"""The inbox: that something happened, never what was written."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Annotated

import strawberry

from foundation.ids import GlobalIds
from graphql_schema.context import DEFAULT_PAGE, Info
from graphql_schema.paging import AFTER, FIRST, Connection, connection_of

if TYPE_CHECKING:
    from backend.notifications import types as domain

_TYPE_OF_KIND = {"report": "Report"}


@strawberry.type(description="Một thông báo. / One notification.")
class InboxItem:
    kind: str = strawberry.field(
        description="Loại thay đổi, ví dụ report.answered; có thể thêm loại mới. / New kinds may come."
    )
    subject_id: strawberry.ID | None = strawberry.field(
        description="Mã toàn cục của đối tượng, hỏi bằng node; không có nếu là tài khoản. / "
        "Global id of what changed: ask `node`. None for what is no object, such as the own account."
    )
    version: int
    at: datetime


def _item_of(item: domain.InboxItem) -> InboxItem:
    kind, _, code = item.resource.partition(":")
    type_name = _TYPE_OF_KIND.get(kind)
    return InboxItem(
        kind=item.kind,
        subject_id=None if type_name is None else strawberry.ID(GlobalIds.of_code(type_name, code)),
        version=item.version,
        at=item.at,
    )


@strawberry.type
class NotificationQuery:
    @strawberry.field(description="Hộp thông báo của tôi, mới trước. / One's own inbox, newest first.")
    async def inbox(
        self,
        info: Info,
        first: Annotated[int, strawberry.argument(description=FIRST)] = DEFAULT_PAGE,
        after: Annotated[str | None, strawberry.argument(description=AFTER)] = None,
    ) -> Connection[InboxItem] | None:
        context = info.context
        async with context.parsing("inbox.read"):
            owner, page = context.owner(), context.page("inbox", first, after)
        found = await context.services.inbox.inbox(owner, page)
        return connection_of(context, "inbox", found.items, found.positions, found.has_next, after, _item_of)
