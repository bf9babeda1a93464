"""Problems of merging reports, and of reports that were merged."""

from typing import Any

import strawberry

from backend.reports import errors
from graphql_schema.errors import PROBLEMS, Problem, plain


@strawberry.type(
    description="Đã gộp vào phản ánh khác nên đứng yên. / Merged into another report, which is worked on."
)
class ReportMerged(Problem):
    into: str = strawberry.field(description="Mã phản ánh chính. / Code of the other report.")


@strawberry.type(description="Đã có phản ánh gộp vào phản ánh này. / Others were merged into this one.")
class HasMerged(Problem):
    report: str = strawberry.field(description="Mã phản ánh. / Code of the report.")


@strawberry.type(description="Đủ số phản ánh gộp. / As many were merged into it as may be.")
class TooManyMerged(Problem):
    most: int


@strawberry.type(description="Cần nêu lý do gộp. / Not plainly the same: say why.")
class MergeReasonNeeded(Problem):
    report: str = strawberry.field(description="Mã phản ánh. / Code of the report.")


@strawberry.type(description="Không gộp vào đâu. / It was not merged.")
class NotMerged(Problem):
    pass


def _into(refusal: errors.ReportMerged, common: dict[str, str]) -> Problem:
    return ReportMerged(**common, into=refusal.into)


def _has(refusal: errors.HasMerged, common: dict[str, str]) -> Problem:
    return HasMerged(**common, report=refusal.report)


def _most(refusal: errors.TooManyMerged, common: dict[str, str]) -> Problem:
    return TooManyMerged(**common, most=refusal.most)


def _why(refusal: errors.MergeReasonNeeded, common: dict[str, str]) -> Problem:
    return MergeReasonNeeded(**common, report=refusal.report)


_MADE: dict[Any, Any] = {
    errors.ReportMerged: (ReportMerged, _into),
    errors.HasMerged: (HasMerged, _has),
    errors.TooManyMerged: (TooManyMerged, _most),
    errors.MergeReasonNeeded: (MergeReasonNeeded, _why),
    errors.NotMerged: (NotMerged, plain(NotMerged)),
}
PROBLEMS |= _MADE
