"""What can be asked of the register within a call."""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Any, TypeVar
from uuid import UUID

import msgspec

from foundation.database.unit_of_work import UnitOfWork
from foundation.errors import InvalidInput
from foundation.ids import NewId, RandomBytes, unb64u
from foundation.recording import Activity, AuditEvent
from vault.authority.enrolment import ACTIVATE, CODE, Enrolment
from vault.authority.errors import NoAuthority, StatementMalformed
from vault.authority.proposals import Proposals
from vault.authority.register import FEW, Register, Standing
from vault.authority.statements import (
    DeviceBody,
    Kind,
    Person,
    PublicKey,
    Reason,
    Uuid,
    read_body,
    read_moment,
    read_signature,
    written,
)
from vault.call.operations import Answer, Asked, InvalidRequest, Operation, none

MINE = AuditEvent("authority.mine", activity=Activity.READ)
PENDING = AuditEvent("authority.pending", activity=Activity.READ)
PROPOSE = AuditEvent("authority.propose", activity=Activity.CREATE)
SIGN = AuditEvent("authority.sign", activity=Activity.UPDATE)
LOCK = AuditEvent("authority.lock", activity=Activity.UPDATE)

T = TypeVar("T")


class _Parameters(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Members exactly as listed."""


class _Propose(_Parameters, frozen=True):
    kind: Kind
    body: dict[str, Any]
    from_: str | None = msgspec.field(name="from")
    until: str | None
    reason: Reason


class _Sign(_Parameters, frozen=True):
    proposal: Uuid
    protected: str
    signature: str


class _Lock(_Parameters, frozen=True):
    payload: str
    protected: str
    signature: str


class _Code(_Parameters, frozen=True):
    person: Person


class _Activate(_Parameters, frozen=True):
    code: str
    key: PublicKey
    native: bool


@dataclass(frozen=True, slots=True)
class AuthorityOperations:
    """The operations on one register."""

    register: Register
    proposals: Proposals
    enrolment: Enrolment

    def all(self) -> Mapping[str, Operation]:
        """By name."""
        return {
            "authority.mine": Operation(MINE, none, self.mine, for_suspended=True),
            "authority.pending": Operation(PENDING, none, self.pending),
            "authority.propose": _operation(PROPOSE, _Propose, self.propose),
            "authority.sign": _operation(SIGN, _Sign, self.sign),
            "authority.lock": _operation(LOCK, _Lock, self.lock),
            "device.code": _operation(CODE, _Code, self.code),
            "device.activate": _operation(ACTIVATE, _Activate, self.activate, for_suspended=True),
        }

    async def mine(self, asked: Asked, work: UnitOfWork) -> Answer:
        """What the caller has on this device."""
        session = asked.principal.session
        standing = await self.register.standing(work.connection, session.sub, session.jkt, asked.at)
        head = self.register.state.head or b""
        await work.record(MINE)
        return _said({**_shown(standing), "person": session.sub, "head": head.hex()})

    async def pending(self, asked: Asked, work: UnitOfWork) -> Answer:
        """What waits for signatures, and devices that wait for a proposal."""
        self._begun()
        proposals = await self.proposals.pending(asked, work)
        candidates = await self.enrolment.candidates(work.connection)
        reachable = len(self.register.state.approvers(asked.at))
        await work.record(PENDING)
        return _said(
            {
                "proposals": proposals,
                "candidates": candidates,
                "reachableApprovers": reachable,
                "few": reachable < FEW,
            }
        )

    async def propose(self, asked: Asked, work: UnitOfWork, given: _Propose) -> Answer:
        """Put something before the approvers; nothing is given yet."""
        self._begun()
        body = read_body(given.kind, given.body)
        if isinstance(body, DeviceBody):
            await self.enrolment.check(work.connection, body)
        begins = asked.at.replace(microsecond=0) if given.from_ is None else read_moment(given.from_)
        terms = begins, None if given.until is None else read_moment(given.until)
        content = self.proposals.content(given.kind, body, terms, given.reason)
        proposal = await self.proposals.propose(asked, work, content)
        return _said({"id": str(proposal.id), "payload": proposal.text})

    async def sign(self, asked: Asked, work: UnitOfWork, given: _Sign) -> Answer:
        """Keep a signature; the second approver's adds the statement."""
        self._begun()
        signature = read_signature(given.protected, given.signature)
        added = await self.proposals.sign(asked, work, UUID(given.proposal), signature)
        return _said({"added": None if added is None else {"n": added[0], "head": added[1]}})

    async def lock(self, asked: Asked, work: UnitOfWork, given: _Lock) -> Answer:
        """Take at once."""
        self._begun()
        signature = read_signature(given.protected, given.signature)
        try:
            payload = unb64u(given.payload)
        except (InvalidInput, ValueError) as error:
            raise StatementMalformed("not base64url") from error
        n, head = await self.proposals.lock(asked, work, payload, signature)
        return _said({"added": {"n": n, "head": head}})

    async def code(self, asked: Asked, work: UnitOfWork, given: _Code) -> Answer:
        """A one-time code for a person's next device."""
        self._begun()
        return _said({"code": await self.enrolment.code(asked, work, given.person)})

    async def activate(self, asked: Asked, work: UnitOfWork, given: _Activate) -> Answer:
        """This device, with a code: what is to be compared."""
        self._begun()
        shown = await self.enrolment.activate(asked, work, given.code, given.key, given.native)
        return _said({"fingerprint": shown})

    def _begun(self) -> None:
        if self.register.state.epoch < 0:
            raise NoAuthority


def operations_of(
    register: Register, new_id: NewId, random_bytes: RandomBytes, *, native_only: bool
) -> Mapping[str, Operation]:
    """All operations of authority."""
    enrolment = Enrolment(register, random_bytes, native_only)
    return AuthorityOperations(register, Proposals(register, new_id), enrolment).all()


def _operation(
    intent: AuditEvent,
    kind: type[T],
    run: Callable[[Asked, UnitOfWork, T], Awaitable[Answer]],
    *,
    for_suspended: bool = False,
) -> Operation:
    def check(parameters: dict[str, Any]) -> None:
        try:
            msgspec.convert(parameters, kind)
        except (msgspec.ValidationError, ValueError) as error:
            raise InvalidRequest from error

    async def started(asked: Asked, work: UnitOfWork) -> Answer:
        return await run(asked, work, msgspec.convert(asked.parameters, kind))

    return Operation(intent, check, started, for_suspended)


def _said(value: dict[str, Any]) -> Answer:
    async def said() -> dict[str, Any]:
        return value

    return said


def _shown(standing: Standing) -> dict[str, Any]:
    device = standing.device
    return {
        "device": None
        if device is None
        else {"jkt": device.jkt, "usableFrom": device.usable_from.isoformat(), "native": device.native},
        "posts": [
            {"body": post.body, "unit": post.unit, "superior": post.superior} for post in standing.posts
        ],
        "clearances": [
            {
                "tenant": one.tenant,
                "class": one.class_,
                "role": one.role,
                "until": None if one.until is None else written(one.until),
            }
            for one in standing.clearances
        ],
        "epoch": standing.epoch,
    }
