"""Officers' work on a report, as officers see it: nothing of this is shown to citizens or the public."""

from datetime import datetime
from typing import Annotated

import strawberry

from backend.work import types as domain
from backend.work.types import EntryKind, PartState
from foundation.errors import Refusal
from foundation.ids import parse_report_code
from graphql_schema.context import Info
from graphql_schema.errors import Forbidden, InvalidInput, NotFound, problem_of
from graphql_schema.sizes import rows
from graphql_schema.tenancy import UnitSummary

ENTRIES = 10
"""Of the officers' timeline, usually."""
PARTS = 3
"""Of a report, usually; at most 10 open or done."""
HANDLERS = 20
"""Of a unit, usually."""
WORK = "Việc xử lý nội bộ; null với người dân. / Officers' work on it; null for citizens."
WORK_VERSION = "Tăng sau mỗi thay đổi phân công; 0 khi chưa có. / Rises with each assignment; 0 before any."

strawberry.enum(
    EntryKind,
    name="WorkEntryKind",
    description="Phân công, thu hồi, tự thu hồi, ghi chú. / What stands in the officers' timeline.",
)


strawberry.enum(
    PartState,
    name="PartState",
    description="Chưa xong, xong, gác lại, bỏ. / Where a supporting unit's part stands.",
)


@strawberry.type(description="Cán bộ, như đồng nghiệp biết. / An official as colleagues know him.")
class Colleague:
    code: str = strawberry.field(description="Mã cán bộ. / The official's code.")
    name: str


@strawberry.type(description="Một mục trong dòng thời gian nội bộ. / One entry of the officers' timeline.")
class WorkEntry:
    at: datetime
    kind: EntryKind
    actor: Colleague | None = strawberry.field(description="Null: hệ thống. / Null: the system.")
    unit: UnitSummary
    person: Colleague | None = strawberry.field(description="Người được giao. / Whom it is about.")
    note: str | None
    about_unit_code: str | None = strawberry.field(
        description="Đơn vị phối hợp được nói đến. / The supporting unit that it is about."
    )


@strawberry.type(description="Phần việc của một đơn vị phối hợp. / A supporting unit's part.")
class WorkPart:
    unit: UnitSummary
    state: PartState
    task: str | None = strawberry.field(description="Null: do quy tắc phân công. / Null: a rule named it.")
    result: str | None
    reason: str | None = strawberry.field(description="Vì sao gác lại hoặc bỏ. / Why it was ended.")
    added_at: datetime
    ended_at: datetime | None


@strawberry.type(description="Việc xử lý nội bộ. / Officers' work on a report.")
class ReportWork:
    version: int = strawberry.field(description=WORK_VERSION)
    assignee: Colleague | None = strawberry.field(description="Người đang được giao. / Who has it in hand.")
    assigned_at: datetime | None
    entries: list[WorkEntry] = strawberry.field(
        description="Cũ trước; tối đa 200 mục mới nhất. / Oldest first; the newest 200 at most.",
        metadata=rows(ENTRIES),
    )
    parts: list[WorkPart] = strawberry.field(
        description="Các đơn vị phối hợp. / Supporting units.", metadata=rows(PARTS)
    )


@strawberry.type(description="Những người có thể được giao. / Into whose hand it can be put.")
class Assignable:
    people: list[Colleague] = strawberry.field(metadata=rows(HANDLERS))


AssignableResult = Annotated[
    Assignable | NotFound | Forbidden | InvalidInput, strawberry.union("AssignableResult")
]


def work_view_of(work: domain.Work) -> ReportWork:
    """The work as the schema shows it."""
    return ReportWork(
        version=work.version,
        assignee=_colleague_of(work.assignee),
        assigned_at=work.assigned_at,
        entries=[
            WorkEntry(
                at=entry.at,
                kind=entry.kind,
                actor=_colleague_of(entry.actor),
                unit=UnitSummary(code=entry.unit_code, name=entry.unit_name),
                person=_colleague_of(entry.person),
                note=entry.note,
                about_unit_code=entry.about_code,
            )
            for entry in work.entries
        ],
        parts=[
            WorkPart(
                unit=UnitSummary(code=part.unit_code, name=part.unit_name),
                state=part.state,
                task=part.task,
                result=part.result,
                reason=part.reason,
                added_at=part.added_at,
                ended_at=part.ended_at,
            )
            for part in work.parts
        ],
    )


def _colleague_of(person: domain.Colleague | None) -> Colleague | None:
    return None if person is None else Colleague(code=person.code, name=person.name)


@strawberry.type
class WorkQuery:
    @strawberry.field(
        description="Ai có thể được giao phản ánh này hôm nay. / Who can be given this report today."
    )
    async def assignable(
        self, info: Info, code: Annotated[str, strawberry.argument(description="Mã phản ánh. / Its code.")]
    ) -> AssignableResult:
        context = info.context
        try:
            async with context.parsing("report.assign"):
                official, canonical = context.official(), parse_report_code(code)
            found = await context.services.work.reads.assignable(official, canonical)
            return Assignable(people=[Colleague(code=one.code, name=one.name) for one in found])
        except Refusal as refusal:
            problem: AssignableResult = problem_of(refusal, context.language, AssignableResult)
            return problem
