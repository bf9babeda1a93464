"""What administrators do to units: one method a mutation, one unit of work a method."""

import re
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace
from datetime import date, datetime
from typing import Any

from sqlalchemy import text

from backend.administration.errors import AlreadyEnded, CodeTaken
from backend.administration.service import AdministrationService
from backend.administration.types import Done, Fields, HistoryKind, Made, Register
from backend.tenancy.errors import UnitCycle, UnitInUse, WrongParent, WrongSuccessor
from backend.tenancy.types import NewUnit
from foundation.clock import HANOI
from foundation.database.jobs import enqueue
from foundation.database.unit_of_work import UnitOfWork
from foundation.errors import InvalidInput, NotFound, VersionConflict
from foundation.idempotency import Idempotency
from foundation.identity.principal import OfficialPrincipal
from foundation.ids import is_unit_code
from foundation.recording import Activity, AuditEvent
from foundation.texts import checked_label
from foundation.vietnamese import sort_key

FOLLOW = "organisations.follow"
"""The job that has Keycloak's organisation follow a unit (the directory's queue)."""
HAND_OVER = "reports.hand_over"
"""The job that gives a unit's open reports to its successor (backend/reports/hand_over.py)."""

DEPARTMENT, CITY = "department", "city"
PARENTS = {
    DEPARTMENT: frozenset({CITY, DEPARTMENT}),
    # Two levels of government since 1 July 2025: nothing stands between the city and its wards and communes.
    "ward": frozenset({CITY}),
    "commune": frozenset({CITY}),
}
"""Which kinds may stand above a kind; the keys are what can be made. Neither roots nor Party bodies (which
stand in another tree) are administered here."""

_WARD_CODE, _DEPARTMENT_CODE = re.compile(r"[0-9]{5}"), re.compile(r"D[0-9]{4}")
_CODES = {DEPARTMENT: _DEPARTMENT_CODE, "ward": _WARD_CODE, "commune": _WARD_CODE}

# Changes of the tree come one after the other, and none while a report is given its unit.
_ALONE = text("SELECT pg_advisory_xact_lock(4801, 1)")
_UNIT = text(
    """
    SELECT u.id, u.code, u.name, u.kind, u.parent_id, p.code AS parent, u.ended_on, u.version
    FROM tenancy.unit u LEFT JOIN tenancy.unit p ON p.id = u.parent_id
    WHERE u.code = :code AND u.kind <> 'party'
    """
)
_TAKEN = text("SELECT true FROM tenancy.unit WHERE code = :code")
_PATH = text("SELECT tenancy.path_of(:unit)")
_INSERT = text(
    """
    INSERT INTO tenancy.unit (code, parent_id, name, name_key, kind)
    VALUES (:code, :parent, :name, :name_key, :kind)
    """
)
_RENAME = text(
    "UPDATE tenancy.unit SET name = :name, name_key = :name_key, version = version + 1 WHERE id = :unit"
)
_MOVE = text("UPDATE tenancy.unit SET parent_id = :parent, version = version + 1 WHERE id = :unit")
_END = text(
    """
    UPDATE tenancy.unit SET ended_on = :day, successor_id = :successor, version = version + 1
    WHERE id = :unit
    """
)
_CHILDREN = text(
    """
    SELECT u.id, u.code, u.name, u.kind, u.parent_id, p.code AS parent, u.ended_on, u.version
    FROM tenancy.unit u JOIN tenancy.unit p ON p.id = u.parent_id
    WHERE u.parent_id = :unit AND u.ended_on IS NULL ORDER BY u.id
    """
)
_HOLDINGS = text("SELECT open_reports, people, duties, children, rules FROM tenancy.holdings_of(:unit, :day)")
_END_DUTIES = text("SELECT tenancy.end_duties_of(:unit, :day, :at)")


@dataclass(frozen=True, slots=True)
class Succession:
    """A unit that ends and the one that it becomes part of, by inner id and code; from `day` on."""

    unit: int
    unit_code: str
    successor: int
    successor_code: str
    day: date


