"""How a role connects, in the words of each driver."""

import asyncio
from typing import Any

import asyncpg
from sqlalchemy import URL

from foundation.settings import DatabaseSettings, read_secret


def for_asyncpg(settings: DatabaseSettings) -> dict[str, Any]:
    """Arguments of asyncpg.connect and asyncpg.create_pool.

    The password is read for each connection, so that it can be changed while the process runs.
    """
    return {
        "host": settings.host,
        "port": settings.port,
        "database": settings.name,
        "user": settings.user,
        "password": lambda: read_secret(settings.password_file).decode(),
    }


CHANGING_SECONDS = 2.0
_AGAIN_SECONDS = 0.05


async def connect(*arguments: Any, **options: Any) -> asyncpg.Connection:
    """asyncpg.connect, tried again while a password is being changed, with what the file then says.

    A role has one password: between ALTER ROLE and the file's replacement the file is wrong for an instant.
    Raises what asyncpg.connect raises; InvalidPasswordError after 2 s.
    """
    until = asyncio.get_running_loop().time() + CHANGING_SECONDS
    while True:
        try:
            return await asyncpg.connect(*arguments, **options)
        except asyncpg.InvalidPasswordError:
            if asyncio.get_running_loop().time() > until:
                raise
        await asyncio.sleep(_AGAIN_SECONDS)


def for_psycopg(settings: DatabaseSettings) -> dict[str, Any]:
    """Arguments of psycopg.connect and of its pools. Raises OSError when the password can't be read."""
    return {
        "host": settings.host,
        "port": settings.port,
        "dbname": settings.name,
        "user": settings.user,
        "password": read_secret(settings.password_file).decode(),
    }


def url_of(settings: DatabaseSettings, driver: str) -> URL:
    """SQLAlchemy's address with `driver` "asyncpg" or "psycopg". Raises OSError as above."""
    return URL.create(
        f"postgresql+{driver}",
        username=settings.user,
        password=read_secret(settings.password_file).decode(),
        database=settings.name,
        query={"host": settings.host, "port": str(settings.port)},
    )
