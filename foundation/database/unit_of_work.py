"""The unit of work: one transaction, the principal set in it, nothing kept unless `commit()` was called."""

import time
from types import TracebackType

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine, AsyncSession

from foundation.database.principal_settings import APPLY, role_of, settings_of
from foundation.deadline import no_way_back
from foundation.errors import Refusal
from foundation.identity.principal import Principal
from foundation.recording import AuditEvent, Recorder
from foundation.telemetry import metrics, traces


class UnrecordedChange(RuntimeError):
    """A unit of work was to be committed without an audit event: no event, no effect."""


class UnitOfWork:
    """One transaction that changes something (design: the way of a request, 4–7).

    Use as `async with database.unit_of_work(principal, intent) as work:`, change through `work.session`,
    `await work.record(event)`, and end with `await work.commit()`. Leaving without a commit rolls back.
    A `Refusal` raised inside is recorded after the rollback, in a transaction of its own, and goes on.
    """

    session: AsyncSession
    connection: AsyncConnection

    def __init__(
        self,
        engine: AsyncEngine,
        principal: Principal,
        recorder: Recorder,
        intent: AuditEvent,
        pool: str = "write",
    ) -> None:
        self._engine = engine
        self._recorder = recorder
        self._recorded = False
        self._pool = pool
        self._committed = False
        self.principal = principal
        self.intent = intent

    async def __aenter__(self) -> "UnitOfWork":
        self._span = traces.span("unit of work", ioc_action=self.intent.action).__enter__()
        try:
            with metrics.waiting_for(self._pool):
                self.connection = await self._engine.connect()
            self._began = time.perf_counter()
            try:
                await self._begin()
            except BaseException:
                await self._discard()
                raise
        except BaseException as error:
            self._span.__exit__(type(error), error, None)
            raise
        return self

    async def record(self, event: AuditEvent) -> None:
        """Record `event` as allowed, in this transaction. Raises what makes recording impossible."""
        await self._recorder.record(self.connection, self.principal, event)
        self._recorded = True

    async def record_refused(self, event: AuditEvent, refusal: Refusal) -> None:
        """Record in this transaction, which keeps the refusal itself, that `event` was refused."""
        await self._recorder.record_refusal(self.connection, self.principal, event, refusal)
        self._recorded = True

    async def commit(self, *, more_follows: bool = False) -> None:
        """Keep the changes. The caller's answer must be complete by now.

        `more_follows`: it is not, and the request may still be cut; for what does no harm if nobody is
        answered, as the note of a reading. Raises UnrecordedChange when nothing was recorded.
        """
        if not self._recorded:
            raise UnrecordedChange(self.intent.action)
        await self.session.flush()
        if not more_follows:
            no_way_back()
        with traces.span("commit"):
            await self.connection.commit()
        self._committed = True

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            await self._leave(error)
        finally:
            end = "commit" if self._committed else "rollback"
            metrics.TRANSACTION_SECONDS.labels("write", end).observe(time.perf_counter() - self._began)
            self._span.tell(ioc_outcome=end)
            self._span.__exit__(kind, error, trace)

    async def _leave(self, error: BaseException | None) -> None:
        try:
            await self.session.close()
            await self.connection.rollback()
        except BaseException:
            # The transaction did not end cleanly: what is left on this connection is unknown.
            await self._discard()
            raise
        await self.connection.close()
        if isinstance(error, Refusal):
            async with self._engine.begin() as connection:
                await self._recorder.record_refusal(connection, self.principal, self.intent, error)

    async def _begin(self) -> None:
        await self.connection.begin()
        role = role_of(self.principal)
        if role is not None:
            await self.connection.execute(text(f"SET LOCAL ROLE {role}"))
        await self.connection.exec_driver_sql(APPLY, settings_of(self.principal))
        self.session = AsyncSession(self.connection, expire_on_commit=False, autoflush=False)

    async def _discard(self) -> None:
        await self.connection.invalidate()
        await self.connection.close()
