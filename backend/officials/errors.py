"""Refusals of the administration of officials."""

from foundation.errors import Refusal


class WrongState(Refusal):
    """The account's state does not allow this step."""

    code = "officials.wrong_state"
    vi = "Tài khoản đang ở trạng thái “{state}” nên không thể thực hiện việc này. Hãy tải lại."
    en = "The account is in state “{state}”, which does not allow this. Please reload it."

    def __init__(self, state: str) -> None:
        super().__init__(state=state)
        self.state = state


class Taken(Refusal):
    """Another account has this user name or e-mail address: a person has one account."""

    code = "officials.taken"
    vi = "Giá trị của “{field}” đã thuộc về một tài khoản khác. Mỗi cán bộ chỉ có một tài khoản."
    en = "Another account has this “{field}”. A person has one account only."

    def __init__(self, field: str) -> None:
        super().__init__(field=field)
        self.field = field


class UnknownUnit(Refusal):
    """No such unit, or one that has ended or will have by then."""

    code = "officials.unknown_unit"
    vi = "Đơn vị “{unit}” không tồn tại hoặc đã kết thúc hoạt động."
    en = "The unit “{unit}” does not exist or has ended."

    def __init__(self, unit: str) -> None:
        # What was typed is repeated only when it is short: it reaches a screen.
        super().__init__(unit=unit[:8])


class SameUnit(Refusal):
    """Transferred to the unit where the official is."""

    code = "officials.same_unit"
    vi = "Cán bộ đang ở đơn vị này. Hãy chọn đơn vị khác."
    en = "The official is at this unit already. Please choose another one."


class DutyOutsideUnit(Refusal):
    """A duty lies within the unit that employs: elsewhere it would need a transfer first."""

    code = "officials.duty_outside_unit"
    vi = "Nhiệm vụ phải thuộc đơn vị công tác hoặc đơn vị trực thuộc. Hãy điều chuyển cán bộ trước."
    en = "A duty must lie in the official's unit or below it. Transfer the official first."


class DutyOverlap(Refusal):
    """The official has this duty in that time already."""

    code = "officials.duty_overlap"
    vi = "Cán bộ đã có nhiệm vụ này trong khoảng thời gian đó."
    en = "The official has this duty at that time already."


class NoSuchDuty(Refusal):
    """A duty is ended that the official does not have."""

    code = "officials.no_such_duty"
    vi = "Cán bộ không có nhiệm vụ này. Hãy tải lại."
    en = "The official has no such duty. Please reload."


class ResetOver(Refusal):
    """No open request with this code: confirmed, replaced by a newer one, or older than half an hour."""

    code = "officials.reset_over"
    vi = "Yêu cầu đặt lại không còn hiệu lực. Hãy tạo yêu cầu mới."
    en = "This request is no longer open. Please ask anew."


class SecondOfficerNeeded(Refusal):
    """Whoever asked can't confirm: a reset takes two."""

    code = "officials.second_officer_needed"
    vi = "Việc đặt lại cần người thứ hai xác nhận."
    en = "A reset is confirmed by a second person."


class NotOnReview(Refusal):
    """The quarter's list does not have this official."""

    code = "officials.not_on_review"
    vi = "Cán bộ không có trong danh sách rà soát của quý này."
    en = "The official is not on this quarter's list."
