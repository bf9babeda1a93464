"""The read scope: one read-only transaction on asyncpg, the principal set in it."""

import time
from collections.abc import Awaitable, Callable, Sequence
from types import TracebackType

import asyncpg
from asyncpg.pool import PoolConnectionProxy
from asyncpg.transaction import Transaction
from opentelemetry.trace import SpanKind

from foundation.database.principal_settings import APPLY, role_of, settings_of
from foundation.errors import Refusal
from foundation.identity.principal import Principal
from foundation.recording import AuditEvent
from foundation.telemetry import metrics, traces

RecordRefusal = Callable[[Principal, AuditEvent, Refusal], Awaitable[None]]


class ReadScope:
    """One transaction that only reads.

    Every statement has bind parameters: one without would share its plan between principals
    (`docs/decisions/0004-two-pools.md`). A `Refusal` raised inside is recorded afterwards and goes on.
    """

    def __init__(
        self,
        pool: asyncpg.Pool,
        principal: Principal,
        intent: AuditEvent,
        record_refusal: RecordRefusal,
        name: str = "read",
    ) -> None:
        self._name = name
        self._pool = pool
        self._record_refusal = record_refusal
        self.principal = principal
        self.intent = intent

    async def __aenter__(self) -> "ReadScope":
        self._span = traces.span("read scope", ioc_action=self.intent.action).__enter__()
        try:
            await self._begin()
        except BaseException as error:
            self._span.__exit__(type(error), error, None)
            raise
        return self

    async def _begin(self) -> None:
        with metrics.waiting_for(self._name):
            self._connection: PoolConnectionProxy = await self._pool.acquire()
        self._began = time.perf_counter()
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

    async def rows(self, query: str, *arguments: object) -> Sequence[asyncpg.Record]:
        """All rows. Raises ValueError for a statement without bind parameters."""
        self._check(arguments)
        if not traces.recording():
            return await self._connection.fetch(query, *arguments)
        with traces.span("query", kind=SpanKind.CLIENT, db_query_summary=traces.summary_of(query)):
            return await self._connection.fetch(query, *arguments)

    async def row(self, query: str, *arguments: object) -> asyncpg.Record | None:
        """The first row or None. Raises ValueError for a statement without bind parameters."""
        self._check(arguments)
        if not traces.recording():
            return await self._connection.fetchrow(query, *arguments)
        with traces.span("query", kind=SpanKind.CLIENT, db_query_summary=traces.summary_of(query)):
            return await self._connection.fetchrow(query, *arguments)

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            await self._leave(error)
        finally:
            metrics.TRANSACTION_SECONDS.labels("read", "rollback").observe(time.perf_counter() - self._began)
            self._span.__exit__(kind, error, trace)

    async def _leave(self, error: BaseException | None) -> None:
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
