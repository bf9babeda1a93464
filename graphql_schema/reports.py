"""Reports (phản ánh hiện trường): what citizens, officers and the public see of them."""

from datetime import datetime
from enum import StrEnum
from typing import Annotated

import strawberry

from backend.reports import types as domain
from foundation import errors as refusals
from foundation.errors import Refusal
from foundation.ids import GlobalIds, parse_report_code, show_report_code
from graphql_schema.access import public
from graphql_schema.context import DEFAULT_PAGE, Info
from graphql_schema.deadlines import ReportDeadlines, deadlines_of
from graphql_schema.enums import ClosingReason, ReportState, ReportStep
from graphql_schema.errors import Forbidden, InvalidInput, NotFound, problem_of
from graphql_schema.media import FILES, Media, media_of
from graphql_schema.node import Node
from graphql_schema.paging import AFTER, FIRST, Connection, connection_of
from graphql_schema.releases import PublicText, public_text_of
from graphql_schema.sizes import rows
from graphql_schema.tenancy import UnitSummary, summary_of
from graphql_schema.work import WORK, ReportWork, work_view_of

CODE = "16 ký tự Crockford; chữ thường, gạch nối, I, L, O đều nhận. / The report's code, as people type it."
CATEGORY_CODE = "Mã lĩnh vực (xem categories). / Code of the category (see `categories`)."
CLOSED_ONLY = "Chỉ có khi đã đóng. / Once closed."
COUNTDOWN = "Đếm ngược; null khi chưa tính xong. / The countdown; null while it is not reckoned yet."
LEGAL_REASONS = 10
"""Usually; the data may grow to 50."""
ENTRIES = 10
"""Of a timeline, usually: few reports are asked about or forwarded more than twice."""
SEARCH = (
    "Từ trong nội dung, địa điểm, mã; có dấu hay không dấu. / Words of text, place and code, with or without"
    " diacritics; the last may be unfinished."
)
VERSION = "Tăng sau mỗi thay đổi; gửi lại làm expectedVersion. / Rises with each change; send it back."


@strawberry.enum(description="Ai đã làm. / Who did it.")
class Actor(StrEnum):
    CITIZEN = "citizen"
    OFFICIAL = "official"
    SYSTEM = "system"
    CHANNEL = "channel"


@strawberry.type(description="Một thay đổi. / One change, as the citizen and the officers see it.")
class TimelineEntry:
    version: int
    at: datetime
    step: ReportStep
    from_state: ReportState | None
    to_state: ReportState
    unit: UnitSummary
    actor: Actor
    note: str | None = strawberry.field(
        description="Câu hỏi, câu trả lời hoặc lý do. / A question, an answer or a reason."
    )
    stars: int | None = strawberry.field(description="1–5, khi được đánh giá. / Of a rating.")


@strawberry.type(
    description="Phản ánh chính, thông tin công khai (xem trackReport). / Public facts of the main one."
)
class MergedInto:
    code: str
    shown_code: str
    state: ReportState
    closing_reason: ClosingReason | None = strawberry.field(description=CLOSED_ONLY)
    closed_at: datetime | None = strawberry.field(description=CLOSED_ONLY)


@strawberry.type(
    description="Phản ánh, như người gửi và cán bộ thấy. / As its citizen and its officers see it."
)
class Report(Node):
    code: str
    shown_code: str = strawberry.field(description="Mã để đọc: 4-4-4-4. / The code as people read it.")
    category_code: str = strawberry.field(description=CATEGORY_CODE)
    ward: UnitSummary
    handler: UnitSummary = strawberry.field(description="Đơn vị đang xử lý. / The unit that has it.")
    place: str = strawberry.field(description="Tối đa 300 ký tự. / At most 300 characters.")
    body: str = strawberry.field(description="Tối đa 4000 ký tự. / At most 4000 characters.")
    state: ReportState
    answer: str | None
    closing_reason: ClosingReason | None = strawberry.field(description=CLOSED_ONLY)
    legal_reason: str | None = strawberry.field(
        description="Mã căn cứ từ chối (xem legalReasons). / The ground of a refusal (see `legalReasons`)."
    )
    closed_at: datetime | None = strawberry.field(description=CLOSED_ONLY)
    rateable_until: datetime | None = strawberry.field(
        description="Hạn người gửi đánh giá. / Until when its citizen may rate it."
    )
    reopenable_until: datetime | None = strawberry.field(
        description="Hạn người gửi mở lại, một lần. / Until when its citizen may reopen it, once."
    )
    merged_into: MergedInto | None = strawberry.field(
        description="Phản ánh mà phản ánh này được gộp vào. / The report that this one was merged into."
    )
    merged_count: int = strawberry.field(
        description="Số phản ánh gộp vào; chỉ cán bộ thấy. / How many were merged into it, for officers."
    )
    routing_reason: str = strawberry.field(
        description="Vì sao giao cho đơn vị này. / Why it went to this unit."
    )
    version: int = strawberry.field(description=VERSION)
    created_at: datetime
    updated_at: datetime
    mine: bool = strawberry.field(description="Do người hỏi gửi. / Sent by whoever asks.")

    @strawberry.field(
        description="Mọi thay đổi, cũ trước. / Every change, oldest first.", metadata=rows(ENTRIES)
    )
    async def timeline(self, info: Info) -> list[TimelineEntry] | None:
        entries = await info.context.timelines.of(self.code)
        if entries is None:
            raise refusals.NotFound
        return [_entry_of(entry) for entry in entries]

    @strawberry.field(description="Ảnh, tài liệu, cũ trước. / Its files, oldest first.", metadata=rows(FILES))
    async def media(self, info: Info) -> list[Media] | None:
        files = await info.context.media.of(self.code)
        if files is None:
            raise refusals.NotFound
        return [media_of(info.context, file) for file in files]

    @strawberry.field(description=COUNTDOWN)
    async def deadlines(self, info: Info) -> ReportDeadlines | None:
        return await _countdown(info, self.code)

    @strawberry.field(description=WORK)
    async def work(self, info: Info) -> ReportWork | None:
        found = await info.context.work.of(self.code)
        return None if found is None else work_view_of(found)


