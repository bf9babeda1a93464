"""Records of one kind: put, open, history, delete. Decided, then read or written under just that decision."""

import hashlib
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncConnection

from foundation.database.database import Database
from foundation.database.unit_of_work import UnitOfWork
from foundation.errors import Forbidden, NotFound, VersionConflict
from foundation.policy.engine import Decision, PolicyEngine
from foundation.policy.entities import Resource
from foundation.recording import Activity, AuditEvent
from vault.call.operations import Answer, Asked
from vault.keyring.memory import wiped
from vault.keyring.types import Class
from vault.records import envelope, queries
from vault.records.envelope import NONCE, Place
from vault.records.errors import Changing, Retained
from vault.records.gate import NOBODYS, Admitted, Gate, holding_ref
from vault.records.ports import Keys
from vault.records.queries import Head, Kept, Past
from vault.records.results import Results

TRIES = 3
"""How often it is decided again when record or register change meanwhile."""


@dataclass(frozen=True, slots=True)
class Kind:
    """What records of a feature are: `entity` in the policies' words, `schema` of what is written now."""

    name: str
    entity: str
    class_: Class
    schema: str


@dataclass(frozen=True, slots=True)
class Content:
    """A version with its content, which the reader wipes."""

    place: Place
    at: str
    plain: bytearray = field(repr=False)


