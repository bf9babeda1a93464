"""What officials do to the clocks of a report: pause, resume, say how urgent it is. A method a mutation."""

import re
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from sqlalchemy import text

from backend.deadlines.clocks import Reckoned
from backend.deadlines.errors import (
    AlreadyPaused,
    NotPaused,
    NotRunning,
    SameUrgency,
    TooManyPauses,
    UnknownPauseReason,
)
from backend.deadlines.facts import Facts, rows_of
from backend.deadlines.store import lock, write
from backend.deadlines.types import ClockKind, Paused, Urgency, length_of
from backend.reports.service import refuse_merged
from backend.reports.types import readers_of, report_resource
from foundation.clock import Clock
from foundation.database.database import Database
from foundation.database.idempotent import claim, keep
from foundation.database.jobs import enqueue
from foundation.database.unit_of_work import UnitOfWork
from foundation.errors import NotFound
from foundation.idempotency import Idempotency
from foundation.identity.principal import OfficialPrincipal
from foundation.ids import NewId, parse_report_code
from foundation.policy.engine import PolicyEngine
from foundation.policy.entities import Resource
from foundation.recording import AuditEvent

FAN_OUT = "reports.fan_out"
MOST_PAUSES = 3
"""Of a report, by officers."""
_CODE = re.compile(r"[a-z][a-z_]{1,31}")
ORDER = {level: place for place, level in enumerate(Urgency)}

_COLUMNS = """
r.id, r.code, r.citizen_id, r.category, r.ward_id, r.handler_id, r.participants, r.visible_units, r.state,
r.version, tenancy.path_of(r.handler_id) AS handler_path, u.code AS handler_code
"""
_REPORT = text(
    f"""
    SELECT {_COLUMNS} FROM (SELECT k.report_id FROM reports.report_by_reader k
      WHERE k.reader = ANY(cast(:readers AS uuid[])) AND k.code = :code LIMIT 1) seen
    JOIN reports.report r ON r.id = seen.report_id JOIN tenancy.unit u ON u.id = r.handler_id
    """  # noqa: S608 - constants of this file
)
_CITY_REPORT = text(
    f"""
    SELECT {_COLUMNS} FROM reports.report r JOIN tenancy.unit u ON u.id = r.handler_id WHERE r.code = :code
    """  # noqa: S608 - constants of this file
)
_REASON = text("SELECT longest FROM deadlines.pause_reason WHERE code = :code")
_OPEN = text(
    "SELECT id, started_at, until_at FROM deadlines.pause WHERE report_id = :report AND ended_at IS NULL"
)
_COUNT = text("SELECT count(*) FROM deadlines.pause WHERE report_id = :report")
_PAUSE = text(
    """
    INSERT INTO deadlines.pause (id, report_id, reason, started_at, until_at, official_id)
    VALUES (:id, :report, :reason, :at, :until, :official)
    """
)
_END = text("UPDATE deadlines.pause SET ended_at = :at WHERE id = :id")
_LEVEL = text(
    "INSERT INTO deadlines.urgency_change (id, report_id, at, urgency, official_id)"
    " VALUES (:id, :report, :at, :urgency, :official)"
)
_BECOME = text(
    "UPDATE deadlines.followed SET urgency = :urgency, version = version + 1 WHERE report_id = :report"
)
_CHANGE = text(
    """
    INSERT INTO changes.change (id, kind, resource, version, at, units, citizen_id)
    VALUES (:id, :kind, :resource, :version, :at, cast(:units AS int[]), :citizen)
    """
)


@dataclass(frozen=True, slots=True)
class Held:
    """A report whose clocks are locked: who asks, its clocks as they are now."""

    principal: OfficialPrincipal
    report: Any
    urgency: Urgency
    handling: Reckoned | None
    now: datetime


Make = Callable[[UnitOfWork, Held], Awaitable[str]]
"""Does the change; the kind of the change row."""