@strawberry.type(description="Căn cứ từ chối một phản ánh. / A ground of the law for refusing a report.")
class LegalReason:
    code: str
    closing_reason: ClosingReason
    name: str = strawberry.field(description="Theo Accept-Language. / In the caller's language.")
    basis: str = strawberry.field(description="Văn bản. / The document that it rests on.")


@strawberry.type(description="Một thay đổi, không có nội dung. / One change, without any text.")
class PublicTimelineEntry:
    version: int
    at: datetime
    step: ReportStep
    to_state: ReportState
    unit: UnitSummary


@strawberry.type(
    description="Phản ánh, như bất kỳ ai có mã thấy. / A report as anybody who has its code sees it."
)
class PublicReport:
    code: str
    shown_code: str
    category_code: str = strawberry.field(description=CATEGORY_CODE)
    ward: UnitSummary
    handler: UnitSummary
    state: ReportState
    closing_reason: ClosingReason | None = strawberry.field(description=CLOSED_ONLY)
    created_at: datetime
    updated_at: datetime
    merged_into: str | None = strawberry.field(
        description="Mã phản ánh mà phản ánh này được gộp vào. / Code of the report that it was merged into."
    )
    timeline: list[PublicTimelineEntry] = strawberry.field(metadata=rows(ENTRIES))

    @strawberry.field(
        description="Tệp đã công khai. / The files that an officer released.",
        metadata=rows(FILES),
    )
    async def media(self, info: Info) -> list[Media] | None:
        files = await info.context.services.media.released(info.context.principal, self.code)
        return [media_of(info.context, file) for file in files]

    @strawberry.field(description=COUNTDOWN)
    async def deadlines(self, info: Info) -> ReportDeadlines | None:
        return await _countdown(info, self.code)

    @strawberry.field(
        description="Nội dung đã công khai, nếu có. / The text that an officer released, if one did."
    )
    async def public_text(self, info: Info) -> PublicText | None:
        context = info.context
        return public_text_of(await context.services.texts.released_text(context.principal, self.code))


ReportResult = Annotated[
    Report | NotFound | Forbidden | InvalidInput,
    strawberry.union(
        "ReportResult", description="Phản ánh hoặc lý do không xem được. / The report, or why not."
    ),
]
TrackReportResult = Annotated[
    PublicReport | NotFound | InvalidInput,
    strawberry.union("TrackReportResult", description="Thông tin công khai. / What is public, or why not."),
]


def report_of(report: domain.Report) -> Report:
    """A report as the schema shows it."""
    return Report(
        id=strawberry.ID(GlobalIds.of_code("Report", report.code)),
        code=report.code,
        shown_code=show_report_code(report.code),
        category_code=report.category,
        ward=summary_of(report.ward),
        handler=summary_of(report.handler),
        place=report.place,
        body=report.body,
        state=report.state,
        answer=report.answer,
        closing_reason=report.closing_reason,
        legal_reason=report.legal_reason,
        closed_at=report.closed_at,
        rateable_until=report.rateable_until,
        reopenable_until=report.reopenable_until,
        merged_into=None if report.joined is None else _joined_of(report.joined),
        merged_count=report.merged_count,
        routing_reason=report.routing_reason,
        version=report.version,
        created_at=report.created_at,
        updated_at=report.updated_at,
        mine=report.mine,
    )


def _joined_of(joined: domain.Joined) -> MergedInto:
    return MergedInto(
        code=joined.code,
        shown_code=show_report_code(joined.code),
        state=joined.state,
        closing_reason=joined.closing_reason,
        closed_at=joined.closed_at,
    )


