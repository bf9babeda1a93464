"""Supporting units: asked by the unit that answers, each with a part of its own. A method a mutation."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from sqlalchemy import text

from backend.reports.errors import SameUnit, UnknownUnit
from backend.reports.service import refuse_merged
from backend.work.errors import AlreadySupporting, ReportClosed, TooManyParts, WrongPartState
from backend.work.store import Held, hold, write_entry
from backend.work.types import EntryKind, PartState, Worked
from foundation.clock import HANOI, Clock
from foundation.database.database import Database
from foundation.database.idempotent import claim, keep
from foundation.database.unit_of_work import UnitOfWork
from foundation.errors import NotFound
from foundation.idempotency import Idempotency
from foundation.identity.principal import OfficialPrincipal
from foundation.ids import NewId, is_unit_code, parse_report_code
from foundation.policy.engine import PolicyEngine
from foundation.policy.entities import Resource, unit_ref, unit_refs
from foundation.recording import AuditEvent
from foundation.texts import MAX_TEXT, checked_lines

MOST_PARTS = 10

_UNIT = text(
    """
    SELECT u.id, tenancy.path_of(u.id) AS path,
      u.kind <> 'party' AND (u.ended_on IS NULL OR u.ended_on > :day) AS helps
    FROM tenancy.unit u WHERE u.code = :code
    """
)
# As in backend/reports/store.py: no unit ends between here and the commit.
_UNITS_STAY = text("SELECT pg_advisory_xact_lock_shared(4801, 1)")
_LOCK = text("SELECT state FROM work.part WHERE report_id = :report AND unit_id = :unit FOR UPDATE")
_COUNT = text("SELECT count(*) FROM work.part WHERE report_id = :report AND state IN ('open', 'done')")
_STATE = text("SELECT state FROM reports.report WHERE id = :report")
_ADD = text(
    """
    INSERT INTO work.part (id, report_id, unit_id, state, task, added_at)
    VALUES (:id, :report, :unit, 'open', :task, :at)
    """
)
_AGAIN = text(
    """
    UPDATE work.part SET state = 'open', task = :task, result = NULL, reason = NULL, added_at = :at,
      ended_at = NULL
    WHERE report_id = :report AND unit_id = :unit
    """
)
_END = text(
    """
    UPDATE work.part SET state = :state, result = :result, reason = :reason, ended_at = :at
    WHERE report_id = :report AND unit_id = :unit
    """
)


@dataclass(frozen=True, slots=True)
class Doing:
    """A change of a part under way: whose part, and its state now (None: there is none)."""

    work: UnitOfWork
    held: Held
    unit: Any
    state: PartState | None
    words: str
    now: datetime

    @property
    def row(self) -> dict[str, Any]:
        """What names the part in a statement."""
        return {"report": self.held.report.id, "unit": self.unit.id, "at": self.now}


Make = Callable[[Doing], Awaitable[EntryKind]]


class PartService:
    """Changes of parts: locked, decided, written and recorded in one unit of work each."""

    def __init__(self, database: Database, policy: PolicyEngine, clock: Clock, new_id: NewId) -> None:
        self._database = database
        self._policy = policy
        self._clock = clock
        self._new_id = new_id

    async def add(
        self, principal: OfficialPrincipal, code: str, unit: str, task: str, idempotency: Idempotency | None
    ) -> Worked:
        """Ask another unit for a part of the work; it sees the report from now on.

        `idempotency` None: a rehearsal, which does all of it and leaves without a commit.

        Raises NotFound, Forbidden, InvalidInput, UnknownUnit, SameUnit, AlreadySupporting, TooManyParts,
        ReportClosed.
        """

        async def make(doing: Doing) -> EntryKind:
            if not doing.unit.helps:
                raise UnknownUnit
            if doing.unit.id == doing.held.report.handler_id:
                raise SameUnit
            if doing.state is PartState.OPEN:
                raise AlreadySupporting
            count = (
                await doing.work.connection.execute(_COUNT, {"report": doing.held.report.id})
            ).scalar_one()
            if doing.state is not PartState.DONE and count >= MOST_PARTS:
                raise TooManyParts(MOST_PARTS)
            statement = _ADD if doing.state is None else _AGAIN
            row = {**doing.row, "task": doing.words}
            if doing.state is None:
                row["id"] = self._new_id()
            await doing.work.connection.execute(statement, row)
            return EntryKind.PART_ADDED

        return await self._change(principal, code, unit, "part.add", make, idempotency, "task", task)

    async def remove(
        self, principal: OfficialPrincipal, code: str, unit: str, reason: str, idempotency: Idempotency
    ) -> Worked:
        """An open part is not needed. Raises NotFound, Forbidden, InvalidInput, WrongPartState."""
        return await self._end(principal, code, unit, "part.remove", PartState.REMOVED, reason, idempotency)

    async def set_aside(
        self, principal: OfficialPrincipal, code: str, unit: str, reason: str, idempotency: Idempotency
    ) -> Worked:
        """The report is to be closed without an open part. Raises as `remove`."""
        return await self._end(
            principal, code, unit, "part.set_aside", PartState.SET_ASIDE, reason, idempotency
        )

    async def finish(
        self, principal: OfficialPrincipal, code: str, unit: str, result: str, idempotency: Idempotency
    ) -> Worked:
        """The supporting unit has done its part. Raises as `remove`."""
        return await self._end(principal, code, unit, "part.finish", PartState.DONE, result, idempotency)

    async def _end(
        self,
        principal: OfficialPrincipal,
        code: str,
        unit: str,
        action: str,
        state: PartState,
        words: str,
        idempotency: Idempotency,
    ) -> Worked:
        field = "result" if state is PartState.DONE else "reason"

        async def make(doing: Doing) -> EntryKind:
            if doing.state is not PartState.OPEN:
                raise WrongPartState
            row = {**doing.row, "state": state.value, "result": None, "reason": None, field: doing.words}
            await doing.work.connection.execute(_END, row)
            return EntryKind(f"part_{state.value}")

        return await self._change(principal, code, unit, action, make, idempotency, field, words)

    async def _change(
        self,
        principal: OfficialPrincipal,
        code: str,
        unit_code: str,
        action: str,
        make: Make,
        idempotency: Idempotency | None,
        field: str,
        words: str,
    ) -> Worked:
        now = self._clock.now()
        async with self._database.unit_of_work(principal, AuditEvent(action)) as work:
            parsed = parse_report_code(code)
            work.intent = replace(work.intent, resource=f"report:{parsed}")
            stored = None if idempotency is None else await claim(work, idempotency, now)
            if stored is not None:
                return Worked(stored["code"], stored["version"])
            note = checked_lines(field, words, MAX_TEXT)
            held = await hold(work, parsed)
            work.intent = replace(work.intent, unit=held.report.handler_code)
            unit = await _unit(work, unit_code, now)
            decision = self._policy.authorise(principal, action, _resource(held, unit), now=now)
            doing = Doing(work, held, unit, await _locked(work, held, unit), note, now)
            kind = await make(doing)
            await write_entry(
                work,
                entry_id=self._new_id(),
                report_id=held.report.id,
                at=now,
                kind=kind,
                unit=unit.id if kind is EntryKind.PART_DONE else held.report.handler_id,
                about=unit.id,
                note=note,
            )
            if idempotency is None:
                return Worked(parsed, held.version)
            await keep(work, idempotency, {"code": parsed, "version": held.version})
            await work.record(replace(work.intent, policies=decision.policies))
            await work.commit()
            return Worked(parsed, held.version)


async def _unit(work: UnitOfWork, code: str, now: datetime) -> Any:
    """A unit by its code, also one that has ended. Raises UnknownUnit."""
    if not is_unit_code(code):
        raise UnknownUnit
    await work.connection.execute(_UNITS_STAY)
    row = {"code": code, "day": now.astimezone(HANOI).date()}
    unit = (await work.connection.execute(_UNIT, row)).one_or_none()
    if unit is None:
        raise UnknownUnit
    return unit


async def _locked(work: UnitOfWork, held: Held, unit: Any) -> PartState | None:
    """The part's state, locked; the report is open, and was not closed meanwhile. Raises ReportClosed."""
    row = {"report": held.report.id, "unit": unit.id}
    state = (await work.connection.execute(_LOCK, row)).scalar()
    # A statement of its own after the locks: what was committed meanwhile counts.
    report = (await work.connection.execute(_STATE, {"report": held.report.id})).scalar()
    if report is None:
        raise NotFound
    if report == "closed":
        raise ReportClosed
    await refuse_merged(work, held.report.id)
    return None if state is None else PartState(state)


def _resource(held: Held, unit: Any) -> Resource:
    """A part as the policies see it."""
    return Resource(
        "Part",
        f"{held.report.id}/{unit.id}",
        {
            "unit": unit_ref(unit.id),
            "unit_path": unit_refs(tuple(unit.path)),
            "handler": unit_ref(held.report.handler_id),
            "handler_path": unit_refs(tuple(held.report.handler_path)),
        },
    )
