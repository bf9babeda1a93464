"""Refusals of consents and requests."""

from datetime import datetime

from foundation.errors import Refusal


class AlreadyOpen(Refusal):
    """A request of this kind waits for its answer."""

    code = "privacy.already_open"
    vi = "Yêu cầu cùng loại đang được xử lý. Hãy đợi trả lời."
    en = "A request of this kind is being handled. Please wait for its answer."


class WrongStep(Refusal):
    """The request is answered, or was accepted or extended before."""

    code = "privacy.wrong_step"
    vi = "Yêu cầu đã qua bước này. Hãy tải lại."
    en = "The request is past this step. Please reload."


class OldText(Refusal):
    """Another wording is in force than the one that was agreed to."""

    code = "privacy.old_text"
    vi = "Nội dung xin đồng ý đã thay đổi. Hãy đọc lại rồi trả lời."
    en = "The text that consent is asked for has changed. Please read it again, then answer."

    def __init__(self, current: int) -> None:
        super().__init__(current=current)
        self.current = current


class CopyTooSoon(Refusal):
    """A copy was asked for within the last day."""

    code = "privacy.copy_too_soon"
    vi = "Mỗi ngày chỉ lập một bản sao. Hãy thử lại sau."
    en = "One copy a day is made. Please try again later."

    def __init__(self, again_at: datetime) -> None:
        super().__init__()
        self.again_at = again_at


class CopyGone(Refusal):
    """No such copy of one's own, or it is not made yet, was fetched, or its day is over."""

    code = "privacy.copy_gone"
    vi = "Không có bản sao này, hoặc chưa xong, đã lấy hay đã hết hạn."
    en = "There is no such copy, or it is not made yet, was fetched, or has expired."
