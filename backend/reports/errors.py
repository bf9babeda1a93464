"""Refusals of the reports feature."""

from foundation.errors import Refusal


class IllegalTransition(Refusal):
    """The report's state does not allow this step."""

    code = "reports.illegal_transition"
    vi = "Phản ánh đang ở trạng thái “{state}” nên không thể thực hiện bước “{step}”. Hãy tải lại."
    en = "The report is in state “{state}”, which does not allow “{step}”. Please reload it."

    def __init__(self, state: str, step: str) -> None:
        super().__init__(state=state, step=step)
        self.state = state
        self.step = step


class SameUnit(Refusal):
    """Forwarded to the unit that already has it."""

    code = "reports.same_unit"
    vi = "Phản ánh đã ở đơn vị này. Hãy chọn đơn vị khác."
    en = "The report is already with this unit. Please choose another one."


class EvidenceMissing(Refusal):
    """Closed as resolved, and nobody can see that it is: no photo, no document of the unit's."""

    code = "reports.evidence_missing"
    vi = "Chưa có ảnh hoặc tài liệu chứng minh đã giải quyết. Hãy tải lên rồi đóng phản ánh."
    en = "No photo or document shows that it was resolved. Please add one, then close the report."


class UnknownLegalReason(Refusal):
    """No ground of this code is in force for this kind of refusal."""

    code = "reports.unknown_legal_reason"
    vi = "Căn cứ từ chối không hợp lệ cho lý do đóng này. Hãy chọn lại trong danh mục căn cứ."
    en = "This ground is not one for this reason of closing. Please choose one from the list of grounds."


class AlreadyRated(Refusal):
    """One rating for each closing."""

    code = "reports.already_rated"
    vi = "Bạn đã đánh giá kết quả này."
    en = "You have rated this result already."


class AlreadyReopened(Refusal):
    """A report is reopened once."""

    code = "reports.already_reopened"
    vi = "Phản ánh đã được mở lại một lần. Nếu sự việc tái diễn, hãy gửi phản ánh mới."
    en = "The report was reopened once already. If it happens again, please send a new report."


class TooLate(Refusal):
    """The 15 days after the closing are over, or it was the citizen's own withdrawal."""

    code = "reports.too_late"
    vi = "Đã hết thời hạn đánh giá hoặc mở lại phản ánh này. Hãy gửi phản ánh mới nếu cần."
    en = "This report can't be rated or reopened any more. Please send a new one if need be."


class UnknownUnit(Refusal):
    """No such unit, or one that takes no reports (ended, or a Party body)."""

    code = "reports.unknown_unit"
    vi = "Đơn vị nhận không tồn tại hoặc không tiếp nhận phản ánh."
    en = "This unit does not exist or takes no reports."


class PartsOpen(Refusal):
    """A supporting unit has not done its part, and nobody has set it aside."""

    code = "reports.parts_open"
    vi = "Còn đơn vị phối hợp chưa xong phần việc. Hãy chờ, hoặc gác phần việc đó lại kèm lý do."
    en = "A supporting unit has not done its part. Please wait, or set the part aside with a reason."


class ReportMerged(Refusal):
    """It was merged into another report, which is worked on in its place, and stands still."""

    code = "reports.merged"
    vi = "Phản ánh đã được gộp vào phản ánh {into}. Hãy xem phản ánh đó."
    en = "The report was merged into report {into}. Please see that one."

    def __init__(self, into: str) -> None:
        super().__init__(into=into)
        self.into = into


class HasMerged(Refusal):
    """Others were merged into it: there is one level."""

    code = "reports.has_merged"
    vi = "Đã có phản ánh khác gộp vào phản ánh {report}. Hãy gộp theo chiều ngược lại, hoặc tách ra trước."
    en = "Others were merged into report {report}. Merge the other way round, or take them apart first."

    def __init__(self, report: str) -> None:
        super().__init__(report=report)
        self.report = report


class TooManyMerged(Refusal):
    """As many reports as there may be were merged into it."""

    code = "reports.too_many_merged"
    vi = "Mỗi phản ánh nhận gộp tối đa {most} phản ánh khác."
    en = "At most {most} reports are merged into one."

    def __init__(self, most: int) -> None:
        super().__init__(most=most)
        self.most = most


class MergeReasonNeeded(Refusal):
    """Of another category, further than 1,000 m, or of a place that is not known: somebody has to say why."""

    code = "reports.merge_reason_needed"
    vi = "Phản ánh {report} khác lĩnh vực, cách xa hơn 1.000 m hoặc không rõ vị trí. Hãy nêu lý do gộp."
    en = "Report {report} is of another category, over 1,000 m away, or of unknown place. Please say why."

    def __init__(self, report: str) -> None:
        super().__init__(report=report)
        self.report = report


class NotMerged(Refusal):
    """There is nothing to take apart."""

    code = "reports.not_merged"
    vi = "Phản ánh không được gộp vào phản ánh nào."
    en = "The report was not merged into another."
