"""Refusals that all registers share."""

from foundation.errors import Refusal


class CodeTaken(Refusal):
    """Another thing of the register has, or had, this code."""

    code = "administration.code_taken"
    vi = "Mã này đã được dùng. Hãy chọn mã khác."
    en = "This code is taken. Please choose another one."


class AlreadyEnded(Refusal):
    """What has ended is not changed any more."""

    code = "administration.already_ended"
    vi = "Mục này đã kết thúc nên không thể thay đổi. Hãy tải lại danh sách."
    en = "This has ended and can't be changed. Please reload the list."
