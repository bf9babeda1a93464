"""Refusals of routing."""

from foundation.errors import Refusal


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
