"""Why somebody must wait, as an HTTP answer."""

from typing import ClassVar

from foundation.errors import Refusal


class LimitRefusal(Refusal):
    """Not now. `status` is the HTTP status, `retry_after` whole seconds (RFC 9110, 10.2.3)."""

    status: ClassVar[int]

    def __init__(self, retry_after: int) -> None:
        super().__init__(retryAfterSeconds=retry_after)
        self.retry_after = retry_after

    def message(self, language: str) -> str:
        template = self.en if language == "en" else self.vi
        return template.format(wait=_wait(self.retry_after, language))


class TooManyRequests(LimitRefusal):
    """More than a limit allows. `limit` names it.

    `new`: this process has told nobody so for a minute, so the refusal is worth an event of its own; else it
    is counted.
    """

    code = "limits.too_many"
    status = 429
    vi = "Bạn đã gửi quá nhiều yêu cầu. Hãy thử lại sau {wait}."
    en = "Too many requests. Please try again in {wait}."

    def __init__(self, limit: str, retry_after: int, *, new: bool) -> None:
        super().__init__(retry_after)
        self.limit = limit
        self.new = new


class LimitsUnavailable(LimitRefusal):
    """Nobody can say how often somebody called: what can't be counted is refused."""

    code = "limits.unavailable"
    status = 503
    vi = "Hệ thống đang gián đoạn. Hãy thử lại sau {wait}."
    en = "The service is interrupted. Please try again in {wait}."


def _wait(seconds: int, language: str) -> str:
    if seconds < 90:
        return f"{seconds} second{'s' * (seconds > 1)}" if language == "en" else f"{seconds} giây"
    minutes = -(-seconds // 60)
    return f"{minutes} minutes" if language == "en" else f"{minutes} phút"
