"""Lists as files: asked for, watched while they are written, fetched once."""

import base64
from datetime import datetime
from typing import Annotated

import strawberry

from backend.work.exports import Export as Made
from backend.work.exports import ExportState, Format
from foundation.errors import Refusal
from graphql_schema.context import Info
from graphql_schema.errors import Forbidden, IdempotencyMismatch, InvalidInput, NotFound, problem_of
from graphql_schema.found_reports import ReportFilterInput, filter_of
from graphql_schema.report_changes import IDEMPOTENCY_KEY
from graphql_schema.work_problems import ExportGone, TooBroad, TooManyExports

KIND = "Export"
_TYPES = {
    Format.CSV: "text/csv; charset=utf-8",
    Format.XLSX: "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
}

strawberry.enum(Format, name="ExportFormat", description="CSV, XLSX.")
strawberry.enum(ExportState, name="ExportState", description="Chờ, xong, đã lấy. / Waiting, made, fetched.")


@strawberry.input(description="Xuất danh sách ra tệp. / Have a list written to a file.")
class AskExportInput:
    filter: ReportFilterInput
    format: Format
    idempotency_key: str = strawberry.field(description=IDEMPOTENCY_KEY)


@strawberry.input(description="Lấy tệp, một lần. / Fetch the file, once.")
class FetchExportInput:
    id: strawberry.ID
    idempotency_key: str = strawberry.field(description=IDEMPOTENCY_KEY)


@strawberry.type(description="Một lần xuất danh sách; mất sau 24 giờ. / An export; gone after 24 hours.")
class Export:
    id: strawberry.ID
    format: Format
    state: ExportState
    done: int = strawberry.field(description="Số dòng đã ghi. / Rows written.")
    row_count: int
    asked_at: datetime
    expires_at: datetime


@strawberry.type(description="Đã nhận yêu cầu. / It is being made.")
class ExportAsked:
    id: strawberry.ID


@strawberry.type(description="Tệp; không lấy lại được. / The file; it can't be fetched again.")
class ExportFetched:
    file_name: str
    content_type: str
    content: str = strawberry.field(description="Base64.")


ExportResult = Annotated[Export | NotFound | Forbidden | InvalidInput, strawberry.union("ExportResult")]
AskExportPayload = Annotated[
    ExportAsked | Forbidden | InvalidInput | TooBroad | TooManyExports | IdempotencyMismatch,
    strawberry.union("AskExportPayload"),
]
FetchExportPayload = Annotated[
    ExportFetched | Forbidden | InvalidInput | ExportGone | IdempotencyMismatch,
    strawberry.union("FetchExportPayload"),
]


@strawberry.type
class ExportQuery:
    @strawberry.field(description="Một lần xuất danh sách của mình. / How far an own export is.")
    async def export(self, info: Info, id: strawberry.ID) -> ExportResult:
        context = info.context
        try:
            async with context.parsing("export.read"):
                official, export = context.official(), context.codecs.global_ids.parse_uuid(KIND, id)
            return _export_of(id, await context.services.work.exports.one(official, export))
        except Refusal as refusal:
            problem: ExportResult = problem_of(refusal, context.language, ExportResult)
            return problem


@strawberry.type
class ExportMutation:
    @strawberry.mutation(description="Xuất danh sách ra tệp. / Have a list written to a file.")
    async def ask_export(self, info: Info, input: AskExportInput) -> AskExportPayload:
        context = info.context
        try:
            async with context.parsing("export.ask"):
                official, key = context.official(), context.idempotency(input.idempotency_key)
            wanted = filter_of(input.filter)
            asked = await context.services.work.exports.ask(official, wanted, input.format, key)
        except Refusal as refusal:
            problem: AskExportPayload = problem_of(refusal, context.language, AskExportPayload)
            return problem
        return ExportAsked(id=strawberry.ID(context.codecs.global_ids.of_uuid(KIND, asked)))

    @strawberry.mutation(description="Lấy tệp, một lần. / Fetch the file, once.")
    async def fetch_export(self, info: Info, input: FetchExportInput) -> FetchExportPayload:
        context = info.context
        try:
            async with context.parsing("export.fetch"):
                official, key = context.official(), context.idempotency(input.idempotency_key)
                export = context.codecs.global_ids.parse_uuid(KIND, input.id)
            file = await context.services.work.exports.fetch(official, export, key)
        except Refusal as refusal:
            problem: FetchExportPayload = problem_of(refusal, context.language, FetchExportPayload)
            return problem
        return ExportFetched(
            file_name=f"phan-anh.{file.format.value}",
            content_type=_TYPES[file.format],
            content=base64.b64encode(file.content).decode("ascii"),
        )


def _export_of(id: strawberry.ID, export: Made) -> Export:
    return Export(
        id=id,
        format=export.format,
        state=export.state,
        done=export.done,
        row_count=export.rows,
        asked_at=export.asked_at,
        expires_at=export.expires_at,
    )
