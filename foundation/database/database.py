"""One database as one role sees it: where units of work and read scopes come from."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import asyncpg
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine, create_async_engine

from foundation.database.connections import connect, for_asyncpg
from foundation.database.read_scope import ReadScope
from foundation.database.unit_of_work import UnitOfWork
from foundation.errors import Refusal
from foundation.identity.principal import Principal
from foundation.recording import AuditEvent, Recorder
from foundation.settings import DatabaseSettings
from foundation.telemetry import metrics

CONNECT_SECONDS = 10


class Database:
    """Two pools of one role: SQLAlchemy to write, asyncpg to read (`docs/decisions/0004-two-pools.md`)."""

    def __init__(self, settings: DatabaseSettings, recorder: Recorder) -> None:
        self._settings = settings
        self._recorder = recorder
        self._engine = create_async_engine(
            # Only the dialect: how to connect is said below, with the password as it is then.
            "postgresql+asyncpg://",
            async_creator=lambda: connect(**for_asyncpg(settings), timeout=CONNECT_SECONDS),
            pool_size=settings.pool_size,
            max_overflow=0,
            pool_timeout=CONNECT_SECONDS,
            # A database that restarted must not fail the next caller for each connection it killed.
            pool_pre_ping=True,
            # Else the text of every fault holds what was written: places and words of citizens, in the logs.
            hide_parameters=True,
        )
        self._pool: asyncpg.Pool | None = None

    async def open(self) -> None:
        """Connect. Raises OSError or asyncpg.PostgresError when the database can't be reached."""
        self._pool = await asyncpg.create_pool(
            connect=connect,
            **for_asyncpg(self._settings),
            min_size=1,
            max_size=self._settings.pool_size,
            timeout=CONNECT_SECONDS,
        )

    async def sample(self) -> None:
        """Tell the metrics how many connections are in use."""
        name, size = self._settings.user, self._settings.pool_size
        metrics.POOL_SIZE.labels(f"{name}_write").set(size)
        metrics.POOL_USED.labels(f"{name}_write").set(self._engine.pool.checkedout())  # type: ignore[attr-defined]  # of a queue pool
        if self._pool is not None:
            metrics.POOL_SIZE.labels(f"{name}_read").set(size)
            metrics.POOL_USED.labels(f"{name}_read").set(self._pool.get_size() - self._pool.get_idle_size())

    async def close(self) -> None:
        """Let go of every connection."""
        await self._engine.dispose()
        if self._pool is not None:
            await self._pool.close()

    @property
    def pool(self) -> asyncpg.Pool:
        """The reading pool, for what runs before there is a principal (proof replay, revocation)."""
        if self._pool is None:
            raise RuntimeError("the database is not open")
        return self._pool

    def unit_of_work(self, principal: Principal, intent: AuditEvent) -> UnitOfWork:
        """A transaction that changes something; `intent` is what a refusal inside it is recorded as."""
        return UnitOfWork(self._engine, principal, self._recorder, intent, f"{self._settings.user}_write")

    def read_scope(self, principal: Principal, intent: AuditEvent) -> ReadScope:
        """A transaction that only reads; `intent` is what a refusal inside it is recorded as."""
        return ReadScope(self.pool, principal, intent, self.record_refusal, f"{self._settings.user}_read")

    async def record_refusal(self, principal: Principal, intent: AuditEvent, refusal: Refusal) -> None:
        """Record a refusal in a transaction of its own."""
        async with self.unscoped() as connection:
            await self._recorder.record_refusal(connection, principal, intent, refusal)

    @property
    def engine(self) -> AsyncEngine:
        """The writing pool, for what counts beside the units of work (audit.refusals)."""
        return self._engine

    @asynccontextmanager
    async def unscoped(self) -> AsyncIterator[AsyncConnection]:
        """A transaction without a principal: row-level security shows it nothing. For the log's own work."""
        async with self._engine.begin() as connection:
            yield connection
