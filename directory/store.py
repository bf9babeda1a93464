"""Rows of the directory's queue: which request is next, what of it is done, how it ended."""

import json
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any
from uuid import UUID

import asyncpg
from sqlalchemy import text

from directory.errors import Replayed
from directory.requests import Row
from foundation.database.unit_of_work import UnitOfWork
from foundation.directory_queue import Asking, Operation

TAKING = [
    str(operation)
    for operation in (
        Operation.OFFICIAL_DISABLE,
        Operation.OFFICIAL_END,
        Operation.OFFICIAL_END_SESSIONS,
        Operation.SESSION_END,
        Operation.CITIZEN_DISABLE,
        Operation.CITIZEN_DELETE,
        Operation.CITIZEN_END_SESSIONS,
    )
]
"""What takes something away does not wait behind what gives: that is decided anew at each attempt."""

_LOCK_SPACE = 74201
_CANDIDATES = """
SELECT r.id, r.target FROM directory.request r
WHERE r.state = 'waiting' AND r.next_at <= clock_timestamp()
  AND (r.give_up OR r.operation = ANY($1) OR NOT EXISTS (
    SELECT FROM directory.request e WHERE e.target = r.target AND e.state = 'waiting' AND e.id < r.id))
ORDER BY r.id LIMIT 20
"""
_LOCK = "SELECT pg_try_advisory_lock($1, hashtext($2))"
_UNLOCK = "SELECT pg_advisory_unlock($1, hashtext($2))"
_ROW = """
SELECT id, signer, operation, target, jws, created_at, attempts, give_up FROM directory.request
WHERE id = $1 AND state = 'waiting' AND next_at <= clock_timestamp()
"""
_ASKINGS = "SELECT body, token, proof FROM directory.asking WHERE request_id = $1 ORDER BY position"
_STEPS = "SELECT name, value FROM directory.step WHERE request_id = $1"
_STEP = "INSERT INTO directory.step (request_id, name, value) VALUES ($1, $2, $3) ON CONFLICT DO NOTHING"
_USE = """
INSERT INTO directory.used (kind, key, jti, request_id) VALUES ($1, $2, $3, $4)
ON CONFLICT (kind, key, jti) DO NOTHING
"""
_USER = "SELECT request_id FROM directory.used WHERE kind = $1 AND key = $2 AND jti = $3"
_VOUCH = "INSERT INTO directory.vouched (target, digest) VALUES ($1, $2) ON CONFLICT DO NOTHING"
_VOUCHED = "SELECT EXISTS (SELECT FROM directory.vouched WHERE target = $1 AND digest = $2)"
_LATER = """
UPDATE directory.request SET attempts = attempts + 1, fault = $2, next_at = clock_timestamp() + $3
WHERE id = $1 AND state = 'waiting'
"""
_ACCOUNT = "SELECT issuer, subject, state, unit_code, username, email FROM tenancy.account_of($1)"
_ADMINISTERS = "SELECT tenancy.administers($1, $2, $3, $4)"
_CITIZEN = "SELECT issuer, subject FROM directory.citizen($1)"
_RECOVERY = (
    "SELECT officer_issuer, officer_subject, handles, issuer, subject FROM citizens.recovery_of($1, $2)"
)
_LATE = """
SELECT id, operation, target FROM directory.request
WHERE state = 'waiting' AND alarmed_at IS NULL AND created_at < clock_timestamp() - $1::interval
ORDER BY id LIMIT 100
"""

_STANDING = """
SELECT state, count(*) AS number,
       coalesce(extract(epoch FROM clock_timestamp() - min(created_at)), 0)::float8 AS oldest
FROM directory.request GROUP BY state
"""

_END = text(
    """
    UPDATE directory.request SET state = :state, code = :code, result = cast(:result AS jsonb),
      ended_at = clock_timestamp(), jws = NULL, fault = NULL
    WHERE id = :id AND state = 'waiting'
    """
)
_FORGET = text("DELETE FROM directory.asking WHERE request_id = :id")
_CREATED = text("SELECT tenancy.official_created(:code, :issuer, :subject)")
_ALARMED = text("UPDATE directory.request SET alarmed_at = clock_timestamp() WHERE id = :id")


@dataclass(frozen=True, slots=True)
class Account:
    """An official as tenancy knows him. `subject` is None until the account is made."""

    issuer: str
    subject: str | None
    state: str
    unit: str
    username: str | None
    email: str | None


@dataclass(frozen=True, slots=True)
class Recovery:
    """A proven recovery: the officer who opened it, whether he `handles` that ward's reports, whose it is."""

    officer: tuple[str, str]
    handles: bool
    citizen: tuple[str, str] | None
    """(issuer, subject); None when nobody has the number."""


@dataclass(frozen=True, slots=True)
class Late:
    """A request that waits too long."""

    id: UUID
    operation: str
    target: str


