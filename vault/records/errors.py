"""Refusals of records. Said sealed."""

from foundation.errors import Refusal


class StepUpNeeded(Refusal):
    """A stronger or fresher sign-in, or a code of the vault's second factor, is needed for this class."""

    code = "vault.step_up_required"
    vi = "Nội dung này cần đăng nhập lại ở mức cao hơn hoặc gần đây hơn, và mã xác thực của kho dữ liệu."
    en = "This needs a stronger or more recent sign-in, and a code of the vault's own second factor."

    def __init__(self, acr_values: str, max_age: int, *, sign_in: bool, factor: bool) -> None:
        """What is missing: the sign-in, the code or both. `max_age` in seconds."""
        super().__init__(
            acrValues=acr_values if sign_in else None,
            maxAge=max_age if sign_in else None,
            factor="code" if factor else None,
        )


class DeviceNotEnrolled(Refusal):
    """The device that asks is none that two enrolled officers signed for, in this person's name."""

    code = "vault.device_not_enrolled"
    vi = "Thiết bị này chưa được ghi danh cho bạn tại kho dữ liệu. Hãy liên hệ cán bộ phụ trách ghi danh."
    en = "This device is not enrolled for you at the vault. Please turn to the officers who enrol devices."


class DeviceWaits(Refusal):
    """The device is enrolled, and its waiting time is not over."""

    code = "vault.device_waits"
    vi = "Thiết bị này vừa được ghi danh và chưa dùng được cho nội dung này. Hãy thử lại sau {until}."
    en = "This device was just enrolled and can't open this yet. Please try again after {until}."

    def __init__(self, until: str) -> None:
        """`until` is an RFC 3339 moment."""
        super().__init__(until=until)


class Changing(Refusal):
    """The record, or the register of authority, changed again and again while it was decided."""

    code = "records.changed_meanwhile"
    vi = "Hồ sơ hoặc quyền truy cập vừa thay đổi. Hãy thử lại."
    en = "The record or the right to it has just changed. Please try again."


class Retained(Refusal):
    """The law keeps the record longer, and it is no fresh mistake."""

    code = "records.retained"
    vi = "Hồ sơ phải được lưu giữ đến {until} nên chưa thể xóa."
    en = "The record has to be kept until {until} and can't be deleted yet."

    def __init__(self, until: str) -> None:
        """`until` is an RFC 3339 date."""
        super().__init__(until=until)
