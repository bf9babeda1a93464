"""The read scope: one read-only transaction on asyncpg, the principal set in it."""

from collections.abc import Awaitable, Callable, Sequence
from types import TracebackType

import asyncpg
from asyncpg.pool import PoolConnectionProxy
from asyncpg.transaction import Transaction

from foundation.database.principal_settings import APPLY, role_of, settings_of
from foundation.errors import Refusal
from foundation.identity.principal import Principal
from foundation.recording import AuditEvent

RecordRefusal = Callable[[Principal, AuditEvent, Refusal], Awaitable[None]]


class ReadScope:
    """One transaction that only reads.

    Every statement has bind parameters: one without would share its plan between principals
    (`docs/decisions/0004-two-pools.md`). A `Refusal` raised inside is recorded afterwards and goes on.
    """

    def __init__(
        self, pool: asyncpg.Pool, principal: Principal, intent: AuditEvent, record_refusal: RecordRefusal
    ) -> None:
        self._pool = pool
        self._record_refusal = record_refusal
        self.principal = principal
        self.intent = intent

    async def __aenter__(self) -> "ReadScope":
        self._connection: PoolConnectionProxy = await self._pool.acquire()
        try:
            self._transaction: Transaction = self._connection.transaction(readonly=True)
            await self._transaction.start()
            role = role_of(self.principal)
            if role is not None:
                await self._connection.execute(f"SET LOCAL ROLE {role}")
            await self._connection.execute(APPLY, *settings_of(self.principal))
        except BaseException:
            await self._discard()
            raise
        return self

    async def rows(self, query: str, *arguments: object) -> Sequence[asyncpg.Record]:
        """All rows. Raises ValueError for a statement without bind parameters."""
        self._check(arguments)
        return await self._connection.fetch(query, *arguments)

    async def row(self, query: str, *arguments: object) -> asyncpg.Record | None:
        """The first row or None. Raises ValueError for a statement without bind parameters."""
        self._check(arguments)
        return await self._connection.fetchrow(query, *arguments)

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            await self._transaction.rollback()
        except BaseException:
            # The transaction did not end cleanly: what is left on this connection is unknown.
            await self._discard()
            raise
        await self._pool.release(self._connection)
        if isinstance(error, Refusal):
            await self._record_refusal(self.principal, self.intent, error)

    async def _discard(self) -> None:
        self._connection.terminate()
        await self._pool.release(self._connection)

    @staticmethod
    def _check(arguments: tuple[object, ...]) -> None:
        if not arguments:
            raise ValueError("a statement under row-level security needs bind parameters")
