"""Officials (cán bộ) for those who administer people: lists, one with duties, history, quarterly reviews."""

from datetime import date, datetime
from typing import Annotated

import strawberry

from backend.officials import types as domain
from foundation.errors import Refusal
from foundation.ids import GlobalIds, parse_report_code, show_report_code
from graphql_schema.context import DEFAULT_PAGE, Info
from graphql_schema.enums import DutyKind, OfficialState, ReviewDecision
from graphql_schema.errors import Forbidden, InvalidInput, NotFound, problem_of
from graphql_schema.node import Node
from graphql_schema.paging import AFTER, FIRST, Connection, connection_of
from graphql_schema.sizes import rows
from graphql_schema.tenancy import UnitSummary

KIND = "OfficialAccount"
CODE = "Mã cán bộ: 16 ký tự Crockford. / The official's code, as people type it."
VERSION = "Tăng sau mỗi thay đổi; gửi lại làm expectedVersion. / Rises with each change; send it back."
QUARTER = "Quý, ví dụ 2026Q4. / A quarter such as 2026Q4."
SEARCH = (
    "Tên hoặc tên đăng nhập, có dấu hay không dấu, tối đa 100 ký tự. / Name or user name, with or without"
    " diacritics, at most 100 characters."
)


@strawberry.type(description="Nhiệm vụ được giao. / A duty: in force, or to come.")
class OfficialDuty:
    kind: DutyKind
    unit: UnitSummary
    from_day: date = strawberry.field(description="Ngày đầu, tính cả. / The first day, included.")
    until_day: date | None = strawberry.field(description="Ngày cuối, tính cả. / The last day, included.")
    in_force: bool


@strawberry.type(description="Yêu cầu gửi hệ thống danh tính. / What the identity system was asked.")
class DirectoryRequest:
    operation: str = strawberry.field(description="official.create, official.disable, …; có thể thêm. / …")
    state: str = strawberry.field(description="waiting, done, refused.")
    since: datetime
    ended_at: datetime | None
    error: str | None = strawberry.field(description="Vì sao chờ hoặc bị từ chối. / Why it waits, or not.")


@strawberry.type(
    description="Yêu cầu đặt lại, chờ người thứ hai. / A reset that waits for its second officer, who sends"
    " `request` and `digest` back."
)
class OpenReset:
    request: str
    digest: str = strawberry.field(description="Dấu vân của yêu cầu. / Of the body that the first signed.")
    asked_by: str
    asked_at: datetime
    expires_at: datetime
    note: str
    mine: bool = strawberry.field(description="Do người hỏi gửi. / Asked by whoever asks now.")


@strawberry.type(description="Cán bộ, như người quản trị thấy. / An official as administrators see him.")
class OfficialAccount(Node):
    code: str = strawberry.field(description=CODE)
    shown_code: str = strawberry.field(description="Mã để đọc: 4-4-4-4. / The code as people read it.")
    name: str
    username: str | None
    email: str | None
    unit: UnitSummary = strawberry.field(description="Đơn vị công tác. / The unit that employs.")
    state: OfficialState
    version: int = strawberry.field(description=VERSION)
    last_active_day: date | None = strawberry.field(
        description="Ngày hoạt động gần nhất; quá 45 ngày thì tạm dừng. / 45 idle days suspend."
    )
    duties: list[OfficialDuty] = strawberry.field(metadata=rows(3))
    directory_requests: list[DirectoryRequest] = strawberry.field(
        description="Mới trước, tối đa 5. / Newest first, at most 5.", metadata=rows(5)
    )
    open_reset: OpenReset | None = strawberry.field(
        description="Chỉ có khi hỏi một cán bộ. / Told of one official, not in lists."
    )


@strawberry.type(description="Ai đã thay đổi gì. / Who changed what.")
class OfficialChange:
    kind: str = strawberry.field(description="invited, duty_given, suspended, …; có thể thêm. / …")
    at: datetime
    version: int
    actor: str = strawberry.field(description="Tên người hoặc tác vụ. / A name, or the job's.")
    by_system: bool
    unit: UnitSummary | None
    duty: str | None
    from_day: date | None
    until_day: date | None
    note: str | None


@strawberry.type(description="Một dòng rà soát quý. / One official on a quarter's list.")
class OfficialReview:
    quarter: str
    code: str = strawberry.field(description=CODE)
    name: str
    unit: UnitSummary
    state: OfficialState
    duties: list[OfficialDuty] = strawberry.field(metadata=rows(3))
    due_on: date
    decision: ReviewDecision | None
    reviewer: str | None
    decided_at: datetime | None
    note: str | None


OfficialResult = Annotated[
    OfficialAccount | NotFound | Forbidden | InvalidInput,
    strawberry.union("OfficialResult", description="Cán bộ hoặc lý do không xem được. / Or why not."),
]


def _unit(unit: domain.UnitName) -> UnitSummary:
    return UnitSummary(code=unit.code, name=unit.name)


def _duty(duty: domain.AccountDuty) -> OfficialDuty:
    return OfficialDuty(
        kind=DutyKind(duty.kind),
        unit=_unit(duty.unit),
        from_day=duty.from_day,
        until_day=duty.until_day,
        in_force=duty.in_force,
    )


