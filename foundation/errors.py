"""Refusals: what may go wrong and is expected to. Codes are stable for ever; both languages stand here.

A refusal is an answer, not a fault: it reaches the client as a typed member of the payload union.
Anything else is masked and answered with the request id.
"""

from typing import ClassVar


class Refusal(Exception):
    """An expected refusal. Subclasses name a stable `code` (`area.reason`) and say what to do next."""

    code: ClassVar[str]
    vi: ClassVar[str]
    en: ClassVar[str]

    def __init__(self, **details: str | int | None) -> None:
        super().__init__(self.code)
        self.details = details

    def message(self, language: str) -> str:
        """The text for a person, `language` being "vi" or "en"."""
        template = self.en if language == "en" else self.vi
        return template.format(**self.details)


class NotFound(Refusal):
    """Hidden and absent objects alike."""

    code = "common.not_found"
    vi = "Không tìm thấy. Hãy kiểm tra lại mã."
    en = "Not found. Please check the code."


class InvalidInput(Refusal):
    """An argument outside its limits. `field` is its name in the API."""

    code = "common.invalid_input"
    vi = "Giá trị của “{field}” không hợp lệ. Hãy sửa và gửi lại."
    en = "The value of “{field}” is not valid. Please correct it and send again."

    def __init__(self, field: str) -> None:
        super().__init__(field=field)
        self.field = field


class Forbidden(Refusal):
    """The person may see the object but not do this to it."""

    code = "common.forbidden"
    vi = "Bạn không có quyền thực hiện việc này."
    en = "You may not do this."


class VersionConflict(Refusal):
    """Somebody else changed the aggregate first."""

    code = "common.version_conflict"
    vi = "Người khác vừa thay đổi mục này. Hãy tải lại rồi thử lại."
    en = "Somebody else has just changed this. Please reload and try again."

    def __init__(self, current: int) -> None:
        super().__init__(current=current)
        self.current = current


class IdempotencyMismatch(Refusal):
    """The key was used within 24 h for another body."""

    code = "idempotency.mismatch"
    vi = "Khóa chống gửi trùng đã được dùng cho một nội dung khác. Hãy tạo khóa mới."
    en = "This idempotency key was used for another request. Please make a new key."


class CursorExpired(Refusal):
    """The cursor is older than 90 days or of another epoch."""

    code = "changes.cursor_expired"
    vi = "Vị trí trang đã quá hạn. Hãy tải lại từ đầu."
    en = "This page position is too old. Please start again from the first page."
