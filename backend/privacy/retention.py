"""What the worker takes away: words and files of who had all deleted, and what a rule's term is over for.

Each report and each batch is a transaction of its own with its event: a worker that dies in the middle has
done some, and the next run does the rest.
"""

from dataclasses import replace
from datetime import datetime
from uuid import UUID

import structlog
from sqlalchemy import text

from backend.privacy.types import everybody, file_of
from foundation.clock import HANOI, Clock
from foundation.database.database import Database
from foundation.identity.principal import Origin, SystemPrincipal
from foundation.ids import NewId
from foundation.policy.engine import PolicyEngine
from foundation.recording import Activity, AuditEvent

NOWHERE = "0.0.0.0"  # noqa: S104 - a job has no network; nothing is bound to this
BATCH = 200
"""Rows of one transaction: within a second, far from a transaction's longest time."""
MOST_BATCHES = 500
"""Of one rule and run; what is left waits for the next day."""
MOST_PEOPLE = 100
ERASE = AuditEvent("privacy.erase", activity=Activity.DELETE)
APPLY = AuditEvent("retention.apply", activity=Activity.DELETE)

_ERASURES = text("SELECT privacy.erasures_due(:most)")
_ERASE = text("SELECT code, files FROM privacy.erase_next(:citizen, :now)")
_CODES = text("SELECT code FROM privacy.rules(:day) WHERE act <> 'keep' ORDER BY code")
_APPLY = text("SELECT privacy.apply_rule(:code, :now, :most)")

log = structlog.get_logger()


class Retention:
    """Every method may run twice or late without harm."""

    def __init__(self, database: Database, policy: PolicyEngine, clock: Clock, new_id: NewId) -> None:
        self._database = database
        self._policy = policy
        self._clock = clock
        self._new_id = new_id

    async def erase(self) -> int:
        """Empty closed reports of who is gone by a granted request; how many reports. Raises Forbidden."""
        async with self._database.unscoped() as connection:
            people = (await connection.execute(_ERASURES, {"most": MOST_PEOPLE})).scalars().all()
        emptied = 0
        for citizen in people:
            while await self._erase_next(citizen):
                emptied += 1
        return emptied

    async def apply(self) -> dict[str, int]:
        """Carry out each rule in force, in batches; how many of each. Raises Forbidden."""
        day = self._clock.now().astimezone(HANOI).date()
        async with self._database.unscoped() as connection:
            codes = (await connection.execute(_CODES, {"day": day})).scalars().all()
        return {code: await self._apply(code) for code in codes}

    async def _apply(self, code: str) -> int:
        taken, now = 0, self._clock.now()
        for _ in range(MOST_BATCHES):
            count = await self._apply_once(code, now)
            taken += count
            if count == 0:
                break
        if taken:
            log.info("retention_applied", rule=code, rows=taken)
        return taken

    async def _apply_once(self, code: str, now: datetime) -> int:
        async with self._database.unit_of_work(self._principal(), APPLY) as work:
            decision = self._policy.authorise(work.principal, APPLY.action, everybody(), now=now)
            row = {"code": code, "now": now, "most": BATCH}
            count: int = (await work.connection.execute(_APPLY, row)).scalar_one()
            if count:
                await work.record(replace(APPLY, purpose=f"{code}_{count}", policies=decision.policies))
                await work.commit()
        return count

    async def _erase_next(self, citizen: UUID) -> bool:
        now = self._clock.now()
        async with self._database.unit_of_work(self._principal(), ERASE) as work:
            decision = self._policy.authorise(work.principal, ERASE.action, file_of(citizen), now=now)
            row = {"citizen": citizen, "now": now}
            found = (await work.connection.execute(_ERASE, row)).one_or_none()
            event = replace(ERASE, policies=decision.policies)
            if found is None:
                event = replace(event, resource=f"citizen:{citizen}", purpose="over")
            else:
                event = replace(event, resource=f"report:{found.code}", purpose=f"files_{found.files}")
            await work.record(event)
            await work.commit()
        return found is not None

    def _principal(self) -> SystemPrincipal:
        return SystemPrincipal(Origin(str(self._new_id()), NOWHERE), "privacy")
