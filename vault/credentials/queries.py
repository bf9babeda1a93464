"""Statements on the schema `credentials`, each within the caller's transaction."""

from datetime import datetime

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from vault.credentials.resets import Reset

_CURSOR = text("SELECT newest FROM credentials.event_cursor WHERE kind = :kind")
_MOVE = text(
    "INSERT INTO credentials.event_cursor (kind, newest) VALUES (:kind, :newest)"
    " ON CONFLICT (kind) DO UPDATE SET newest = excluded.newest"
)
_SUSPEND = text(
    "INSERT INTO credentials.suspension (event_id, sub, cause, reset_at)"
    " VALUES (:event_id, :sub, :cause, :at) ON CONFLICT DO NOTHING"
)
_SUSPENDED = text("SELECT EXISTS (SELECT FROM credentials.suspension WHERE sub = :sub AND lifted_at IS NULL)")
_LIFT = text(
    "UPDATE credentials.suspension SET lifted_at = now()"
    " WHERE sub = :sub AND lifted_at IS NULL AND noted_at < :before"
)


async def cursor(connection: AsyncConnection, kind: str) -> datetime | None:
    """How far the events of this kind were read; None before the first reading."""
    found: datetime | None = (await connection.execute(_CURSOR, {"kind": kind})).scalar_one_or_none()
    return found


async def move(connection: AsyncConnection, kind: str, newest: datetime) -> None:
    """They were read up to `newest`."""
    await connection.execute(_MOVE, {"kind": kind, "newest": newest})


async def suspend(connection: AsyncConnection, reset: Reset) -> bool:
    """Whether this was news."""
    given = {"event_id": reset.event_id, "sub": reset.sub, "cause": reset.cause, "at": reset.at}
    return (await connection.execute(_SUSPEND, given)).rowcount == 1


async def suspended(connection: AsyncConnection, sub: str) -> bool:
    """Whether a reset of this person's credentials was not followed by an enrolment."""
    return bool((await connection.execute(_SUSPENDED, {"sub": sub})).scalar_one())


async def lift(connection: AsyncConnection, sub: str, before: datetime) -> None:
    """The enrolment was repeated at `before`: what was noted until then suspends no longer, the rest does."""
    await connection.execute(_LIFT, {"sub": sub, "before": before})
