"""Officers' work on a report: who has it in hand, and notes among officers. A method a mutation."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace
from datetime import datetime
from uuid import UUID

from sqlalchemy import text

from backend.reports.service import refuse_merged
from backend.work.errors import NotAHandler, NotAssigned, ReportClosed, SameAssignee
from backend.work.store import Held, hold, put_in_hand, write_entry
from backend.work.types import EntryKind, Worked
from foundation.clock import Clock
from foundation.database.database import Database
from foundation.database.idempotent import claim, keep
from foundation.database.jobs import enqueue
from foundation.database.unit_of_work import UnitOfWork
from foundation.errors import InvalidInput, VersionConflict
from foundation.idempotency import Idempotency
from foundation.identity.principal import OfficialPrincipal
from foundation.ids import NewId, parse_report_code
from foundation.policy.engine import PolicyEngine
from foundation.recording import AuditEvent
from foundation.texts import MAX_TEXT, checked_lines

TELL_ASSIGNED = "work.tell_assigned"

_HANDLER = text("SELECT h.id FROM work.handlers_of(:unit) h WHERE h.code = :code")


@dataclass(frozen=True, slots=True)
class Doing:
    """A change under way: who does it, on what, when."""

    work: UnitOfWork
    principal: OfficialPrincipal
    held: Held
    now: datetime


Make = Callable[[Doing], Awaitable[int]]
"""Does the change; the version of the work after it."""


class WorkService:
    """Changes of the work on reports: locked, decided, written and recorded in one unit of work each."""

    def __init__(self, database: Database, policy: PolicyEngine, clock: Clock, new_id: NewId) -> None:
        self._database = database
        self._policy = policy
        self._clock = clock
        self._new_id = new_id

    async def assign(
        self,
        principal: OfficialPrincipal,
        code: str,
        expected_version: int,
        to_official: str,
        idempotency: Idempotency | None,
    ) -> Worked:
        """Put the report into the hand of a handler of the handling unit, who is told.

        `expected_version` is that of the work, 0 when there was none. `idempotency` None, here and below: a
        rehearsal, which does all of it and leaves without a commit. Raises NotFound, Forbidden,
        VersionConflict, ReportClosed, NotAHandler, SameAssignee, IdempotencyMismatch.
        """

        async def make(doing: Doing) -> int:
            held, work = doing.held, doing.work
            _check(held, expected_version)
            person = await _handler(work, held.report.handler_id, to_official)
            if person == held.assignee:
                raise SameAssignee
            version = await put_in_hand(work, held, person, held.report.handler_id, doing.now)
            entry = await self._note(doing, EntryKind.ASSIGNED, person)
            await enqueue(work, TELL_ASSIGNED, entry_id=entry)
            return version

        return await self._change(principal, code, "report.assign", make, idempotency)

    async def take_away(
        self,
        principal: OfficialPrincipal,
        code: str,
        expected_version: int,
        idempotency: Idempotency | None,
    ) -> Worked:
        """Leave the report in nobody's hand. Raises as `assign`, and NotAssigned."""

        async def make(doing: Doing) -> int:
            _check(doing.held, expected_version)
            if doing.held.assignee is None:
                raise NotAssigned
            version = await put_in_hand(doing.work, doing.held, None, None, doing.now)
            await self._note(doing, EntryKind.UNASSIGNED, doing.held.assignee)
            return version

        return await self._change(principal, code, "report.unassign", make, idempotency)

    async def write_note(
        self, principal: OfficialPrincipal, code: str, note: str, idempotency: Idempotency | None
    ) -> Worked:
        """Add a note that officers of the units alone read. Raises NotFound, Forbidden, InvalidInput."""

        async def make(doing: Doing) -> int:
            await self._note(doing, EntryKind.NOTE, None, checked_lines("text", note, MAX_TEXT))
            # A note is in nobody's way: it stands by itself, and no version rises with it.
            return doing.held.version

        return await self._change(principal, code, "report.note", make, idempotency)

    async def _note(
        self, doing: Doing, kind: EntryKind, person: UUID | None, note: str | None = None
    ) -> UUID:
        entry = self._new_id()
        await write_entry(
            doing.work,
            entry_id=entry,
            report_id=doing.held.report.id,
            at=doing.now,
            kind=kind,
            unit=_acting_unit(doing),
            person=person,
            note=note,
        )
        return entry

    async def _change(
        self,
        principal: OfficialPrincipal,
        code: str,
        action: str,
        make: Make,
        idempotency: Idempotency | None,
    ) -> Worked:
        now = self._clock.now()
        async with self._database.unit_of_work(principal, AuditEvent(action)) as work:
            parsed = parse_report_code(code)
            work.intent = replace(work.intent, resource=f"report:{parsed}")
            stored = None if idempotency is None else await claim(work, idempotency, now)
            if stored is not None:
                return Worked(stored["code"], stored["version"])
            held = await hold(work, parsed)
            work.intent = replace(work.intent, unit=held.report.handler_code)
            decision = self._policy.authorise(principal, action, held.resource, now=now)
            await refuse_merged(work, held.report.id)
            version = await make(Doing(work, principal, held, now))
            if idempotency is None:
                return Worked(parsed, version)
            await keep(work, idempotency, {"code": parsed, "version": version})
            await work.record(replace(work.intent, policies=decision.policies))
            await work.commit()
            return Worked(parsed, version)


def _check(held: Held, expected_version: int) -> None:
    if held.version != expected_version:
        raise VersionConflict(held.version)
    if held.report.state == "closed":
        raise ReportClosed


def _acting_unit(doing: Doing) -> int:
    """For which unit somebody writes: the handling one, else one that has or had to do with the report."""
    units, report = doing.principal.units, doing.held.report
    if report.handler_id in units:
        return int(report.handler_id)
    return int(min(unit for unit in report.participants if unit in units))


async def _handler(work: UnitOfWork, unit: int, code: str) -> UUID:
    """Who of the unit's handlers of today that is. Raises NotAHandler."""
    try:
        parsed = parse_report_code(code)  # people's codes have the form of reports'
    except InvalidInput:
        raise NotAHandler from None
    found: UUID | None = (await work.connection.execute(_HANDLER, {"unit": unit, "code": parsed})).scalar()
    if found is None:
        raise NotAHandler
    return found
