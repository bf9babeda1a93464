"""Filters of lists under a name: a person's own, or shared with a unit by its head."""

from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any
from uuid import UUID

import asyncpg
import msgspec
from sqlalchemy import text

from backend.work.errors import NameTaken, TooManyViews
from backend.work.filters import ListFilter
from foundation.clock import Clock
from foundation.database.database import Database
from foundation.database.idempotent import claim, keep
from foundation.errors import InvalidInput, NotFound
from foundation.idempotency import Idempotency
from foundation.identity.principal import OfficialPrincipal
from foundation.ids import NewId, is_unit_code
from foundation.policy.engine import Decision, PolicyEngine
from foundation.policy.entities import Resource, official_ref, unit_ref
from foundation.recording import Activity, AuditEvent
from foundation.texts import checked_label

MOST_VIEWS = 50
MOST_SHOWN = 200
MAX_NAME = 100
_VIEWS = """
SELECT v.id, v.name, v.filter, v.saved_at, u.code AS unit_code, v.owner_id = $1::uuid AS own
FROM work.view v LEFT JOIN tenancy.unit u ON u.id = v.unit_id ORDER BY v.name, v.id LIMIT $2
"""
_UNIT = text("SELECT id FROM tenancy.unit WHERE code = :code")
# A person's views are changed one after the other: two at once would both be the fiftieth.
_MINE = text("SELECT pg_advisory_xact_lock(4828, hashtext(:owner))")
_OTHERS = text(
    """
    SELECT count(*) AS many, coalesce(bool_or(name = :name), false) AS taken FROM work.view
    WHERE owner_id = :owner AND id <> :id
    """
)
_SAVE = text(
    """
    INSERT INTO work.view AS v (id, owner_id, name, filter, unit_id, saved_at)
    VALUES (:id, :owner, :name, cast(:filter AS jsonb), :unit, :at)
    ON CONFLICT (id) DO UPDATE
      SET name = excluded.name, filter = excluded.filter, unit_id = excluded.unit_id,
          saved_at = excluded.saved_at
    """
)
_OWN = text("SELECT unit_id FROM work.view WHERE id = :id AND owner_id = :owner FOR UPDATE")
_DELETE = text("DELETE FROM work.view WHERE id = :id AND owner_id = :owner")


@dataclass(frozen=True, slots=True)
class SavedView:
    """A view. `unit` None: nobody else sees it. `own`: of whoever asks."""

    id: UUID
    name: str
    filter: ListFilter
    unit: str | None
    own: bool
    saved_at: datetime


class ViewService:
    """Reads and changes of views."""

    def __init__(self, database: Database, policy: PolicyEngine, clock: Clock, new_id: NewId) -> None:
        self._database = database
        self._policy = policy
        self._clock = clock
        self._new_id = new_id

    async def views(self, principal: OfficialPrincipal) -> tuple[SavedView, ...]:
        """The person's own and those shared with the person's units, by name. Raises Forbidden."""
        intent = AuditEvent("view.list", activity=Activity.READ, unit=principal.unit_code)
        async with self._database.read_scope(principal, intent) as scope:
            self._decide(principal, "view.read", None)
            rows = await scope.rows(_VIEWS, principal.official_id, MOST_SHOWN)
        return tuple(_view(row) for row in rows)

    async def save(
        self,
        principal: OfficialPrincipal,
        view: UUID | None,
        name: str,
        wanted: ListFilter,
        share_with: str | None,
        idempotency: Idempotency,
    ) -> UUID:
        """Keep a view, or change an own one; the head of a unit may share it with the unit.

        Raises InvalidInput, NotFound, Forbidden, NameTaken, TooManyViews.
        """
        now = self._clock.now()
        intent = AuditEvent("view.save", activity=Activity.UPDATE, unit=principal.unit_code)
        async with self._database.unit_of_work(principal, intent) as work:
            stored = await claim(work, idempotency, now)
            if stored is not None:
                return UUID(stored["id"])
            owner = principal.official_id
            row: dict[str, Any] = {"id": view or self._new_id(), "owner": owner, "at": now, "unit": None}
            row["name"] = checked_label("name", name, MAX_NAME)
            row["filter"] = msgspec.json.encode(wanted.checked().as_json()).decode()
            await work.connection.execute(_MINE, {"owner": str(owner)})
            if view is not None and (await work.connection.execute(_OWN, row)).one_or_none() is None:
                raise NotFound
            action = "view.save"
            if share_with is not None:
                if not is_unit_code(share_with):
                    raise InvalidInput("shareWithUnit")
                row["unit"] = (await work.connection.execute(_UNIT, {"code": share_with})).scalar()
                action = "view.share"
            decision = self._decide(principal, action, row["unit"] if action == "view.share" else None)
            others = (await work.connection.execute(_OTHERS, row)).one()
            if others.taken:
                raise NameTaken
            if others.many >= MOST_VIEWS:
                raise TooManyViews(MOST_VIEWS)
            await work.connection.execute(_SAVE, row)
            await keep(work, idempotency, {"id": str(row["id"])})
            event = replace(intent, action=action, unit=share_with or intent.unit, policies=decision.policies)
            await work.record(event)
            await work.commit()
            return UUID(str(row["id"]))

    async def delete(self, principal: OfficialPrincipal, view: UUID, idempotency: Idempotency) -> None:
        """Forget an own view. Raises NotFound, Forbidden."""
        now = self._clock.now()
        intent = AuditEvent("view.delete", activity=Activity.DELETE, unit=principal.unit_code)
        async with self._database.unit_of_work(principal, intent) as work:
            if await claim(work, idempotency, now) is not None:
                return
            row = {"id": view, "owner": principal.official_id}
            if (await work.connection.execute(_OWN, row)).one_or_none() is None:
                raise NotFound
            decision = self._decide(principal, "view.delete", None)
            await work.connection.execute(_DELETE, row)
            await keep(work, idempotency, {})
            await work.record(replace(intent, policies=decision.policies))
            await work.commit()

    def _decide(self, principal: OfficialPrincipal, action: str, unit: int | None) -> Decision:
        attributes = {
            "owner": official_ref(principal.official_id),
            "unit": None if unit is None else unit_ref(unit),
        }
        resource = Resource("SavedView", str(principal.official_id), attributes)
        return self._policy.authorise(principal, action, resource, now=self._clock.now())


def _view(row: asyncpg.Record) -> SavedView:
    kept = row["filter"]
    return SavedView(
        id=row["id"],
        name=row["name"],
        filter=ListFilter.of_json(msgspec.json.decode(kept) if isinstance(kept, str) else kept),
        unit=row["unit_code"],
        own=row["own"],
        saved_at=row["saved_at"],
    )
