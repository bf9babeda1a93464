"""Refusals of routing."""

from backend.routing.types import Fault
from foundation.errors import Refusal

MOST_FAULTS = 20


class UnknownCategory(Refusal):
    """No such category."""

    code = "routing.unknown_category"
    vi = "Lĩnh vực không tồn tại. Hãy chọn trong danh sách."
    en = "There is no such category. Please choose one from the list."


class UnknownWard(Refusal):
    """No such ward or commune."""

    code = "routing.unknown_ward"
    vi = "Phường, xã không tồn tại. Hãy chọn trong danh sách."
    en = "There is no such ward or commune. Please choose one from the list."


class NotADraft(Refusal):
    """A set that was put in force is not changed any more; one that holds is not discarded."""

    code = "routing.not_a_draft"
    vi = "Bộ quy tắc này không còn là bản nháp. Hãy tạo bản nháp mới từ bộ quy tắc này."
    en = "This set of rules is no draft any more. Please make a new draft from it."


class DoubleRule(Refusal):
    """Two rules for one category in one place."""

    code = "routing.double_rule"
    vi = "Hai quy tắc “{first}” và “{second}” cùng một lĩnh vực và địa bàn. Hãy giữ một quy tắc."
    en = "The rules “{first}” and “{second}” are for the same category and place. Please keep one."

    def __init__(self, first: str, second: str) -> None:
        super().__init__(first=first, second=second)
        self.first = first
        self.second = second


class IncompleteRules(Refusal):
    """Some category in some place would have no rule, or a rule names what is no more."""

    code = "routing.incomplete_rules"
    vi = "Bộ quy tắc còn {count} chỗ thiếu hoặc sai nên chưa thể áp dụng. Hãy sửa các chỗ được liệt kê."
    en = "The set of rules has {count} gaps or faults and can't be put in force. Please mend those listed."

    def __init__(self, faults: tuple[Fault, ...]) -> None:
        super().__init__(count=len(faults))
        self.count = len(faults)
        self.faults = faults[:MOST_FAULTS]
