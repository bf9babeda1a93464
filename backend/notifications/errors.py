"""Refusals of the feature, with their stable codes."""

from foundation.errors import Refusal


class NoAddress(Refusal):
    """Messages by SMS or e-mail were asked for, and no number or address is proven to be this person's."""

    code = "notifications.no_address"
    vi = "Chưa có số điện thoại hoặc địa chỉ đã xác minh cho “{field}”. Hãy xác minh trước."
    en = "No verified number or address is known for “{field}”. Please verify one first."

    def __init__(self, field: str) -> None:
        super().__init__(field=field)
        self.field = field
