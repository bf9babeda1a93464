"""Live connections of a process by their sessions, so that an end reaches each of them without a search."""

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime

from backend.changes.errors import SessionOver, TokenOver
from foundation.identity.principal import VerifiedSession

End = Callable[[type[SessionOver]], None]
"""Told why: the session ended, or its token ran out."""


@dataclass(frozen=True, slots=True)
class Ended:
    """A noted end (`foundation.identity.revocation.SessionEnd`); `at` in seconds since 1970."""

    iss: str
    sid: str | None
    sub: str | None
    at: float
    except_sid: str | None = None
    jkt: str | None = None

    def means(self, session: VerifiedSession) -> bool:
        """Whether this session ended by it: as `identity.admit` has it."""
        if session.iss != self.iss:
            return False
        if self.sid is not None:
            return session.sid == self.sid
        return (
            self.sub in (None, session.sub)
            and session.auth_time.timestamp() <= self.at
            and session.sid != self.except_sid
            and self.jkt in (None, session.jkt)
        )


@dataclass(eq=False, slots=True)
class _Connection:
    session: VerifiedSession
    end: End


class LiveSessions:
    """Who is connected now, and how to end each."""

    def __init__(self) -> None:
        self._by_session: dict[tuple[str, str], set[_Connection]] = defaultdict(set)
        self._by_person: dict[tuple[str, str], set[_Connection]] = defaultdict(set)

    def __len__(self) -> int:
        return sum(map(len, self._by_person.values()))

    @contextmanager
    def connected(self, session: VerifiedSession, end: End) -> Iterator[None]:
        """While it lasts, `end` is called once or more when the session is over."""
        connection = _Connection(session, end)
        places = (
            (self._by_session, (session.iss, session.sid)),
            (self._by_person, (session.iss, session.sub)),
        )
        for index, key in places:
            index[key].add(connection)
        try:
            yield
        finally:
            for index, key in places:
                index[key].discard(connection)
                if not index[key]:
                    del index[key]

    def end(self, ends: Iterable[Ended]) -> None:
        """End whom these ends mean. The same end may be told again."""
        for ended in ends:
            for connection in list(self._candidates(ended)):
                if ended.means(connection.session):
                    connection.end(SessionOver)

    def expire(self, now: datetime) -> None:
        """End those whose token has run out."""
        for connection in [c for members in self._by_person.values() for c in members]:
            if connection.session.expires_at <= now:
                connection.end(TokenOver)

    def _candidates(self, ended: Ended) -> Iterable[_Connection]:
        if ended.sid is not None:
            return self._by_session.get((ended.iss, ended.sid), ())
        if ended.sub is not None:
            return self._by_person.get((ended.iss, ended.sub), ())
        return [c for members in self._by_person.values() for c in members]
