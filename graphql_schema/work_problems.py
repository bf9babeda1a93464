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


PROBLEMS |= {
    errors.NotAHandler: (NotAHandler, plain(NotAHandler)),
    errors.SameAssignee: (SameAssignee, plain(SameAssignee)),
    errors.NotAssigned: (NotAssigned, plain(NotAssigned)),
    errors.ReportClosed: (ReportClosed, plain(ReportClosed)),
}
