"""What the processes need, each as a probe of `foundation.health`."""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import datetime
from pathlib import Path
from typing import Any, Protocol

import httpx

from foundation.database.connections import connect, for_asyncpg
from foundation.health import Probe, Unready
from foundation.settings import DatabaseSettings
from migrations.heads import head_of

MIGRATIONS = Path(__file__).resolve().parent.parent / "migrations"
_HEAD = "SELECT platform.migration()"


class Executor(Protocol):
    """An asyncpg pool or connection."""

    async def fetchval(self, query: str, *args: Any) -> Any:
        """The first value of the first row."""
        ...


def database(pool: Callable[[], Executor]) -> Probe:
    """The pool answers. `pool` is called each time: it opens after the probe is made."""

    async def probe() -> None:
        await pool().fetchval("SELECT 1")

    return probe


def moment(pool: Callable[[], Executor]) -> Callable[[], Awaitable[datetime]]:
    """What the database's clock says, for `foundation.clock_watch`."""

    async def ask() -> datetime:
        async with asyncio.timeout(2):
            found: datetime = await pool().fetchval("SELECT clock_timestamp()")
        return found

    return ask


def moment_by_role(settings: DatabaseSettings) -> Callable[[], Awaitable[datetime]]:
    """The same for processes that connect when they have something to write."""

    async def ask() -> datetime:
        connection = await connect(**for_asyncpg(settings), timeout=2)
        try:
            found: datetime = await connection.fetchval("SELECT clock_timestamp()", timeout=2)
        finally:
            await connection.close(timeout=1)
        return found

    return ask


def role(settings: DatabaseSettings) -> Probe:
    """The role signs in: for processes that connect when they have something to write."""

    async def probe() -> None:
        connection = await connect(**for_asyncpg(settings), timeout=2)
        await connection.close(timeout=1)

    return probe


def head(folder: Path = MIGRATIONS / "backend") -> str:
    """The newest migration that this code knows."""
    return head_of(folder)


def migrated(pool: Callable[[], Executor], needed: str) -> Probe:
    """The database is at `needed` or further: newer migrations are made so that the old code still works."""

    async def probe() -> None:
        found = await pool().fetchval(_HEAD)
        if found is None or str(found) < needed:
            raise Unready("migrations_missing")

    return probe


def keycloak(http: Callable[[], httpx.AsyncClient], issuer: str) -> Probe:
    """The realm hands out its keys."""

    async def probe() -> None:
        response = await http().get(f"{issuer}/protocol/openid-connect/certs")
        if response.status_code != httpx.codes.OK:
            raise Unready("no_keys")

    return probe


def scanner(socket: Path) -> Probe:
    """clamd says PONG."""

    async def probe() -> None:
        reader, writer = await asyncio.open_unix_connection(str(socket))
        try:
            writer.write(b"zPING\0")
            if await reader.readuntil(b"\0") != b"PONG\0":
                raise Unready("no_pong")
        finally:
            writer.close()

    return probe


def told(away: Callable[[], bool], reason: str) -> Probe:
    """What the process knows by its own work, without asking anybody."""

    async def probe() -> None:
        if away():
            raise Unready(reason)

    return probe
