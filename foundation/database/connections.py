"""How a role connects, in the words of each driver."""

from typing import Any

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
