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


class UnknownUnit(Refusal):
    """No such unit, or one that takes no reports (ended, or a Party body)."""

    code = "reports.unknown_unit"
    vi = "Đơn vị nhận không tồn tại hoặc không tiếp nhận phản ánh."
    en = "This unit does not exist or takes no reports."
