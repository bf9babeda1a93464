"""The way of every change of a register: decide, do, remember who did what, record, commit."""

from collections.abc import Awaitable, Callable
from dataclasses import replace
from datetime import datetime

import msgspec
from sqlalchemy import text

from backend.administration.types import Done, Made, Register
from foundation.clock import Clock
from foundation.database.database import Database
from foundation.database.idempotent import claim, keep
from foundation.database.read_scope import ReadScope
from foundation.database.unit_of_work import UnitOfWork
from foundation.idempotency import Idempotency
from foundation.identity.principal import OfficialPrincipal, Principal
from foundation.ids import NewId
from foundation.policy.engine import Decision, PolicyEngine
from foundation.policy.entities import Resource, unit_ref
from foundation.recording import AuditEvent

CITY = "city"
_ROOT_READ = "SELECT id FROM tenancy.unit WHERE kind = $1 AND parent_id IS NULL"
_ROOT = text("SELECT id FROM tenancy.unit WHERE kind = :city AND parent_id IS NULL")
_REMEMBER = text(
    """
    INSERT INTO platform.history (id, kind, code, version, at, action, actor_id, actor_unit, before, after)
    VALUES (:id, :kind, :code, :version, :at, :action, :actor, :unit,
            cast(:before AS jsonb), cast(:after AS jsonb))
    """
)

Making = Callable[[UnitOfWork, datetime], Awaitable[Made | tuple[Made, ...]]]
"""Does the change in the unit of work; several things when one change changes them, the asked one first."""


def register_resource(register: Register, root: int) -> Resource:
    """A register as the policies see it."""
    return Resource("Register", register, {"root": unit_ref(root)})


async def authorise_reading(
    scope: ReadScope, policy: PolicyEngine, register: Register, now: datetime
) -> None:
    """Raises Forbidden unless the scope's principal may read the register and its history."""
    row = await scope.row(_ROOT_READ, CITY)
    if row is None:
        raise LookupError("the city has no root: reference data is missing")
    policy.authorise(scope.principal, "register.read", register_resource(register, row["id"]), now=now)


class AdministrationService:
    """Used by the features whose data administrators change."""

    def __init__(self, database: Database, policy: PolicyEngine, clock: Clock, new_id: NewId) -> None:
        self._database = database
        self._policy = policy
        self._clock = clock
        self._new_id = new_id

    async def change(
        self,
        principal: OfficialPrincipal,
        register: Register,
        intent: AuditEvent,
        idempotency: Idempotency,
        make: Making,
    ) -> Done:
        """One change, once. Raises Forbidden, IdempotencyMismatch, and what `make` raises.

        `make` locks what it changes and compares versions; two changes to one version can't both be kept.
        """
        now = self._clock.now()
        async with self._database.unit_of_work(principal, intent) as work:
            decision = await self._decide(work, principal, register, now)
            stored = await claim(work, idempotency, now)
            if stored is not None:
                return Done(stored["code"], stored["version"])
            made = await make(work, now)
            changes = made if isinstance(made, tuple) else (made,)
            for change in changes:
                await self._remember(work, principal, change, now)
            done = Done(changes[0].code, changes[0].version)
            await keep(work, idempotency, {"code": done.code, "version": done.version})
            await work.record(replace(work.intent, policies=decision.policies))
            await work.commit()
            return done

    async def _decide(
        self, work: UnitOfWork, principal: Principal, register: Register, now: datetime
    ) -> Decision:
        root = (await work.connection.execute(_ROOT, {"city": CITY})).scalar_one()
        resource = register_resource(register, root)
        return self._policy.authorise(principal, f"register.{register}", resource, now=now)

    async def _remember(
        self, work: UnitOfWork, principal: OfficialPrincipal, made: Made, now: datetime
    ) -> None:
        row = {
            "id": self._new_id(),
            "kind": made.kind,
            "code": made.code,
            "version": made.version,
            "at": now,
            "action": work.intent.action,
            "actor": principal.official_id,
            "unit": principal.unit_code,
            "before": None if made.before is None else msgspec.json.encode(made.before).decode(),
            "after": msgspec.json.encode(made.after).decode(),
        }
        await work.connection.execute(_REMEMBER, row)
