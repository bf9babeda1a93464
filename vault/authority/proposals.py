"""From a proposal to a statement: shown in a sealed answer, signed on devices, added when two have signed.

Rows here are no authority: the register checks every signature again when a statement is put together.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncConnection

from foundation.database.unit_of_work import UnitOfWork
from foundation.ids import NewId, b64u
from foundation.recording import Activity, AuditEvent
from vault.authority.errors import (
    AlreadyThere,
    NoSuchProposal,
    StatementMalformed,
    StatementRefused,
    TooManyProposals,
)
from vault.authority.register import Register
from vault.authority.rules import PROPOSAL_LIFE
from vault.authority.statements import (
    Body,
    Content,
    DeviceBody,
    Kind,
    LockBody,
    Signature,
    assemble,
    read_payload,
    read_signature,
    write_payload,
)
from vault.call.operations import Asked
from vault.credentials.queries import lift

MOST_WAITING = 32
MOST_OF_ONE = 8
"""Waiting proposals of one person: one approver does not keep the others from proposing."""
LONGEST_PAYLOAD = 4096
_GIVEN = ("post", "device", "clearance", "lock")

_ADD = text("INSERT INTO authority.proposal (id, payload, person) VALUES (:id, :payload, :person)")
_ALL = text("SELECT id, payload, person FROM authority.proposal ORDER BY id DESC LIMIT :most")
_ONE = text("SELECT id, payload, person FROM authority.proposal WHERE id = :id")
_SIGNED = text(
    "SELECT proposal, protected, signature FROM authority.signature WHERE proposal = ANY(:ids)"
    " ORDER BY added_at, jkt"
)
_SIGN = text(
    "INSERT INTO authority.signature (proposal, jkt, protected, signature)"
    " VALUES (:proposal, :jkt, :protected, :signature)"
)


@dataclass(frozen=True, slots=True)
class Proposal:
    """What waits for signatures."""

    id: UUID
    payload: bytes
    content: Content
    person: str
    """Who proposed it."""

    @property
    def text(self) -> str:
        """The payload as it stands in the statement."""
        return b64u(self.payload)


@dataclass(frozen=True, slots=True)
class Proposals:
    """Proposals on a register. Each method runs in the transaction of its call and records its event."""

    register: Register
    new_id: NewId

    async def propose(self, asked: Asked, work: UnitOfWork, content: Content) -> Proposal:
        """Put `content` before the approvers, under an id of this moment. Raises a StatementRefused."""
        self._approver(asked)
        if content.kind not in _GIVEN or (
            isinstance(content.body, LockBody) and content.body.action == "lock"
        ):
            raise StatementMalformed("not given by two")
        payload = write_payload(content)
        if len(payload) > LONGEST_PAYLOAD:
            raise StatementMalformed("too long")
        sub = asked.principal.session.sub
        waiting = await self._waiting(work.connection, asked.at)
        mine = sum(one.person == sub for one in waiting)
        if len(waiting) >= MOST_WAITING or mine >= MOST_OF_ONE:
            raise TooManyProposals
        await work.connection.execute(_ADD, {"id": content.id, "payload": payload, "person": sub})
        await work.record(_event("authority.propose", content.id, Activity.CREATE))
        return Proposal(content.id, payload, content, sub)

    async def pending(self, asked: Asked, work: UnitOfWork) -> list[dict[str, Any]]:
        """What waits, newest first, for an approver to read: he signs `payload` as it stands here."""
        self._approver(asked)
        proposals = await self._waiting(work.connection, asked.at)
        signed = await self._signatures(work.connection, [one.id for one in proposals])
        return [
            {
                "id": str(one.id),
                "payload": one.text,
                "proposer": one.person,
                "signers": [person for person, _ in self._good(one, signed.get(one.id, ()), asked.at)],
            }
            for one in proposals
        ]

    async def sign(
        self, asked: Asked, work: UnitOfWork, proposal_id: UUID, signature: Signature
    ) -> tuple[int, str] | None:
        """Keep a signature of this device's; add the statement when enough are there: its number and head.

        A signature that does not go with those before it is refused and not kept. Raises NoSuchProposal, a
        StatementRefused.
        """
        jkt = asked.principal.session.jkt
        if signature.kid != jkt:
            raise StatementMalformed("signed on another device")
        await self.register.alone(work.connection)
        proposal = await self._proposal(work.connection, proposal_id, asked.at)
        state = self.register.state
        state.admit(proposal.text, proposal.content, signature, asked.at)
        before = (await self._signatures(work.connection, [proposal.id])).get(proposal.id, [])
        if any(one.kid == jkt for one in before):
            raise AlreadyThere
        good = [one for _, one in self._good(proposal, before, asked.at)]
        await self._keep(work.connection, proposal.id, signature)
        await work.record(_event("authority.sign", proposal.id, Activity.UPDATE))
        body = proposal.content.body
        beneficiary = body.person if isinstance(body, DeviceBody) else None
        approving = [one for one in (*good, signature) if state.devices[one.kid].given.person != beneficiary]
        if len(approving) < 2:
            return None
        octets = assemble(proposal.text, [*good, signature])
        await work.record(await self.register.append(work.connection, octets))
        if beneficiary is not None:
            # The enrolment was repeated, in person: a reset of before it was proposed suspends no longer.
            await lift(work.connection, beneficiary, proposal.content.made_at)
        return state.epoch + 1, self.register.head_with(octets).hex()

    async def lock(
        self, asked: Asked, work: UnitOfWork, payload: bytes, signature: Signature
    ) -> tuple[int, str]:
        """Add a lock that this device made and signed, at once. Raises a StatementRefused."""
        if signature.kid != asked.principal.session.jkt:
            raise StatementMalformed("signed on another device")
        body = read_payload(payload).body
        if not isinstance(body, LockBody) or body.action != "lock":
            raise StatementMalformed("no lock")
        octets = assemble(b64u(payload), [signature])
        event = await self.register.append(work.connection, octets)
        await work.record(event)
        return self.register.state.epoch + 1, self.register.head_with(octets).hex()

    def content(
        self, kind: Kind, body: Body, terms: tuple[datetime, datetime | None], reason: str
    ) -> Content:
        """What is proposed, under a new id."""
        return Content(kind, self.new_id(), body, terms[0], terms[1], reason)

    def _approver(self, asked: Asked) -> None:
        session = asked.principal.session
        self.register.state.may_approve(session.sub, session.jkt, asked.at)

    async def _proposal(self, connection: AsyncConnection, proposal_id: UUID, at: datetime) -> Proposal:
        row = (await connection.execute(_ONE, {"id": proposal_id})).one_or_none()
        found = [] if row is None else self._live([row], at)
        if not found:
            raise NoSuchProposal
        return found[0]

    async def _waiting(self, connection: AsyncConnection, at: datetime) -> list[Proposal]:
        rows = (await connection.execute(_ALL, {"most": 8 * MOST_WAITING})).all()
        return self._live(rows, at)[:MOST_WAITING]

    def _live(self, rows: Sequence[Any], at: datetime) -> list[Proposal]:
        """Those that can still become statements, of who still approves. What is none of ours is left out."""
        found, state = [], self.register.state
        for row in rows:
            try:
                content = read_payload(bytes(row.payload))
            except StatementRefused:
                continue
            fresh = content.made_at >= at - PROPOSAL_LIFE and (content.until is None or content.until > at)
            known = content.id in state.ids
            if content.id == row.id and fresh and not known and state.approves(row.person, at):
                found.append(Proposal(row.id, bytes(row.payload), content, row.person))
        return found

    async def _signatures(
        self, connection: AsyncConnection, proposals: Sequence[UUID]
    ) -> dict[UUID, list[Signature]]:
        found: dict[UUID, list[Signature]] = {}
        for row in (await connection.execute(_SIGNED, {"ids": list(proposals)})).all():
            try:
                one = read_signature(row.protected, row.signature)
            except StatementRefused:
                continue
            found.setdefault(row.proposal, []).append(one)
        return found

    def _good(
        self, proposal: Proposal, signatures: Sequence[Signature], at: datetime
    ) -> list[tuple[str, Signature]]:
        """Those that still count: a signer who was locked since leaves room for another."""
        found = []
        for one in signatures:
            try:
                found.append((self.register.state.admit(proposal.text, proposal.content, one, at), one))
            except StatementRefused:
                continue
        return found

    async def _keep(self, connection: AsyncConnection, proposal: UUID, signature: Signature) -> None:
        row = {
            "proposal": proposal,
            "jkt": signature.kid,
            "protected": signature.protected,
            "signature": signature.signature,
        }
        try:
            await connection.execute(_SIGN, row)
        except IntegrityError as error:
            raise AlreadyThere from error


def _event(action: str, statement: UUID, activity: int) -> AuditEvent:
    return AuditEvent(action, activity=activity, resource=f"statement:{statement}")