Follow = Callable[[UnitOfWork, Succession, datetime], Awaitable[tuple[Made, ...]]]
"""What another feature does when a unit becomes part of another, in the same unit of work."""
Check = Callable[[UnitOfWork, datetime], Awaitable[None]]
"""What must hold of another feature's data after the tree has changed; raises its refusal."""


class UnitService:
    """Changes of units. `followers`, `checks`: of who names units in data of its own (routing rules)."""

    def __init__(
        self,
        administration: AdministrationService,
        followers: tuple[Follow, ...] = (),
        checks: tuple[Check, ...] = (),
    ) -> None:
        self._administration = administration
        self._followers = followers
        self._checks = checks

    async def create(self, principal: OfficialPrincipal, new: NewUnit, idempotency: Idempotency) -> Done:
        """A unit below another. Raises InvalidInput, CodeTaken, WrongParent, Forbidden."""

        async def make(work: UnitOfWork, now: datetime) -> Made:
            if new.kind not in PARENTS:
                raise InvalidInput("kind")
            name = checked_label("name", new.name)
            if not _CODES[new.kind].fullmatch(new.code):
                raise InvalidInput("code")
            work.intent = replace(work.intent, resource=f"unit:{new.code}", unit=new.code)
            await work.connection.execute(_ALONE)
            if (await work.connection.execute(_TAKEN, {"code": new.code})).scalar():
                raise CodeTaken
            parent = await _parent(work, new.parent, new.kind)
            row = {"code": new.code, "parent": parent.id, "name": name, "name_key": sort_key(name)}
            await work.connection.execute(_INSERT, {**row, "kind": new.kind})
            await enqueue(work, FOLLOW, unit=new.code)
            await self._check(work, now)
            after = {"name": name, "kind": new.kind, "parent": parent.code, "endedOn": None}
            return Made(HistoryKind.UNIT, new.code, 1, None, after)

        return await self._change(principal, "unit.create", Activity.CREATE, idempotency, make)

    async def rename(
        self, principal: OfficialPrincipal, code: str, expected_version: int, name: str, key: Idempotency
    ) -> Done:
        """Another name. Raises NotFound, VersionConflict, AlreadyEnded, InvalidInput, Forbidden."""

        async def make(work: UnitOfWork, now: datetime) -> Made:
            checked = checked_label("name", name)
            unit = await _locked(work, code, expected_version)
            row = {"unit": unit.id, "name": checked, "name_key": sort_key(checked)}
            await work.connection.execute(_RENAME, row)
            await enqueue(work, FOLLOW, unit=unit.code)
            return _made(unit, name=checked)

        return await self._change(principal, "unit.rename", Activity.UPDATE, key, make)

    async def move(
        self, principal: OfficialPrincipal, code: str, expected_version: int, parent: str, key: Idempotency
    ) -> Done:
        """Below another unit of the same tree. Raises WrongParent, UnitCycle beside the rest."""

        async def make(work: UnitOfWork, now: datetime) -> Made:
            unit = await _locked(work, code, expected_version)
            if unit.parent_id is None:
                raise WrongParent
            above = await _parent(work, parent, unit.kind)
            path = (await work.connection.execute(_PATH, {"unit": above.id})).scalar_one()
            if unit.id in path:
                raise UnitCycle
            await work.connection.execute(_MOVE, {"unit": unit.id, "parent": above.id})
            await enqueue(work, FOLLOW, unit=unit.code)
            await self._check(work, now)
            return _made(unit, parent=above.code)

        return await self._change(principal, "unit.move", Activity.UPDATE, key, make)

    async def end(
        self,
        principal: OfficialPrincipal,
        code: str,
        expected_version: int,
        successor: str | None,
        idempotency: Idempotency,
    ) -> Done:
        """End a unit today: it has nothing left, or its successor gets its reports, rules and units.

        Duties there end; people are given duties elsewhere by who administers people. Raises UnitInUse,
        WrongSuccessor beside the rest.
        """

        async def make(work: UnitOfWork, now: datetime) -> tuple[Made, ...]:
            unit = await _locked(work, code, expected_version)
            if unit.parent_id is None:
                raise WrongSuccessor
            day = now.astimezone(HANOI).date()
            row = {"unit": unit.id, "day": day}
            if successor is None:
                await _check_nothing_left(work, row)
                await work.connection.execute(_END, {**row, "successor": None})
                await enqueue(work, FOLLOW, unit=unit.code)
                return (_made(unit, endedOn=day.isoformat()),)
            heir = await _successor(work, successor, unit)
            moved = await self._move_children(work, unit, heir)
            await work.connection.execute(_END, {**row, "successor": heir.id})
            ended = (await work.connection.execute(_END_DUTIES, {**row, "at": now})).scalar_one()
            succession = Succession(unit.id, unit.code, heir.id, heir.code, day)
            followed = [made for follow in self._followers for made in await follow(work, succession, now)]
            await enqueue(work, FOLLOW, unit=unit.code)
            await enqueue(work, HAND_OVER, unit=unit.id)
            made = _made(unit, endedOn=day.isoformat(), successor=heir.code, dutiesEnded=ended)
            return (made, *moved, *followed)

        return await self._change(principal, "unit.end", Activity.DELETE, idempotency, make)

    async def _check(self, work: UnitOfWork, now: datetime) -> None:
        for check in self._checks:
            await check(work, now)

    async def _move_children(self, work: UnitOfWork, unit: Any, heir: Any) -> list[Made]:
        moved = []
        for child in (await work.connection.execute(_CHILDREN, {"unit": unit.id})).all():
            if heir.kind not in PARENTS[child.kind]:
                raise WrongSuccessor
            await work.connection.execute(_MOVE, {"unit": child.id, "parent": heir.id})
            await enqueue(work, FOLLOW, unit=child.code)
            moved.append(_made(child, parent=heir.code))
        return moved

    async def _change(
        self,
        principal: OfficialPrincipal,
        action: str,
        activity: Activity,
        idempotency: Idempotency,
        make: Callable[[UnitOfWork, datetime], Awaitable[Made | tuple[Made, ...]]],
    ) -> Done:
        intent = AuditEvent(action, activity=activity)
        return await self._administration.change(principal, Register.UNITS, intent, idempotency, make)


