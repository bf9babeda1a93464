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


class AlreadySupporting(Refusal):
    """The unit has an open part of this report."""

    code = "work.already_supporting"
    vi = "Đơn vị này đang phối hợp xử lý phản ánh."
    en = "This unit has a part of the report already."


class WrongPartState(Refusal):
    """The unit has no part of this report in a state that allows it."""

    code = "work.wrong_part_state"
    vi = "Đơn vị không có phần việc phù hợp để thực hiện bước này. Hãy tải lại."
    en = "The unit has no part in a state that allows this. Please reload."


class TooManyParts(Refusal):
    """The report has as many supporting units as it may."""

    code = "work.too_many_parts"
    vi = "Phản ánh đã có tối đa {most} đơn vị phối hợp."
    en = "The report has {most} supporting units, which is the most there may be."

    def __init__(self, most: int) -> None:
        super().__init__(most=most)
        self.most = most


class TooBroad(Refusal):
    """Thousands were passed over without filling a page."""

    code = "work.too_broad"
    vi = "Bộ lọc quá rộng. Hãy thu hẹp theo ngày, trạng thái hoặc đơn vị."
    en = "The filter passes over too many reports. Please narrow it by days, state or unit."


class TooManyViews(Refusal):
    """A person keeps at most fifty views."""

    code = "work.too_many_views"
    vi = "Bạn đã lưu tối đa {most} bộ lọc. Hãy xóa bớt."
    en = "You have {most} saved views, which is the most there may be. Please delete one."

    def __init__(self, most: int) -> None:
        super().__init__(most=most)
        self.most = most


class NameTaken(Refusal):
    """The person has a view of this name."""

    code = "work.name_taken"
    vi = "Bạn đã có mục mang tên này. Hãy đặt tên khác."
    en = "You have one of this name already. Please choose another name."


class ExportGone(Refusal):
    """Fetched already, older than a day, not made yet, or somebody else's."""

    code = "work.export_gone"
    vi = "Tệp không còn hoặc chưa sẵn sàng. Mỗi tệp chỉ lấy được một lần trong 24 giờ; hãy xuất lại."
    en = "The file is gone or not ready. Each is fetched once, within 24 hours; please export again."


class TooManyExports(Refusal):
    """A person has at most five that were not fetched."""

    code = "work.too_many_exports"
    vi = "Bạn đang có {most} tệp chưa lấy. Hãy lấy hoặc chờ hết hạn."
    en = "You have {most} files that you have not fetched. Please fetch them first."

    def __init__(self, most: int) -> None:
        super().__init__(most=most)
        self.most = most


class TooManyTemplates(Refusal):
    """A unit has at most two hundred templates in use."""

    code = "work.too_many_templates"
    vi = "Đơn vị đã có tối đa {most} mẫu. Hãy ngừng dùng bớt."
    en = "The unit has {most} templates, which is the most there may be. Please retire some."

    def __init__(self, most: int) -> None:
        super().__init__(most=most)
        self.most = most


class NotTried(Refusal):
    """Of many reports at once: the time of the request was over before this one."""

    code = "work.not_tried"
    vi = "Chưa kịp xử lý phản ánh này. Hãy gửi lại."
    en = "There was no time left for this report. Please send again."


class ReportFailed(Refusal):
    """Of many reports at once: a fault of ours at this one."""

    code = "work.report_failed"
    vi = "Hệ thống gặp lỗi ở phản ánh này. Hãy gửi lại."
    en = "Something went wrong with this report. Please send again."