class Store:
    """What the directory reads and notes between a request's beginning and its end."""

    def __init__(self, pool: asyncpg.Pool, locks: asyncpg.Pool) -> None:
        """`locks` is a pool of its own, of a connection for each request under way.

        With one pool for both, requests under way could hold every connection and wait for one more.
        """
        self._pool = pool
        self._locks = locks

    @asynccontextmanager
    async def claimed(self) -> AsyncIterator[Row | None]:
        """The next request, whose target nobody else works on meanwhile; None when there is none.

        The lock belongs to a connection that is held all along: it ends with this process.
        """
        async with self._locks.acquire() as connection:
            for candidate in await connection.fetch(_CANDIDATES, TAKING):
                if not await connection.fetchval(_LOCK, _LOCK_SPACE, candidate["target"]):
                    continue
                try:
                    # Somebody may have ended it, or put it off, before it was locked.
                    found = await connection.fetchrow(_ROW, candidate["id"])
                    if found is None:
                        continue
                    askings = await connection.fetch(_ASKINGS, candidate["id"])
                    yield Row(
                        **found,
                        askings=tuple(Asking(row["body"], row["token"], row["proof"]) for row in askings),
                    )
                    return
                finally:
                    await connection.fetchval(_UNLOCK, _LOCK_SPACE, candidate["target"])
        yield None

    async def steps(self, request: UUID) -> dict[str, str | None]:
        """The steps that are done, with what each one found."""
        return {row["name"]: row["value"] for row in await self._pool.fetch(_STEPS, request)}

    async def note_step(self, request: UUID, name: str, value: str | None) -> None:
        """This step is done; it is not done again."""
        await self._pool.execute(_STEP, request, name, value)

    async def use(self, kind: str, key: str, jti: str, request: UUID) -> None:
        """This may be used for this request alone, now and for ever. Raises Replayed."""
        await self._pool.execute(_USE, kind, key, jti, request)
        if await self._pool.fetchval(_USER, kind, key, jti) != request:
            raise Replayed

    async def vouch(self, target: str, digest: bytes) -> None:
        """An officer's device signed these parameters in full."""
        await self._pool.execute(_VOUCH, target, digest)

    async def is_vouched(self, target: str, digest: bytes) -> bool:
        """Whether one ever did."""
        return bool(await self._pool.fetchval(_VOUCHED, target, digest))

    async def put_off(self, request: UUID, fault: str, by: timedelta) -> None:
        """Try again later."""
        await self._pool.execute(_LATER, request, fault, by)

    async def account(self, code: str) -> Account | None:
        """The official with this code."""
        row = await self._pool.fetchrow(_ACCOUNT, code)
        return None if row is None else Account(*row)

    async def administers(self, issuer: str, subject: str, unit: str, day: date) -> bool:
        """Whether somebody administers the people of a unit on a day."""
        return bool(await self._pool.fetchval(_ADMINISTERS, issuer, subject, unit, day))

    async def citizen(self, citizen: UUID) -> tuple[str, str] | None:
        """(issuer, subject) of a citizen."""
        row = await self._pool.fetchrow(_CITIZEN, citizen)
        return None if row is None else (row["issuer"], row["subject"])

    async def standing(self) -> tuple[dict[str, int], float]:
        """How many requests are in each state, and the age in seconds of the oldest that waits (0: none)."""
        rows = await self._pool.fetch(_STANDING)
        oldest = next((row["oldest"] for row in rows if row["state"] == "waiting"), 0.0)
        return {row["state"]: row["number"] for row in rows}, max(0.0, oldest)

    async def recovery(self, recovery: UUID, day: date) -> Recovery | None:
        """A recovery in person whose code was right."""
        row = await self._pool.fetchrow(_RECOVERY, recovery, day)
        if row is None:
            return None
        citizen = None if row["issuer"] is None else (row["issuer"], row["subject"])
        return Recovery((row["officer_issuer"], row["officer_subject"]), row["handles"], citizen)

    async def late(self, after: timedelta) -> list[Late]:
        """Requests that wait longer than this and nobody was told of."""
        return [Late(**row) for row in await self._pool.fetch(_LATE, after)]


async def end(
    work: UnitOfWork, request: UUID, state: str, code: str | None, result: Mapping[str, Any]
) -> bool:
    """Note the end; what was signed is forgotten. Whether it was still waiting."""
    row = {"id": request, "state": state, "code": code, "result": json.dumps(dict(result))}
    done = await work.connection.execute(_END, row)
    await work.connection.execute(_FORGET, {"id": request})
    return bool(done.rowcount == 1)


async def official_created(work: UnitOfWork, code: str, issuer: str, subject: str) -> None:
    """Tell tenancy which account an official has."""
    await work.connection.execute(_CREATED, {"code": code, "issuer": issuer, "subject": subject})


async def alarmed(work: UnitOfWork, request: UUID) -> None:
    """Somebody is told that this request waits."""
    await work.connection.execute(_ALARMED, {"id": request})