async def _countdown(info: Info, code: str) -> ReportDeadlines | None:
    found = await info.context.deadlines.of(code)
    return None if found is None else deadlines_of(found, info.context.language)


def _entry_of(entry: domain.TimelineEntry) -> TimelineEntry:
    return TimelineEntry(
        version=entry.version,
        at=entry.at,
        step=entry.step,
        from_state=entry.from_state,
        to_state=entry.to_state,
        unit=summary_of(entry.unit),
        actor=Actor(entry.actor),
        note=entry.note,
        stars=entry.stars,
    )


def _public_report_of(report: domain.PublicReport) -> PublicReport:
    timeline = [
        PublicTimelineEntry(
            version=entry.version,
            at=entry.at,
            step=entry.step,
            to_state=entry.to_state,
            unit=summary_of(entry.unit),
        )
        for entry in report.timeline
    ]
    return PublicReport(
        code=report.code,
        shown_code=show_report_code(report.code),
        category_code=report.category,
        ward=summary_of(report.ward),
        handler=summary_of(report.handler),
        state=report.state,
        closing_reason=report.closing_reason,
        created_at=report.created_at,
        updated_at=report.updated_at,
        merged_into=report.merged_into,
        timeline=timeline,
    )


@strawberry.type
class ReportQuery:
    @strawberry.field(
        description="Phản ánh của chính người hỏi, mới trước. / The citizen's own, newest first."
    )
    async def my_reports(
        self,
        info: Info,
        first: Annotated[int, strawberry.argument(description=FIRST)] = DEFAULT_PAGE,
        after: Annotated[str | None, strawberry.argument(description=AFTER)] = None,
    ) -> Connection[Report] | None:
        context = info.context
        async with context.parsing("report.list"):
            citizen, page = context.citizen(), context.page("myReports", first, after)
        found = await context.services.reports.mine(citizen, page)
        return connection_of(
            context, "myReports", found.items, found.positions, found.has_next, after, report_of
        )

    @strawberry.field(
        description="Phản ánh của các đơn vị mà cán bộ phụ trách, mới trước. / Of the official's units."
    )
    async def unit_reports(
        self,
        info: Info,
        units: Annotated[
            list[str] | None,
            strawberry.argument(
                description="Mã đơn vị; bỏ trống là tất cả. / Codes; none means all of them."
            ),
        ] = None,
        state: ReportState | None = None,
        search: Annotated[str | None, strawberry.argument(description=SEARCH)] = None,
        first: Annotated[int, strawberry.argument(description=FIRST)] = DEFAULT_PAGE,
        after: Annotated[str | None, strawberry.argument(description=AFTER)] = None,
    ) -> Connection[Report] | None:
        context = info.context
        async with context.parsing("report.list"):
            official, page = context.official(), context.page("unitReports", first, after)
        chosen = None if units is None else tuple(units)
        found = await context.services.reports.of_units(official, page, chosen, state, search)
        return connection_of(
            context, "unitReports", found.items, found.positions, found.has_next, after, report_of
        )

    @strawberry.field(
        description="Các căn cứ từ chối đang có hiệu lực. / Grounds on which reports may be refused today.",
        metadata={**public(), **rows(LEGAL_REASONS)},
    )
    async def legal_reasons(self, info: Info) -> list[LegalReason] | None:
        context = info.context
        vietnamese = context.language == "vi"
        return [
            LegalReason(
                code=reason.code,
                closing_reason=reason.closing_reason,
                name=reason.name_vi if vietnamese else reason.name_en,
                basis=reason.basis,
            )
            for reason in await context.services.reports.legal_reasons(context.principal)
        ]

    @strawberry.field(description="Một phản ánh, theo mã. / One report, by its code.")
    async def report(
        self, info: Info, code: Annotated[str, strawberry.argument(description=CODE)]
    ) -> ReportResult:
        context = info.context
        try:
            async with context.parsing("report.read"):
                canonical = parse_report_code(code)
            return report_of(await context.services.reports.one(context.principal, canonical))
        except Refusal as refusal:
            problem: ReportResult = problem_of(refusal, context.language, ReportResult)
            return problem

    @strawberry.field(
        description="Theo dõi công khai bằng mã, không cần đăng nhập. / Anybody who has the code. Public.",
        metadata=public(),
    )
    async def track_report(
        self, info: Info, code: Annotated[str, strawberry.argument(description=CODE)]
    ) -> TrackReportResult:
        context = info.context
        try:
            async with context.parsing("report.track"):
                canonical = parse_report_code(code)
            return _public_report_of(await context.services.reports.track(context.principal, canonical))
        except Refusal as refusal:
            problem: TrackReportResult = problem_of(refusal, context.language, TrackReportResult)
            return problem
