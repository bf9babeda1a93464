"""Why a live connection ends against its client's will: the same for both transports."""

from backend.changes.errors import SessionOver, TokenOver, TooSlow
from foundation.identity.challenges import SessionEnded, TokenExpired

_CODES: dict[type[Exception], str] = {
    SessionOver: SessionEnded.code,
    TokenOver: TokenExpired.code,
    TooSlow: "changes.too_slow",
}


class NoLonger(Exception):
    """Who follows may not any more. `code` is that of the refusal which a new connection would meet."""

    def __init__(self, code: str) -> None:
        super().__init__(code)
        self.code = code


class ConnectAgain(Exception):
    """Nobody's end, and yet this connection's: it can't be asked whether who follows still may, or what he
    may has changed. A new connection is asked about anew; whose session lives need not sign in for it.
    """


def code_of(why: type[Exception]) -> str:
    """The code of an end of the feed."""
    return _CODES[why]
