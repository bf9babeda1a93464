"""What all changes of registers share, and the history: who changed what."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Annotated, Any, TypeVar

import strawberry

from backend.administration import types as domain
from foundation.errors import InvalidInput, Refusal
from foundation.idempotency import Idempotency
from foundation.identity.principal import OfficialPrincipal
from foundation.ids import GlobalIds
from graphql_schema.access import step_up
from graphql_schema.context import DEFAULT_PAGE, GraphQLContext, Info
from graphql_schema.errors import problem_of
from graphql_schema.paging import AFTER, FIRST, Connection, connection_of
from graphql_schema.report_changes import IDEMPOTENCY_KEY
from graphql_schema.sizes import rows

VERSION = "Tăng sau mỗi thay đổi; gửi lại làm expectedVersion. / Rises with each change; send it back."
EXPECTED = "Phiên bản đang thấy. / The version that the person sees."
CHANGING = step_up("aal2")
REACHING_FAR = step_up("aal2", timedelta(minutes=15))
"""What moves many reports at once: an unlocked tablet is not enough."""

RULES, CALENDAR, YEAR = "RoutingRules", "WorkingCalendar", "HolidayYear"
DEADLINES = "DeadlineRules"
KINDS = {
    "Unit": domain.HistoryKind.UNIT,
    "Category": domain.HistoryKind.CATEGORY,
    RULES: domain.HistoryKind.ROUTING_RULES,
    CALENDAR: domain.HistoryKind.CALENDAR,
    YEAR: domain.HistoryKind.HOLIDAY_YEAR,
    "Channel": domain.HistoryKind.CHANNEL,
    DEADLINES: domain.HistoryKind.DEADLINE_RULES,
}
"""Types whose objects have a history, by the kind in their global ids."""

D = TypeVar("D")
S = TypeVar("S")


def expected_version() -> Any:
    """The input field of the version that was seen."""
    return strawberry.field(description=EXPECTED)


def idempotency_key() -> Any:
    """The input field of the key."""
    return strawberry.field(description=IDEMPOTENCY_KEY)


def global_id(kind: str, code: str) -> strawberry.ID:
    """The global id of a register's object."""
    return strawberry.ID(GlobalIds.of_code(kind, code))


def number_of(code: str) -> int:
    """The number behind a global id of a set of rules or a year. Raises InvalidInput."""
    if not (code.isascii() and code.isdigit() and len(code) <= 9):
        raise InvalidInput("id")
    return int(code)


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """A change as it was asked for: its audit action, its key, and the payload union that answers."""

    action: str
    key: str
    payload: object


async def changed(
    context: GraphQLContext,
    asked: Asked,
    change: Callable[[OfficialPrincipal, Idempotency], Awaitable[domain.Done]],
    read: Callable[[domain.Done], Awaitable[D]],
    success: Callable[[domain.Done, D | None], S],
) -> Any:
    """The payload: success with the object read again, or the problem that stands for the refusal."""
    try:
        async with context.parsing(asked.action):
            official, idempotency = context.official(), context.idempotency(asked.key)
        done = await change(official, idempotency)
    except Refusal as refusal:
        return problem_of(refusal, context.language, asked.payload)
    return success(done, await context.read_after_change(read(done)))


@strawberry.type(description="Một trường đã đổi, giá trị JSON. / A field that changed; values are JSON.")
class FieldDifference:
    field: str
    before: str | None = strawberry.field(description="Null: chưa có. / Null: it was not there.")
    after: str | None = strawberry.field(description="Null: đã bỏ. / Null: it is gone.")


@strawberry.type(description="Một thay đổi: ai, khi nào, gì. / One change: who, when, what.")
class HistoryEntry:
    version: int
    at: datetime
    action: str = strawberry.field(description="Mã hành động, ví dụ unit.rename. / Code of the action.")
    actor: str = strawberry.field(description="Tên cán bộ. / The official's name.")
    actor_unit_code: str
    differences: list[FieldDifference] = strawberry.field(metadata=rows(10))


def _entry_of(entry: domain.HistoryEntry) -> HistoryEntry:
    return HistoryEntry(
        version=entry.version,
        at=entry.at,
        action=entry.action,
        actor=entry.actor,
        actor_unit_code=entry.actor_unit,
        differences=[
            FieldDifference(field=one.field, before=one.before, after=one.after) for one in entry.differences
        ],
    )


@strawberry.type
class HistoryQuery:
    @strawberry.field(
        description="Ai đã đổi gì, mới trước: đơn vị, lĩnh vực, bộ quy tắc, lịch, năm. / Who changed what "
        "of a unit, category, set of rules, calendar or year, newest first."
    )
    async def history(
        self,
        info: Info,
        of: Annotated[strawberry.ID, strawberry.argument(description="Global id.")],
        first: Annotated[int, strawberry.argument(description=FIRST)] = DEFAULT_PAGE,
        after: Annotated[str | None, strawberry.argument(description=AFTER)] = None,
    ) -> Connection[HistoryEntry] | None:
        context = info.context
        async with context.parsing("register.history"):
            official = context.official()
            kind, code = GlobalIds.parse_code(of)
            if kind not in KINDS or len(code) > 64 or not code.isprintable():
                raise InvalidInput("of")
            page = context.page("history", first, after)
        found = await context.services.registers.history.history(official, KINDS[kind], code, page)
        return connection_of(
            context, "history", found.items, found.positions, found.has_next, after, _entry_of
        )
