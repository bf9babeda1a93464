"""Deadlines (thời hạn): the public countdown of a report, and what is due in units."""

from datetime import datetime
from typing import Annotated

import strawberry

from backend.deadlines import types as domain
from foundation.ids import show_report_code
from graphql_schema.access import public
from graphql_schema.context import DEFAULT_PAGE, Info
from graphql_schema.enums import DeadlineKind, DeadlineState, DueScope, LengthUnit, ReportState, Urgency
from graphql_schema.paging import AFTER, FIRST, Connection, connection_of
from graphql_schema.sizes import rows

UNITS = "Mã đơn vị; bỏ trống là tất cả. / Codes; none means all of them."
MINUTES = "Phút làm việc. / Minutes of working time."
COUNT = "Đếm đến 1000. / Counted up to 1,000."


@strawberry.type(description="Một độ dài thời gian làm việc. / A length of working time.")
class WorkingLength:
    amount: int
    unit: LengthUnit


@strawberry.type(description="Một thời hạn. / What is owed by when.")
class Deadline:
    kind: DeadlineKind
    round: int = strawberry.field(description="Lần xử lý: 2 khi mở lại. / 2 once it was taken up again.")
    urgency: Urgency
    rule_code: str = strawberry.field(description="Theo quy tắc nào. / By which rule.")
    state: DeadlineState
    started_at: datetime
    due_at: datetime = strawberry.field(
        description="Khi tạm dừng: muộn nhất. / While paused: if the pause lasts its longest."
    )
    paused_since: datetime | None
    paused_until: datetime | None = strawberry.field(
        description="Muộn nhất thì chạy tiếp. / When it goes on by itself."
    )
    stopped_at: datetime | None
    remaining_minutes: int = strawberry.field(description=f"{MINUTES} 0: hết, hoặc đã dừng. / 0: none left.")
    late_minutes: int = strawberry.field(description=f"{MINUTES} Quá hạn. / Over the deadline.")


@strawberry.type(description="Một lần tạm dừng. / When the handling deadline stood still, and why.")
class DeadlinePause:
    reason_code: str = strawberry.field(
        description="Mã trong pauseReasons, hoặc awaiting_citizen. / Of `pauseReasons`, or awaiting_citizen."
    )
    reason: str = strawberry.field(description="Theo Accept-Language. / In the request's language.")
    started_at: datetime
    until_at: datetime = strawberry.field(description="Tự hết lúc này. / When it ends by itself.")
    ended_at: datetime | None


@strawberry.type(description="Đếm ngược của phản ánh, công khai. / The countdown of a report: public.")
class ReportDeadlines:
    urgency: Urgency
    deadlines: list[Deadline] = strawberry.field(
        description="Tiếp nhận trước, xử lý sau. / Receiving first.", metadata=rows(2)
    )
    pauses: list[DeadlinePause] = strawberry.field(description="Cũ trước. / Oldest first.", metadata=rows(3))


@strawberry.type(description="Một thời hạn đang chạy, với phản ánh. / A running deadline with its report.")
class DueReport:
    code: str
    shown_code: str
    category_code: str
    ward_code: str
    ward_name: str
    handler_code: str
    handler_name: str
    state: ReportState
    deadline: Deadline


@strawberry.type(description="Dự báo. / How many deadlines are over or run out soon.")
class DeadlineForecast:
    late: int = strawberry.field(description=f"Đã quá hạn. / Over. {COUNT}")
    today: int = strawberry.field(description=f"Sẽ quá hạn hôm nay. / Will be over today. {COUNT}")
    week: int = strawberry.field(description=f"Trong 7 ngày tới. / Within seven days. {COUNT}")


@strawberry.type(description="Lý do tạm dừng. / Why an officer may pause, and how long at most.")
class PauseReason:
    code: str
    name: str = strawberry.field(description="Theo Accept-Language. / In the request's language.")
    longest: WorkingLength


def length_of(length: domain.Length) -> WorkingLength:
    """A length as the schema shows it."""
    return WorkingLength(amount=length.amount, unit=length.unit)


def deadline_of(clock: domain.Clock) -> Deadline:
    """A clock as the schema shows it."""
    return Deadline(
        kind=clock.kind,
        round=clock.round,
        urgency=clock.urgency,
        rule_code=clock.rule,
        state=clock.state,
        started_at=clock.started_at,
        due_at=clock.due_at,
        paused_since=clock.paused_since,
        paused_until=clock.paused_until,
        stopped_at=clock.stopped_at,
        remaining_minutes=clock.remaining_minutes,
        late_minutes=clock.late_minutes,
    )


def deadlines_of(found: domain.ReportDeadlines, language: str) -> ReportDeadlines:
    """The countdown of a report as the schema shows it."""
    return ReportDeadlines(
        urgency=found.urgency,
        deadlines=[deadline_of(clock) for clock in found.clocks],
        pauses=[
            DeadlinePause(
                reason_code=pause.reason,
                reason=pause.name_en if language == "en" else pause.name_vi,
                started_at=pause.started_at,
                until_at=pause.until_at,
                ended_at=pause.ended_at,
            )
            for pause in found.pauses
        ],
    )


def _due_of(due: domain.DueReport) -> DueReport:
    return DueReport(
        code=due.report_code,
        shown_code=show_report_code(due.report_code),
        category_code=due.category,
        ward_code=due.ward.code,
        ward_name=due.ward.name,
        handler_code=due.handler.code,
        handler_name=due.handler.name,
        state=ReportState(due.report_state),
        deadline=deadline_of(due.clock),
    )


@strawberry.type
class DeadlineQuery:
    @strawberry.field(
        description="Thời hạn đang chạy của các đơn vị mà cán bộ phụ trách, gần nhất trước. / Running "
        "deadlines of the official's units, the earliest first."
    )
    async def due_reports(
        self,
        info: Info,
        scope: DueScope = DueScope.ALL,
        units: Annotated[list[str] | None, strawberry.argument(description=UNITS)] = None,
        first: Annotated[int, strawberry.argument(description=FIRST)] = DEFAULT_PAGE,
        after: Annotated[str | None, strawberry.argument(description=AFTER)] = None,
    ) -> Connection[DueReport] | None:
        context = info.context
        async with context.parsing("deadline.list"):
            official, page = context.official(), context.page("dueReports", first, after)
        chosen = None if units is None else tuple(units)
        found = await context.services.deadlines.reads.due(official, chosen, scope, page)
        return connection_of(
            context, "dueReports", found.items, found.positions, found.has_next, after, _due_of
        )

    @strawberry.field(
        description="Bao nhiêu phản ánh đã, sẽ quá hạn. / How many are over, or will be over today."
    )
    async def deadline_forecast(
        self,
        info: Info,
        units: Annotated[list[str] | None, strawberry.argument(description=UNITS)] = None,
    ) -> DeadlineForecast | None:
        context = info.context
        async with context.parsing("deadline.forecast"):
            official = context.official()
        chosen = None if units is None else tuple(units)
        found = await context.services.deadlines.reads.forecast(official, chosen)
        return DeadlineForecast(late=found.late, today=found.today, week=found.week)

    @strawberry.field(
        description="Các lý do tạm dừng. / Reasons for pauses. Public.", metadata={**public(), **rows(10)}
    )
    async def pause_reasons(self, info: Info) -> list[PauseReason] | None:
        context = info.context
        found = await context.services.deadlines.reads.pause_reasons(context.principal)
        return [
            PauseReason(
                code=one.code,
                name=one.name_en if context.language == "en" else one.name_vi,
                longest=length_of(one.longest),
            )
            for one in found
        ]
