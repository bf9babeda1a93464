"""Problems of officers' work."""

import strawberry

from backend.work import errors
from graphql_schema.errors import PROBLEMS, Problem, plain


@strawberry.type(
    description="Không có nhiệm vụ xử lý tại đơn vị hôm nay. / No handler of the unit today, or nobody."
)
class NotAHandler(Problem):
    pass


@strawberry.type(description="Đã giao cho người này. / It is in this person's hand already.")
class SameAssignee(Problem):
    pass


@strawberry.type(description="Chưa giao cho ai. / It is in nobody's hand.")
class NotAssigned(Problem):
    pass


@strawberry.type(description="Phản ánh đã đóng. / The report is closed.")
class ReportClosed(Problem):
    pass


@strawberry.type(description="Đang phối hợp. / The unit has an open part already.")
class AlreadySupporting(Problem):
    pass


@strawberry.type(description="Phần việc không cho phép. / The unit has no part in a state that allows this.")
class WrongPartState(Problem):
    pass


@strawberry.type(description="Đủ đơn vị phối hợp. / As many supporting units as there may be.")
class TooManyParts(Problem):
    most: int


@strawberry.type(description="Đã có mục mang tên này. / The person has one of this name.")
class NameTaken(Problem):
    pass


@strawberry.type(description="Đủ số bộ lọc. / As many saved views as there may be.")
class TooManyViews(Problem):
    most: int


@strawberry.type(description="Bộ lọc quá rộng. / Too many reports: narrow the filter.")
class TooBroad(Problem):
    pass


@strawberry.type(description="Tệp không còn. / The file is gone, or not ready.")
class ExportGone(Problem):
    pass


@strawberry.type(description="Quá nhiều tệp chưa lấy. / Too many files that were not fetched.")
class TooManyExports(Problem):
    most: int


@strawberry.type(description="Chưa kịp xử lý. / Not tried: the time of the request was over.")
class NotTried(Problem):
    pass


@strawberry.type(description="Lỗi hệ thống ở phản ánh này. / A fault of ours at this report.")
class ReportFailed(Problem):
    pass


def _too_many_exports(refusal: errors.TooManyExports, common: dict[str, str]) -> Problem:
    return TooManyExports(**common, most=refusal.most)


@strawberry.type(description="Đủ số mẫu. / As many templates as a unit may have.")
class TooManyTemplates(Problem):
    most: int


def _too_many_templates(refusal: errors.TooManyTemplates, common: dict[str, str]) -> Problem:
    return TooManyTemplates(**common, most=refusal.most)


def _too_many_views(refusal: errors.TooManyViews, common: dict[str, str]) -> Problem:
    return TooManyViews(**common, most=refusal.most)


def _too_many_parts(refusal: errors.TooManyParts, common: dict[str, str]) -> Problem:
    return TooManyParts(**common, most=refusal.most)


PROBLEMS |= {
    errors.NotTried: (NotTried, plain(NotTried)),
    errors.ReportFailed: (ReportFailed, plain(ReportFailed)),
    errors.TooManyTemplates: (TooManyTemplates, _too_many_templates),
    errors.TooBroad: (TooBroad, plain(TooBroad)),
    errors.ExportGone: (ExportGone, plain(ExportGone)),
    errors.TooManyExports: (TooManyExports, _too_many_exports),
    errors.NameTaken: (NameTaken, plain(NameTaken)),
    errors.TooManyViews: (TooManyViews, _too_many_views),
    errors.AlreadySupporting: (AlreadySupporting, plain(AlreadySupporting)),
    errors.WrongPartState: (WrongPartState, plain(WrongPartState)),
    errors.TooManyParts: (TooManyParts, _too_many_parts),
    errors.NotAHandler: (NotAHandler, plain(NotAHandler)),
    errors.SameAssignee: (SameAssignee, plain(SameAssignee)),
    errors.NotAssigned: (NotAssigned, plain(NotAssigned)),
    errors.ReportClosed: (ReportClosed, plain(ReportClosed)),
}
