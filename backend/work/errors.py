"""Refusals of officers' work on reports."""

from foundation.errors import Refusal


class NotAHandler(Refusal):
    """The person has no handler's duty in the handling unit today, or there is no such person."""

    code = "work.not_a_handler"
    vi = "Người này hôm nay không có nhiệm vụ xử lý tại đơn vị. Hãy chọn người khác."
    en = "This person has no handler's duty in the unit today. Please choose somebody else."


class SameAssignee(Refusal):
    """It is in that person's hand already."""

    code = "work.same_assignee"
    vi = "Phản ánh đã được giao cho người này."
    en = "The report is in this person's hand already."


class NotAssigned(Refusal):
    """Nobody has it, so it can't be taken away."""

    code = "work.not_assigned"
    vi = "Phản ánh chưa được giao cho ai."
    en = "The report is in nobody's hand."


class ReportClosed(Refusal):
    """Work on a closed report is over."""

    code = "work.report_closed"
    vi = "Phản ánh đã đóng nên không thể thực hiện việc này."
    en = "The report is closed, so this can't be done."
