"""Refusals of calendars, of rules of deadlines, and of pauses."""

from backend.deadlines.types import Fault
from foundation.errors import Refusal

MOST_FAULTS = 20


class HoursOverlap(Refusal):
    """Two intervals of a day overlap."""

    code = "deadlines.hours_overlap"
    vi = "Giờ làm việc ngày thứ {weekday} trong tuần bị chồng nhau. Hãy sửa lại."
    en = "The working hours of weekday {weekday} overlap. Please correct them."

    def __init__(self, weekday: int) -> None:
        super().__init__(weekday=weekday)
        self.weekday = weekday


class NotADraft(Refusal):
    """A set that was put in force is not changed any more; one that holds is not discarded."""

    code = "deadlines.not_a_draft"
    vi = "Bộ thời hạn này không còn là bản nháp. Hãy tạo bản nháp mới từ bộ này."
    en = "This set of deadlines is no draft any more. Please make a new draft from it."


class DoubleRule(Refusal):
    """Two rules for one category and urgency in one place."""

    code = "deadlines.double_rule"
    vi = "Hai quy tắc “{first}” và “{second}” cùng lĩnh vực, mức độ khẩn và địa bàn. Hãy giữ một quy tắc."
    en = "The rules “{first}” and “{second}” are for the same category, urgency and place. Please keep one."

    def __init__(self, first: str, second: str) -> None:
        super().__init__(first=first, second=second)
        self.first = first
        self.second = second


class IncompleteRules(Refusal):
    """Some report would have no deadline, or a rule names what is no more."""

    code = "deadlines.incomplete_rules"
    vi = "Bộ thời hạn còn {count} chỗ thiếu hoặc sai nên chưa thể áp dụng. Hãy sửa các chỗ được liệt kê."
    en = (
        "The set of deadlines has {count} gaps or faults and can't be put in force. Please mend those listed."
    )

    def __init__(self, faults: tuple[Fault, ...]) -> None:
        super().__init__(count=len(faults))
        self.count = len(faults)
        self.faults = faults[:MOST_FAULTS]


class NotRunning(Refusal):
    """The report is not being handled, or its time is over: there is nothing to pause."""

    code = "deadlines.not_running"
    vi = "Thời hạn xử lý của phản ánh này không đang chạy nên không thể tạm dừng."
    en = "The handling deadline of this report is not running, so it can't be paused."


class AlreadyPaused(Refusal):
    """The clock stands still already."""

    code = "deadlines.already_paused"
    vi = "Thời hạn xử lý của phản ánh này đang tạm dừng."
    en = "The handling deadline of this report is paused already."


class NotPaused(Refusal):
    """No officer's pause is there to be ended."""

    code = "deadlines.not_paused"
    vi = "Thời hạn xử lý của phản ánh này không tạm dừng."
    en = "The handling deadline of this report is not paused."


class TooManyPauses(Refusal):
    """The report was paused as often as one may be."""

    code = "deadlines.too_many_pauses"
    vi = "Phản ánh này đã tạm dừng {most} lần, là mức tối đa."
    en = "This report was paused {most} times, which is the most there may be."

    def __init__(self, most: int) -> None:
        super().__init__(most=most)
        self.most = most


class UnknownPauseReason(Refusal):
    """No such reason."""

    code = "deadlines.unknown_pause_reason"
    vi = "Lý do tạm dừng không tồn tại. Hãy chọn trong danh sách."
    en = "There is no such reason for a pause. Please choose one from the list."


class SameUrgency(Refusal):
    """The report is as urgent as that already."""

    code = "deadlines.same_urgency"
    vi = "Phản ánh đã ở mức độ khẩn này."
    en = "The report has this urgency already."
