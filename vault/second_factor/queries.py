"""Statements on the schema `second_factor`, each within the caller's transaction."""

from dataclasses import dataclass, field
from datetime import datetime
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

_DEVICE = text("SELECT set_config('ioc.device', :jkt, true)")
_BEGIN = text(
    "INSERT INTO second_factor.attempt AS a (sub, jkt, tried_at) VALUES (:sub, :jkt, :at)"
    " ON CONFLICT (sub, jkt) DO UPDATE SET tried_at = excluded.tried_at"
    " RETURNING a.failures, a.locked_until"
)
_FIND = text("SELECT id, sealed, last_step FROM second_factor.factor WHERE sub = :sub AND jkt = :jkt")
_FAILED = text(
    "UPDATE second_factor.attempt SET failures = :failures, locked_until = :until"
    " WHERE sub = :sub AND jkt = :jkt"
)
_RAISE = text("UPDATE second_factor.factor SET last_step = :step WHERE id = :id AND last_step < :step")
_NOTE = text(
    "INSERT INTO second_factor.presented (factor, step, sid, class, at)"
    " VALUES (:id, :step, :sid, :class, :at)"
)
_COUNTS = text(
    "SELECT EXISTS (SELECT FROM second_factor.presented p JOIN second_factor.factor f ON f.id = p.factor"
    " WHERE f.sub = :sub AND f.jkt = :jkt AND p.sid = :sid AND p.class = :class"
    " AND p.at > :since AND p.at <= :at)"
)
_ISSUE = text("SELECT second_factor.issue(:id, :sub, :jkt, :sealed, :at)")


@dataclass(frozen=True, slots=True)
class Factor:
    """A person's factor on one device."""

    id: UUID
    sealed: bytes = field(repr=False)
    last_step: int


async def begin(connection: AsyncConnection, sub: str, jkt: str, at: datetime) -> tuple[int, datetime | None]:
    """Hold other attempts on (sub, jkt) back until this transaction ends: (failures, locked until)."""
    await connection.execute(_DEVICE, {"jkt": jkt})
    row = (await connection.execute(_BEGIN, {"sub": sub, "jkt": jkt, "at": at})).one()
    return row.failures, row.locked_until


async def find(connection: AsyncConnection, sub: str, jkt: str) -> Factor | None:
    """The factor of this person on this device."""
    row = (await connection.execute(_FIND, {"sub": sub, "jkt": jkt})).one_or_none()
    return None if row is None else Factor(row.id, row.sealed, row.last_step)


async def failed(
    connection: AsyncConnection, sub: str, jkt: str, failures: int, until: datetime | None
) -> None:
    """So many failures in a row by now; nothing is looked at before `until`."""
    await connection.execute(_FAILED, {"sub": sub, "jkt": jkt, "failures": failures, "until": until})


async def raise_step(connection: AsyncConnection, factor: UUID, step: int) -> bool:
    """Whether `step` was above every step taken before; it is taken now."""
    result = await connection.execute(_RAISE, {"id": factor, "step": step})
    return result.rowcount == 1


async def note(
    connection: AsyncConnection, factor: UUID, step: int, sid: str, class_: int, at: datetime
) -> None:
    """The code of this step was presented for this session and class."""
    await connection.execute(_NOTE, {"id": factor, "step": step, "sid": sid, "class": class_, "at": at})


async def counts(
    connection: AsyncConnection, sub: str, sid: str, jkt: str, class_: int, *, since: datetime, at: datetime
) -> bool:
    """Whether a code was presented for exactly these after `since` and until `at`."""
    given = {"sub": sub, "sid": sid, "jkt": jkt, "class": class_, "since": since, "at": at}
    return bool((await connection.execute(_COUNTS, given)).scalar_one())


async def issue(
    connection: AsyncConnection, factor: UUID, sub: str, jkt: str, sealed: bytes, at: datetime
) -> None:
    """A new factor in the place of whatever there was."""
    given = {"id": factor, "sub": sub, "jkt": jkt, "sealed": sealed, "at": at}
    await connection.execute(_ISSUE, given)
