"""Open reports near another one, for officers (phản ánh trùng gần đó)."""

from datetime import datetime
from typing import Annotated

import strawberry

from backend.duplicates import near, types
from foundation.errors import Refusal
from foundation.ids import parse_report_code, show_report_code
from graphql_schema.context import Info
from graphql_schema.enums import ReportState
from graphql_schema.errors import Forbidden, InvalidInput, NotFound, problem_of
from graphql_schema.reports import CODE
from graphql_schema.sizes import rows
from graphql_schema.tenancy import UnitSummary, summary_of


@strawberry.type(description="Phản ánh gần đó, cho cán bộ. / A near report that the official may read.")
class ReportNear:
    code: str
    shown_code: str
    ward: UnitSummary
    handler: UnitSummary
    state: ReportState
    version: int
    created_at: datetime
    distance_metres: int = strawberry.field(
        description="Mét, giữa tâm hai ô bản đồ. / Metres between the centres of the two cells."
    )


@strawberry.type(
    description="Cùng loại, đang xử lý, trong 1.000 m, gần trước. / Open, same kind, nearest first."
)
class ReportsNear:
    reports: list[ReportNear] = strawberry.field(metadata=rows(near.MOST))


NearReportsForOfficersResult = Annotated[
    ReportsNear | NotFound | Forbidden | InvalidInput,
    strawberry.union(
        "NearReportsForOfficersResult", description="Phản ánh gần đó. / Near reports, or why not."
    ),
]


@strawberry.type
class NearQuery:
    @strawberry.field(
        description="Phản ánh có thể trùng với phản ánh này. / Reports that may be the same as this one."
    )
    async def near_reports_for_officers(
        self, info: Info, code: Annotated[str, strawberry.argument(description=CODE)]
    ) -> NearReportsForOfficersResult:
        context = info.context
        try:
            async with context.parsing("report.near_officers"):
                official, canonical = context.official(), parse_report_code(code)
            found = await context.services.near.around(official, canonical)
        except Refusal as refusal:
            problem: NearReportsForOfficersResult = problem_of(
                refusal, context.language, NearReportsForOfficersResult
            )
            return problem
        return ReportsNear(reports=[_near_of(report) for report in found])


def _near_of(report: types.ReportNear) -> ReportNear:
    return ReportNear(
        code=report.code,
        shown_code=show_report_code(report.code),
        ward=summary_of(report.ward),
        handler=summary_of(report.handler),
        state=report.state,
        version=report.version,
        created_at=report.created_at,
        distance_metres=report.distance,
    )
