"""What administrators do to categories (lĩnh vực): one method a mutation."""

import re
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import replace
from datetime import datetime
from typing import Any

from sqlalchemy import text

from backend.administration.errors import AlreadyEnded, CodeTaken
from backend.administration.service import AdministrationService
from backend.administration.types import Done, Fields, HistoryKind, Made, Register
from backend.routing.rule_sets import check_complete
from foundation.clock import HANOI
from foundation.database.unit_of_work import UnitOfWork
from foundation.errors import InvalidInput, NotFound, VersionConflict
from foundation.idempotency import Idempotency
from foundation.identity.principal import OfficialPrincipal
from foundation.recording import Activity, AuditEvent
from foundation.texts import checked_label

MAX_CATEGORIES = 200
STEP = 10
_CODE = re.compile(r"[a-z][a-z_]{1,39}")
_LIST = text(
    """
    SELECT code, name_vi, name_en, position, ended_on, version FROM routing.category
    ORDER BY position, code FOR UPDATE
    """
)
_INSERT = text(
    """
    INSERT INTO routing.category (code, name_vi, name_en, position)
    VALUES (:code, :name_vi, :name_en, :position) ON CONFLICT (code) DO NOTHING RETURNING true
    """
)
_CHANGE = text(
    """
    UPDATE routing.category SET name_vi = :name_vi, name_en = :name_en, position = :position,
      ended_on = :ended_on, version = version + 1
    WHERE code = :code
    """
)

Make = Callable[[UnitOfWork, datetime], Awaitable[Made | tuple[Made, ...]]]


class CategoryService:
    """Changes of categories. One that a report or a rule names is never removed: it ends."""

    def __init__(self, administration: AdministrationService) -> None:
        self._administration = administration

    async def create(
        self, principal: OfficialPrincipal, code: str, name_vi: str, name_en: str, idempotency: Idempotency
    ) -> Done:
        """A category at the end of the list. Raises InvalidInput, CodeTaken, IncompleteRules, Forbidden."""

        async def make(work: UnitOfWork, now: datetime) -> Made:
            names = _checked(name_vi, name_en)
            if not _CODE.fullmatch(code):
                raise InvalidInput("code")
            work.intent = replace(work.intent, resource=f"category:{code}")
            there = (await work.connection.execute(_LIST)).all()
            if len(there) >= MAX_CATEGORIES:
                raise InvalidInput("code")
            position = max((row.position for row in there), default=0) + STEP
            row = {"code": code, "position": position, **names}
            if (await work.connection.execute(_INSERT, row)).scalar() is None:
                raise CodeTaken
            await check_complete(work, now)
            return Made(HistoryKind.CATEGORY, code, 1, None, _told(row))

        return await self._change(principal, "category.create", Activity.CREATE, idempotency, make)

    async def rename(
        self,
        principal: OfficialPrincipal,
        code: str,
        expected_version: int,
        name_vi: str,
        name_en: str,
        idempotency: Idempotency,
    ) -> Done:
        """Other names. Raises NotFound, VersionConflict, AlreadyEnded, InvalidInput, Forbidden."""

        async def make(work: UnitOfWork, now: datetime) -> Made:
            names = _checked(name_vi, name_en)
            return await _write(work, await _one(work, code, expected_version), names)

        return await self._change(principal, "category.rename", Activity.UPDATE, idempotency, make)

    async def order(
        self, principal: OfficialPrincipal, versions: Mapping[str, int], idempotency: Idempotency
    ) -> Done:
        """All categories that have not ended, by code with the version seen, in the order to show.

        Raises InvalidInput when one is missing or too many, VersionConflict.
        """

        async def make(work: UnitOfWork, now: datetime) -> tuple[Made, ...]:
            rows = (await work.connection.execute(_LIST)).all()
            active = {row.code: row for row in rows if row.ended_on is None}
            if versions.keys() != active.keys():
                raise InvalidInput("categories")
            for code, version in versions.items():
                if active[code].version != version:
                    raise VersionConflict(active[code].version)
            moved = []
            for place, code in enumerate(versions, start=1):
                if active[code].position != place * STEP:
                    moved.append(await _write(work, active[code], {"position": place * STEP}))
            if not moved:
                raise InvalidInput("categories")
            work.intent = replace(work.intent, resource=f"category:{moved[0].code}")
            return tuple(moved)

        return await self._change(principal, "category.order", Activity.UPDATE, idempotency, make)

    async def end(
        self, principal: OfficialPrincipal, code: str, expected_version: int, idempotency: Idempotency
    ) -> Done:
        """No new report has it from now on. Raises NotFound, VersionConflict, AlreadyEnded, Forbidden."""

        async def make(work: UnitOfWork, now: datetime) -> Made:
            row = await _one(work, code, expected_version)
            return await _write(work, row, {"ended_on": now.astimezone(HANOI).date()})

        return await self._change(principal, "category.end", Activity.DELETE, idempotency, make)

    async def _change(
        self,
        principal: OfficialPrincipal,
        action: str,
        activity: Activity,
        idempotency: Idempotency,
        make: Make,
    ) -> Done:
        intent = AuditEvent(action, activity=activity)
        return await self._administration.change(principal, Register.CATEGORIES, intent, idempotency, make)


async def _one(work: UnitOfWork, code: str, expected_version: int) -> Any:
    """The category, all locked: changes of the list come one after the other."""
    if not _CODE.fullmatch(code):
        raise NotFound
    work.intent = replace(work.intent, resource=f"category:{code}")
    rows = {row.code: row for row in (await work.connection.execute(_LIST)).all()}
    if code not in rows:
        raise NotFound
    if rows[code].version != expected_version:
        raise VersionConflict(rows[code].version)
    if rows[code].ended_on is not None:
        raise AlreadyEnded
    return rows[code]


async def _write(work: UnitOfWork, row: Any, changed: Mapping[str, Any]) -> Made:
    before = {name: getattr(row, name) for name in ("name_vi", "name_en", "position", "ended_on")}
    after = {**before, **changed}
    await work.connection.execute(_CHANGE, {"code": row.code, **after})
    return Made(HistoryKind.CATEGORY, row.code, row.version + 1, _told(before), _told(after))


def _checked(name_vi: str, name_en: str) -> dict[str, str]:
    return {"name_vi": checked_label("nameVi", name_vi), "name_en": checked_label("nameEn", name_en)}


def _told(fields: Mapping[str, Any]) -> Fields:
    day = fields.get("ended_on")
    return {
        "nameVi": fields["name_vi"],
        "nameEn": fields["name_en"],
        "position": fields["position"],
        "endedOn": None if day is None else day.isoformat(),
    }