class DeadlineService:
    """Changes of clocks. The clock is locked, decided on, reckoned anew and written in one unit of work.

    Versions of the report are not compared: a pause depends on the clock's state alone, and that is asked.
    """

    def __init__(self, database: Database, policy: PolicyEngine, clock: Clock, new_id: NewId) -> None:
        self._database = database
        self._policy = policy
        self._clock = clock
        self._new_id = new_id

    async def pause(
        self, principal: OfficialPrincipal, code: str, reason: str, idempotency: Idempotency
    ) -> Paused:
        """Stop the handling clock, for as long as the reason allows at most.

        Raises NotFound, Forbidden, UnknownPauseReason, NotRunning, AlreadyPaused, TooManyPauses.
        """

        async def make(work: UnitOfWork, held: Held) -> str:
            if not _CODE.fullmatch(reason):
                raise UnknownPauseReason
            longest = (await work.connection.execute(_REASON, {"code": reason})).scalar()
            if longest is None:
                raise UnknownPauseReason
            clock = _running(held)
            open_pause = (await work.connection.execute(_OPEN, {"report": held.report.id})).one_or_none()
            if _stands_still(clock, held.now):
                raise AlreadyPaused
            if (
                await work.connection.execute(_COUNT, {"report": held.report.id})
            ).scalar_one() >= MOST_PAUSES:
                raise TooManyPauses(MOST_PAUSES)
            if open_pause is not None:
                # It ended by itself, or with an earlier round; now that it matters, the row says so.
                ended = min(open_pause.until_at, held.now)
                await work.connection.execute(_END, {"id": open_pause.id, "at": ended})
            amount = clock.terms.amount(length_of(longest), held.now)
            row = {
                "id": self._new_id(),
                "report": held.report.id,
                "reason": reason,
                "at": held.now,
                "until": clock.terms.calendar.add(held.now, amount),
                "official": held.principal.official_id,
            }
            await work.connection.execute(_PAUSE, row)
            work.intent = replace(work.intent, purpose=reason)
            return "report.paused"

        return await self._change(principal, code, AuditEvent("deadline.pause"), make, idempotency)

    async def resume(self, principal: OfficialPrincipal, code: str, idempotency: Idempotency) -> Paused:
        """Let the handling clock go on. Raises NotFound, Forbidden, NotPaused."""

        async def make(work: UnitOfWork, held: Held) -> str:
            found = (await work.connection.execute(_OPEN, {"report": held.report.id})).one_or_none()
            if found is None or not _halts(held.handling, found.started_at, held.now):
                raise NotPaused
            await work.connection.execute(_END, {"id": found.id, "at": held.now})
            return "report.resumed"

        return await self._change(principal, code, AuditEvent("deadline.resume"), make, idempotency)

    async def set_urgency(
        self, principal: OfficialPrincipal, code: str, urgency: Urgency, idempotency: Idempotency
    ) -> Paused:
        """Say how urgent a report is. Raises NotFound, Forbidden, SameUrgency, NotRunning."""

        def action(held: Held) -> str:
            return "deadline.raise" if ORDER[urgency] >= ORDER[held.urgency] else "deadline.lower"

        async def make(work: UnitOfWork, held: Held) -> str:
            if held.handling is None or held.handling.stopped_at is not None:
                raise NotRunning
            if urgency is held.urgency:
                raise SameUrgency
            row = {"report": held.report.id, "urgency": urgency.value}
            await work.connection.execute(_BECOME, row)
            row |= {"id": self._new_id(), "at": held.now, "official": held.principal.official_id}
            await work.connection.execute(_LEVEL, row)
            work.intent = replace(work.intent, purpose=urgency.value)
            return "report.urgency"

        return await self._change(principal, code, AuditEvent("deadline.urgency"), make, idempotency, action)

    async def _change(
        self,
        principal: OfficialPrincipal,
        code: str,
        intent: AuditEvent,
        make: Make,
        idempotency: Idempotency,
        asked: Callable[[Held], str] | None = None,
    ) -> Paused:
        """`asked`: which action the policies are asked about, where that depends on the report."""
        now = self._clock.now()
        async with self._database.unit_of_work(principal, intent) as work:
            parsed = parse_report_code(code)
            work.intent = replace(intent, resource=f"report:{parsed}")
            stored = await claim(work, idempotency, now)
            if stored is not None:
                return Paused(stored["code"])
            facts = Facts(rows_of(work), now)
            held = await self._held(work, principal, parsed, facts, now)
            work.intent = replace(work.intent, unit=held.report.handler_code)
            action = intent.action if asked is None else asked(held)
            decision = self._policy.authorise(principal, action, _resource(held.report), now=now)
            await refuse_merged(work, held.report.id)
            kind = await make(work, held)
            report = held.report
            await write(work, report.id, await facts.clocks(report.id, report.category, report.ward_id), now)
            await self._announce(work, held, kind)
            await keep(work, idempotency, {"code": parsed})
            await work.record(replace(work.intent, policies=decision.policies))
            await work.commit()
            return Paused(parsed)

    async def _held(
        self, work: UnitOfWork, principal: OfficialPrincipal, code: str, facts: Facts, now: datetime
    ) -> Held:
        """The report with its clocks locked, if the caller may change them. Raises NotFound."""
        report = await _report(work, principal, code)
        urgency = await lock(work, report.id)
        # What was seen before the lock may have changed.
        report = await _report(work, principal, code)
        clocks = await facts.clocks(report.id, report.category, report.ward_id)
        handling = [clock for clock in clocks if clock.kind is ClockKind.HANDLE]
        # Row-level security hides from the lock what may not be changed; the policy, asked next, refuses.
        level = Urgency.NORMAL if urgency is None else Urgency(urgency)
        return Held(principal, report, level, handling[-1] if urgency and handling else None, now)

    async def _announce(self, work: UnitOfWork, held: Held, kind: str) -> None:
        """Tell whoever follows the report, and the clocks' own reaction, which finds nothing left to do."""
        change_id = self._new_id()
        row = {
            "id": change_id,
            "kind": kind,
            "resource": f"report:{held.report.code}",
            "version": held.report.version,
            "at": held.now,
            "units": sorted(held.report.visible_units),
            "citizen": held.report.citizen_id,
        }
        await work.connection.execute(_CHANGE, row)
        await enqueue(work, FAN_OUT, change_id=change_id)


def _running(held: Held) -> Reckoned:
    """The handling clock, when it runs and has time left. Raises NotRunning."""
    clock = held.handling
    if held.report.state == "received" or clock is None or clock.stopped_at is not None:
        raise NotRunning
    if clock.due_at <= held.now:
        raise NotRunning
    return clock


def _stands_still(clock: Reckoned, now: datetime) -> bool:
    return any(begin <= now < end for begin, end in clock.without)


def _halts(clock: Reckoned | None, started_at: datetime, now: datetime) -> bool:
    """Whether the pause that began then stops the clock now."""
    if clock is None or clock.stopped_at is not None:
        return False
    return any(begin == started_at and now < end for begin, end in clock.without)


async def _report(work: UnitOfWork, principal: OfficialPrincipal, code: str) -> Any:
    if principal.city_level:
        found = await work.connection.execute(_CITY_REPORT, {"code": code})
    else:
        found = await work.connection.execute(_REPORT, {"code": code, "readers": list(readers_of(principal))})
    report = found.one_or_none()
    if report is None:
        raise NotFound
    return report


def _resource(report: Any) -> Resource:
    return report_resource(
        report.id,
        report.citizen_id,
        tuple(report.handler_path),
        tuple(report.participants),
        report.ward_id,
        report.state,
    )
