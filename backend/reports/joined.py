"""The report that another one was merged into (phản ánh chính): what who sees the one learns of the other."""

from uuid import UUID

import msgspec
from sqlalchemy import text

from backend.reports.errors import ReportMerged
from backend.reports.models import ReportRow
from backend.reports.types import ClosingReason, Joined, ReportState, ReportStep
from foundation.database.unit_of_work import UnitOfWork

_MAIN = text("SELECT reports.main_facts(:main)")
_CODE = text(
    "SELECT reports.main_facts(r.merged_into)::jsonb ->> 'code' FROM reports.report r WHERE r.id = :report"
)
_COUNT = text("SELECT reports.merged_count(:report)")
# What its citizen may do with a merged report once the other one is closed.
_AFTERWARDS = frozenset({ReportStep.RATED, ReportStep.REOPENED})


def joined_of(facts: str) -> Joined:
    """What `reports.main_facts` tells."""
    return msgspec.json.decode(facts, type=Joined)


async def closing_of(work: UnitOfWork, report: ReportRow, step: ReportStep) -> Joined | ReportRow:
    """Whose closing counts for a step on the locked report: its own, or that of the one it was merged into.

    Raises ReportMerged for every step on a merged report but rating and reopening after the other's closing.
    """
    if report.merged_into is None:
        return report
    facts = (await work.connection.execute(_MAIN, {"main": report.merged_into})).scalar_one()
    joined = joined_of(facts)
    if step not in _AFTERWARDS or joined.state is not ReportState.CLOSED:
        raise ReportMerged(joined.code)
    return joined


async def refuse_merged(work: UnitOfWork, report_id: UUID) -> None:
    """Raise ReportMerged, which names the other report, when the locked report was merged into it."""
    into: str | None = (await work.connection.execute(_CODE, {"report": report_id})).scalar()
    if into is not None:
        raise ReportMerged(into)


async def merged_count(work: UnitOfWork, report: ReportRow) -> int:
    """How many reports were merged into this one, also those that the person does not see."""
    return int((await work.connection.execute(_COUNT, {"report": report.id})).scalar_one())


def withdrawn(closing: Joined | ReportRow) -> bool:
    """Whether the citizen took the report back, so that nothing was done that could be rated."""
    return closing.closing_reason == ClosingReason.WITHDRAWN