async def _locked(work: UnitOfWork, code: str, expected_version: int) -> Any:
    """The unit, its tree locked. Raises NotFound (a Party body's, too), VersionConflict, AlreadyEnded."""
    if not is_unit_code(code):
        raise NotFound
    work.intent = replace(work.intent, resource=f"unit:{code}", unit=code)
    await work.connection.execute(_ALONE)
    unit = (await work.connection.execute(_UNIT, {"code": code})).one_or_none()
    if unit is None:
        raise NotFound
    if unit.version != expected_version:
        raise VersionConflict(unit.version)
    if unit.ended_on is not None:
        raise AlreadyEnded
    return unit


async def _parent(work: UnitOfWork, code: str, kind: str) -> Any:
    """The unit above. A Party body is as one that does not exist: what stands there is not shown."""
    found = None
    if is_unit_code(code):
        found = (await work.connection.execute(_UNIT, {"code": code})).one_or_none()
    if found is None or found.ended_on is not None or found.kind not in PARENTS.get(kind, ()):
        raise WrongParent
    return found


async def _successor(work: UnitOfWork, code: str, unit: Any) -> Any:
    found = None
    if is_unit_code(code) and code != unit.code:
        found = (await work.connection.execute(_UNIT, {"code": code})).one_or_none()
    if found is None or found.ended_on is not None:
        raise WrongSuccessor
    if (found.kind == DEPARTMENT) != (unit.kind == DEPARTMENT) or found.kind == CITY:
        raise WrongSuccessor
    if unit.id in (await work.connection.execute(_PATH, {"unit": found.id})).scalar_one():
        raise WrongSuccessor
    return found


async def _check_nothing_left(work: UnitOfWork, row: dict[str, Any]) -> None:
    left = (await work.connection.execute(_HOLDINGS, row)).one()
    if any(left):
        raise UnitInUse(*left)


def _made(unit: Any, **changed: Any) -> Made:
    before: Fields = {
        "name": unit.name,
        "kind": unit.kind,
        "parent": unit.parent,
        "endedOn": None,
    }
    return Made(HistoryKind.UNIT, unit.code, unit.version + 1, before, {**before, **changed})