def _reset(reset: domain.OpenReset | None) -> OpenReset | None:
    if reset is None:
        return None
    return OpenReset(
        request=reset.request,
        digest=reset.digest,
        asked_by=reset.asked_by,
        asked_at=reset.asked_at,
        expires_at=reset.expires_at,
        note=reset.note,
        mine=reset.mine,
    )


def _request(request: domain.DirectoryRequest) -> DirectoryRequest:
    return DirectoryRequest(
        operation=request.operation,
        state=request.state,
        since=request.since,
        ended_at=request.ended_at,
        error=request.error,
    )


def account_of(account: domain.Account) -> OfficialAccount:
    """An official as the schema shows him."""
    return OfficialAccount(
        id=strawberry.ID(GlobalIds.of_code(KIND, account.code)),
        code=account.code,
        shown_code=show_report_code(account.code),
        name=account.name,
        username=account.username,
        email=account.email,
        unit=_unit(account.unit),
        state=account.state,
        version=account.version,
        last_active_day=account.last_active_day,
        duties=[_duty(duty) for duty in account.duties],
        directory_requests=[_request(request) for request in account.requests],
        open_reset=_reset(account.reset),
    )


def _change_of(change: domain.AccountChange) -> OfficialChange:
    return OfficialChange(
        kind=change.kind,
        at=change.at,
        version=change.version,
        actor=change.actor,
        by_system=change.by_system,
        unit=None if change.unit is None else _unit(change.unit),
        duty=change.duty,
        from_day=change.from_day,
        until_day=change.until_day,
        note=change.note,
    )


def _review_of(entry: domain.ReviewEntry) -> OfficialReview:
    return OfficialReview(
        quarter=entry.quarter,
        code=entry.code,
        name=entry.name,
        unit=_unit(entry.unit),
        state=entry.state,
        duties=[_duty(duty) for duty in entry.duties],
        due_on=entry.due_on,
        decision=entry.decision,
        reviewer=entry.reviewer,
        decided_at=entry.decided_at,
        note=entry.note,
    )


@strawberry.type
class OfficialQuery:
    @strawberry.field(
        description="Cán bộ của các đơn vị do người hỏi quản trị, theo tên. / Officials of the units whose"
        " people the caller administers, in the order of Vietnamese lists: given name first."
    )
    async def officials(
        self,
        info: Info,
        search: Annotated[str | None, strawberry.argument(description=SEARCH)] = None,
        unit: Annotated[
            str | None,
            strawberry.argument(description="Đơn vị và cấp dưới. / This unit and what lies below it."),
        ] = None,
        state: OfficialState | None = None,
        first: Annotated[int, strawberry.argument(description=FIRST)] = DEFAULT_PAGE,
        after: Annotated[str | None, strawberry.argument(description=AFTER)] = None,
    ) -> Connection[OfficialAccount] | None:
        context = info.context
        async with context.parsing("official.list"):
            official = context.official()
            count, position = context.named_page("officials", first, after)
        wanted = domain.AccountFilter(search, unit, state)
        page = await context.services.accounts.accounts(official, wanted, count, position)
        return connection_of(context, "officials", page.items, page.keys, page.has_next, after, account_of)

    @strawberry.field(description="Một cán bộ; cũng là chính mình. / One official; oneself too.")
    async def official(
        self, info: Info, code: Annotated[str, strawberry.argument(description=CODE)]
    ) -> OfficialResult:
        context = info.context
        try:
            async with context.parsing("official.read"):
                official, canonical = context.official(), parse_report_code(code)
            return account_of(await context.services.accounts.account(official, canonical))
        except Refusal as refusal:
            shown: OfficialResult = problem_of(refusal, context.language, OfficialResult)
            return shown

    @strawberry.field(description="Ai đã thay đổi gì, mới trước. / Who changed what, newest first.")
    async def official_history(
        self,
        info: Info,
        code: Annotated[str, strawberry.argument(description=CODE)],
        first: Annotated[int, strawberry.argument(description=FIRST)] = DEFAULT_PAGE,
        after: Annotated[str | None, strawberry.argument(description=AFTER)] = None,
    ) -> Connection[OfficialChange] | None:
        context = info.context
        async with context.parsing("official.read_changes"):
            official, canonical = context.official(), parse_report_code(code)
            page = context.page("officialHistory", first, after)
        found = await context.services.accounts.history(official, canonical, page)
        return connection_of(
            context, "officialHistory", found.items, found.positions, found.has_next, after, _change_of
        )

    @strawberry.field(
        description="Danh sách rà soát của một quý. / A quarter's review of whom the caller administers."
    )
    async def reviews(
        self,
        info: Info,
        quarter: Annotated[str, strawberry.argument(description=QUARTER)],
        open_only: Annotated[
            bool, strawberry.argument(description="Chỉ các dòng chưa quyết định. / Undecided ones only.")
        ] = False,
        first: Annotated[int, strawberry.argument(description=FIRST)] = DEFAULT_PAGE,
        after: Annotated[str | None, strawberry.argument(description=AFTER)] = None,
    ) -> Connection[OfficialReview] | None:
        context = info.context
        async with context.parsing("official.list_reviews"):
            official = context.official()
            count, position = context.named_page("reviews", first, after)
        page = await context.services.accounts.reviews(official, quarter, open_only, count, position)
        return connection_of(context, "reviews", page.items, page.keys, page.has_next, after, _review_of)
