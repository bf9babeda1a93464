"""Proof replay and ends of sessions, in the database all workers share. A session once dead stays dead."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any, Protocol

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from foundation.identity.challenges import DeviceBlocked, ProofReplayed, ProofTooOld, SessionEnded
from foundation.identity.principal import VerifiedSession
from foundation.identity.proofs import Proof

_ADMIT = "SELECT identity.admit($1, $2, $3, $4, $5, $6, $7)"
_END = (
    "INSERT INTO identity.session_end (event_id, iss, sid, sub, ended_at, cause)"
    " VALUES ($1, $2, $3, $4, $5, $6) ON CONFLICT DO NOTHING"
)
_END_WITHIN = text(
    "INSERT INTO identity.session_end (event_id, iss, sid, sub, ended_at, cause, except_sid, jkt)"
    " VALUES (:event_id, :iss, :sid, :sub, :ended_at, :cause, :except_sid, :jkt) ON CONFLICT DO NOTHING"
)
_BLOCK = text(
    "INSERT INTO identity.blocked_key (iss, sub, jkt) VALUES (:iss, :sub, :jkt) ON CONFLICT DO NOTHING"
)
_FIRST_USE = text(
    "INSERT INTO identity.session_seen (iss, sid, sub, started_at)"
    " VALUES (:iss, :sid, :sub, :started_at) ON CONFLICT DO NOTHING"
)
_REFUSALS = {
    "too_old": ProofTooOld,
    "replayed": ProofReplayed,
    "ended": SessionEnded,
    "blocked": DeviceBlocked,
}


class Admission(StrEnum):
    """What is to be noted of a session that was let in: nothing, its first use, or that it is in use."""

    KNOWN = "known"
    UNSEEN = "unseen"
    DUE = "due"


class Executor(Protocol):
    """An asyncpg pool or connection."""

    async def fetchval(self, query: str, *args: Any) -> Any:
        """The first value of the first row."""
        ...

    async def execute(self, query: str, *args: Any) -> str:
        """The command's tag."""
        ...


@dataclass(frozen=True, slots=True)
class SessionEnd:
    """An end. `sid` alone or with `sub`: that session; `sub` alone: all begun until `ended_at`; neither: all.

    With `sub` alone, `except_sid` leaves one session alone and `jkt` means those of one key.
    `event_id` is the source's own name of the event: the same end is noted once.
    """

    event_id: str
    iss: str
    sid: str | None
    sub: str | None
    ended_at: datetime
    cause: str
    except_sid: str | None = None
    jkt: str | None = None


async def admit(pool: Executor, session: VerifiedSession, proof: Proof) -> Admission:
    """Use the proof up, in a transaction of its own, and see that the session lives: one round trip.

    Returns what is to be noted. Raises ProofTooOld, ProofReplayed, SessionEnded, DeviceBlocked.
    """
    answer = await pool.fetchval(
        _ADMIT,
        session.iss,
        session.sub,
        session.sid,
        session.auth_time,
        session.jkt,
        proof.jti,
        proof.issued_at,
    )
    if answer in _REFUSALS:
        raise _REFUSALS[answer]
    # Another word is a fault: ValueError.
    return Admission(answer)


async def note_first_use(connection: AsyncConnection, session: VerifiedSession) -> bool:
    """Note the session's first use in the caller's transaction; False when it is noted already."""
    result = await connection.execute(
        _FIRST_USE,
        {"iss": session.iss, "sid": session.sid, "sub": session.sub, "started_at": session.auth_time},
    )
    return result.rowcount == 1


def end_by_introspection(session: VerifiedSession, now: datetime) -> SessionEnd:
    """The end that Keycloak told when it was asked about a token of the session."""
    return SessionEnd(
        event_id=f"introspection:{session.iss}:{session.sid}",
        iss=session.iss,
        sid=session.sid,
        sub=session.sub,
        ended_at=now,
        cause="introspection",
    )


async def note_end(executor: Executor, end: SessionEnd) -> None:
    """Note an end; noting it again changes nothing."""
    await executor.execute(_END, end.event_id, end.iss, end.sid, end.sub, end.ended_at, end.cause)


async def note_end_within(connection: AsyncConnection, end: SessionEnd) -> None:
    """As `note_end`, in the caller's transaction."""
    await connection.execute(
        _END_WITHIN,
        {
            "event_id": end.event_id,
            "iss": end.iss,
            "sid": end.sid,
            "sub": end.sub,
            "ended_at": end.ended_at,
            "cause": end.cause,
            "except_sid": end.except_sid,
            "jkt": end.jkt,
        },
    )


async def block_key(connection: AsyncConnection, iss: str, sub: str, jkt: str) -> None:
    """Never let this person in again with this key, in the caller's transaction. There is no way back."""
    await connection.execute(_BLOCK, {"iss": iss, "sub": sub, "jkt": jkt})