@dataclass(frozen=True, slots=True)
class Records:
    """Of one kind. All runs in the transaction that uses the call's proof up, and records its event."""

    kind: Kind
    gate: Gate
    policies: PolicyEngine
    keys: Keys
    results: Results
    database: Database
    new_id: Callable[[], UUID]
    random_bytes: Callable[[int], bytes]

    async def open(self, asked: Asked, work: UnitOfWork, record: UUID) -> Kept:
        """The newest version, still sealed; `plain` opens it after the commit.

        Raises NotFound for what is not there and what may not be opened alike, Changing, and as Gate.admit.
        """
        action = f"{self.kind.name}.open"
        for _ in range(TRIES):
            admitted = await self.admit(asked, work)
            found = await queries.head(work.connection, record, self.kind.name)
            decision, head = self._decided(admitted, action, record, found, asked)
            kept = await queries.opened(work.connection, head, admitted.epoch)
            if kept is not None:
                await work.record(self._event(action, Activity.READ, head, decision, kept.sealed))
                return kept
        raise Changing

    async def plain(self, kept: Kept) -> Content:
        """The content of what was opened, once its event is kept. Raises as the keyring, RecordUnreadable."""
        async with self.database.unscoped() as connection:
            return await self.unsealed(connection, kept)

    async def unsealed(self, connection: AsyncConnection, kept: Kept) -> Content:
        """The same in a transaction that is there. No connection is used when the epoch key is at hand."""
        place = kept.place
        key = await self.keys.data_key(connection, place.tenant, place.class_, place.record, kept.wrapped)
        with wiped(key):
            return Content(place, kept.at.isoformat(), envelope.unseal(key, place, kept.sealed))

    async def history(self, asked: Asked, work: UnitOfWork, record: UUID) -> list[Past]:
        """Who changed it when. Raises as `open`."""
        action = f"{self.kind.name}.history"
        for _ in range(TRIES):
            admitted = await self.admit(asked, work)
            found = await queries.head(work.connection, record, self.kind.name)
            decision, head = self._decided(admitted, action, record, found, asked)
            past = await queries.history(work.connection, head, admitted.epoch)
            if past:
                await work.record(self._event(action, Activity.READ, head, decision))
                return list(past)
        raise Changing

    async def put_new(
        self, asked: Asked, work: UnitOfWork, tenant: str, content: bytearray
    ) -> dict[str, Any]:
        """A first version. Raises Forbidden, Changing, IdempotencyMismatch, and as Gate.admit."""
        action = f"{self.kind.name}.put"
        admitted = await self.admit(asked, work)
        stored = await self.results.claim(asked, action, work.connection)
        if stored is not None:
            await work.record(AuditEvent(action, activity=Activity.READ))
            return stored
        result, event = await self.added(asked, work, admitted, tenant, content)
        await self.results.keep(asked, action, work.connection, tenant, self.kind.class_, result)
        await work.record(event)
        return result

    async def added(
        self, asked: Asked, work: UnitOfWork, admitted: Admitted, tenant: str, content: bytearray
    ) -> tuple[dict[str, Any], AuditEvent]:
        """A first version, its result and the event that the caller records. Raises Forbidden, Changing."""
        action, record = f"{self.kind.name}.put", self.new_id()
        decision = self.decide(admitted, action, record, tenant, asked)
        place = Place(tenant, self.kind.class_, record, 1, self.kind.schema)
        made = await self.keys.new_data_key(work.connection, tenant, self.kind.class_, record)
        with wiped(made.key) as key:
            sealed = envelope.seal(key, place, self.random_bytes(NONCE), content)
        by = asked.principal.session.sub
        if not await queries.put_new(
            work.connection, place, self.kind.name, made.wrapped, sealed, by, asked.at, admitted.epoch
        ):
            raise Changing
        event = AuditEvent(
            action, activity=Activity.CREATE, resource=self._named(record), unit=tenant,
            policies=decision.policies, others=(_sealed(sealed),),
        )  # fmt: skip
        return {"record": str(record), "version": 1}, event

    async def put_next(
        self, asked: Asked, work: UnitOfWork, record: UUID, expected: int, content: bytearray
    ) -> dict[str, Any]:
        """The version after `expected`. Raises NotFound, VersionConflict, IdempotencyMismatch, Changing."""
        action = f"{self.kind.name}.put"
        admitted = await self.admit(asked, work)
        stored = await self.results.claim(asked, action, work.connection)
        if stored is not None:
            await work.record(AuditEvent(action, activity=Activity.READ))
            return stored
        found = await queries.locked(work.connection, record, self.kind.name)
        decision, head = self._decided(admitted, action, record, found, asked)
        if head.version != expected:
            raise VersionConflict(head.version)
        place = Place(head.tenant, head.class_, record, expected + 1, self.kind.schema)
        wrapped = head.wrapped or b""
        with wiped(
            await self.keys.data_key(work.connection, head.tenant, head.class_, record, wrapped)
        ) as key:
            sealed = envelope.seal(key, place, self.random_bytes(NONCE), content)
        by = asked.principal.session.sub
        if not await queries.put_next(work.connection, place, sealed, by, asked.at, admitted.epoch):
            raise Changing
        result = {"record": str(record), "version": place.version}
        await self.results.keep(asked, action, work.connection, head.tenant, head.class_, result)
        await work.record(self._event(action, Activity.UPDATE, head, decision, sealed))
        return result

    async def delete(self, asked: Asked, work: UnitOfWork, record: UUID, expected: int) -> dict[str, Any]:
        """Key and content are gone at once. Raises NotFound, VersionConflict, Retained, Changing."""
        action = f"{self.kind.name}.delete"
        admitted = await self.admit(asked, work)
        stored = await self.results.claim(asked, action, work.connection)
        if stored is not None:
            await work.record(AuditEvent(action, activity=Activity.READ))
            return stored
        found = await queries.locked(work.connection, record, self.kind.name)
        decision, head = self._decided(admitted, action, record, found, asked)
        if head.version != expected:
            raise VersionConflict(head.version)
        if not await queries.deleted(work.connection, head, asked.at, admitted.epoch):
            if asked.at < head.keep_until:
                raise Retained(head.keep_until.date().isoformat())
            raise Changing
        result = {"record": str(record), "deleted": True}
        await self.results.keep(asked, action, work.connection, head.tenant, head.class_, result)
        await work.record(self._event(action, Activity.DELETE, head, decision))
        return result

    async def admit(self, asked: Asked, work: UnitOfWork) -> Admitted:
        """Gate.admit for this kind's class."""
        return await self.gate.admit(asked, work.connection, self.kind.class_)

    def decide(self, admitted: Admitted, action: str, record: UUID, tenant: str, asked: Asked) -> Decision:
        """What the policies say of one record. Raises Forbidden."""
        resource = Resource(self.kind.entity, str(record), {"holding": holding_ref(tenant, self.kind.class_)})
        return self.policies.authorise(admitted.described, action, resource, now=asked.at)

    def _decided(
        self, admitted: Admitted, action: str, record: UUID, found: Head | None, asked: Asked
    ) -> tuple[Decision, Head]:
        """What the policies say; of what is not there they are asked too, so that the work is the same."""
        tenant = NOBODYS if found is None else found.tenant
        try:
            decision = self.decide(admitted, action, record, tenant, asked)
        except Forbidden as refusal:
            raise NotFound from refusal
        if found is None:
            raise NotFound
        return decision, found

    def _named(self, record: UUID) -> str:
        return f"{self.kind.name}:{record}"

    def _event(
        self, action: str, activity: Activity, head: Head, decision: Decision, sealed: bytes | None = None
    ) -> AuditEvent:
        """Names what was read or written by `sealed`: the log contradicts a record that is set back."""
        return AuditEvent(
            action,
            activity=activity,
            resource=self._named(head.record),
            unit=head.tenant,
            policies=decision.policies,
            others=() if sealed is None else (_sealed(sealed),),
        )


def _sealed(octets: bytes) -> str:
    """As a resource of the log: the digest of a version's sealed octets."""
    return f"sealed:{hashlib.sha256(octets).hexdigest()}"


def said(result: dict[str, Any]) -> Answer:
    """An answer that is known already."""

    async def answer() -> dict[str, Any]:
        return result

    return answer
