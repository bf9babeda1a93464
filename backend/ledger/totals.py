"""Each month's total: committed to the audit log when it is over, checked and shown after the last delay."""

from datetime import date, datetime, timedelta
from typing import Any

import procrastinate
import structlog
from sqlalchemy import text

from backend.ledger.types import access_ledger
from foundation.clock import HANOI, Clock
from foundation.database.database import Database
from foundation.database.unit_of_work import UnitOfWork
from foundation.identity.principal import Origin, SystemPrincipal
from foundation.ids import NewId
from foundation.policy.engine import PolicyEngine
from foundation.recording import Activity, AuditEvent

LONGEST = timedelta(days=90)
"""As migration 0035 has it: no entry is shown later than this after its day."""
TOTAL = "ledger.total"
NOWHERE = "0.0.0.0"  # noqa: S104 - a job has no network; nothing is bound to this
_DUE = text("SELECT ledger.due_months(:today)")
_TOTAL = text("SELECT entries, digest, hidden FROM ledger.total(:month, :now)")
_COMMIT = text(
    """
    INSERT INTO ledger.month (month, entries, digest, committed_at) VALUES (:month, :entries, :digest, :now)
    ON CONFLICT (month) DO NOTHING RETURNING month
    """
)
_UNCHECKED = text(
    """
    SELECT month FROM ledger.month
    WHERE checked_at IS NULL AND differs_at IS NULL AND month + interval '1 month' <= :before ORDER BY month
    """
)
_COMMITTED = text("SELECT month, entries, digest FROM ledger.month WHERE month = :month FOR UPDATE")
_CHECKED = text("UPDATE ledger.month SET checked_at = :now WHERE month = :month")
_DIFFERS = text("UPDATE ledger.month SET differs_at = :now WHERE month = :month")

log = structlog.get_logger()


class MonthTotals:
    """Run again it changes nothing."""

    def __init__(self, database: Database, policy: PolicyEngine, clock: Clock, new_id: NewId) -> None:
        self._database = database
        self._policy = policy
        self._clock = clock
        self._new_id = new_id

    async def run(self) -> None:
        """Commit months that are over, then check those whose last delay is. Raises Forbidden."""
        now = self._clock.now()
        today = now.astimezone(HANOI).date()
        for month in await self._months(_DUE, {"today": today}):
            await self._commit(month, now)
        for month in await self._months(_UNCHECKED, {"before": today - LONGEST - timedelta(days=1)}):
            await self._check(month, now)

    async def _months(self, statement: Any, given: dict[str, Any]) -> list[date]:
        async with self._work() as work:
            return list((await work.connection.execute(statement, given)).scalars())

    async def _commit(self, month: date, now: datetime) -> None:
        async with self._work() as work:
            policies = self._decide(work, now)
            total = (await work.connection.execute(_TOTAL, {"month": month, "now": now})).one()
            row = {"month": month, "entries": total.entries, "digest": total.digest, "now": now}
            if (await work.connection.execute(_COMMIT, row)).scalar() is not None:
                await work.record(_event("ledger.commit_month", month, total, policies))
                await work.commit()

    async def _check(self, month: date, now: datetime) -> None:
        """Whether all that was there is there and shown. Anything else is an alarm, and not published."""
        async with self._work() as work:
            policies = self._decide(work, now)
            was = (await work.connection.execute(_COMMITTED, {"month": month})).one()
            total = (await work.connection.execute(_TOTAL, {"month": month, "now": now})).one()
            whole = (was.entries, was.digest, 0) == (total.entries, total.digest, total.hidden)
            await work.connection.execute(_CHECKED if whole else _DIFFERS, {"month": month, "now": now})
            if not whole:
                log.error("ledger_month_differs", month=month.isoformat())
            action = "ledger.publish_month" if whole else "ledger.month_differs"
            await work.record(_event(action, month, total, policies))
            await work.commit()

    def _work(self) -> UnitOfWork:
        principal = SystemPrincipal(Origin(str(self._new_id()), NOWHERE), "ledger")
        return self._database.unit_of_work(principal, AuditEvent(TOTAL))

    def _decide(self, work: UnitOfWork, now: datetime) -> tuple[str, ...]:
        return self._policy.authorise(work.principal, TOTAL, access_ledger(), now=now).policies


def _event(action: str, month: date, total: Any, policies: tuple[str, ...]) -> AuditEvent:
    """The digest as resource, month and count as the case: "2026-11/1234"."""
    return AuditEvent(
        action,
        activity=Activity.CREATE,
        resource=f"ledger:{total.digest}",
        policies=policies,
        case=f"{month:%Y-%m}/{total.entries}",
    )


def register(app: procrastinate.App, totals: MonthTotals) -> None:
    """Let the worker run it, each night after midnight in Ha Noi."""

    @app.periodic(cron="20 17 * * *")  # 00:20 in Ha Noi: the queue reckons in UTC
    @app.task(name=TOTAL, queueing_lock=TOTAL)
    async def reckon(timestamp: int) -> None:
        await totals.run()
