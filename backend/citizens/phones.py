"""Proof of a phone number: a code by SMS, entered by whoever has the number in hand.

An answer never tells whether a number is known: a taken one gets a code too, with another text, and what
comes of it is seen only by who holds the number. One number belongs to one account; proving another's
starts a notice (docs/decisions/0026-phone-numbers.md). A code proves a number; it never signs in.
"""

from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Row

from backend.citizens import sql
from backend.citizens.errors import PhoneBound, WrongCode
from backend.citizens.keys import MOST_ATTEMPTS, NewCode, PhoneKeys, checked_code
from backend.citizens.limits import CodeLimits
from backend.citizens.messages import Outbox, Template
from backend.citizens.types import CodeSent, PhoneProved, PhoneStanding, account_resource
from foundation.clock import Clock
from foundation.database.database import Database
from foundation.database.idempotent import claim, keep
from foundation.database.unit_of_work import UnitOfWork
from foundation.directory_queue import DirectoryQueue, Operation
from foundation.idempotency import Idempotency
from foundation.identity.principal import CitizenPrincipal
from foundation.ids import NewId
from foundation.phones import Phone
from foundation.policy.engine import PolicyEngine
from foundation.recording import Activity, AuditEvent
from foundation.settings import PhoneSettings

PROOF, MOVE, DIRECTORY = "proof", "move", "directory"
"""What a number is sealed for."""


class PhoneService:
    """Starts and ends proofs of a citizen's number."""

    def __init__(
        self,
        *,
        database: Database,
        policy: PolicyEngine,
        keys: PhoneKeys,
        limits: CodeLimits,
        outbox: Outbox,
        directory: DirectoryQueue | None,
        clock: Clock,
        new_id: NewId,
        new_code: NewCode,
        settings: PhoneSettings,
    ) -> None:
        self._database = database
        self._policy = policy
        self._keys = keys
        self._limits = limits
        self._outbox = outbox
        self._directory = directory
        self._clock = clock
        self._new_id = new_id
        self._new_code = new_code
        self._life = timedelta(seconds=settings.code_seconds)
        self._notice = timedelta(days=settings.notice_days)

    async def start(self, principal: CitizenPrincipal, number: str, idempotency: Idempotency) -> CodeSent:
        """Send a code to the account's first number, or once more to the one it has.

        Raises InvalidInput, PhoneBound, SendLater, Forbidden, IdempotencyMismatch.
        """
        return await self._send(principal, "phone.start", number, idempotency, first=True)

    async def change(self, principal: CitizenPrincipal, number: str, idempotency: Idempotency) -> CodeSent:
        """Send a code to another number. The policy wants the second factor. Raises as `start`."""
        return await self._send(principal, "phone.change", number, idempotency, first=False)

    async def prove(self, principal: CitizenPrincipal, code: str, idempotency: Idempotency) -> PhoneProved:
        """Enter the code. Raises InvalidInput, WrongCode, Forbidden, IdempotencyMismatch."""
        now = self._clock.now()
        intent = AuditEvent("phone.prove")
        async with self._database.unit_of_work(principal, intent) as work:
            stored = await claim(work, idempotency, now)
            if stored is None:
                decision = self._policy.authorise(
                    principal, intent.action, account_resource(principal.citizen_id), now=now
                )
                entered = checked_code(code)
                proof = await self._open_proof(work, principal, now)
                right = self._keys.fits(
                    entered, principal.citizen_id, bytes(proof.digest), bytes(proof.code_digest)
                )
                if right:
                    stored = await self._bind(work, principal, proof, now)
                    event = AuditEvent(intent.action, policies=decision.policies)
                else:
                    stored = {"wrong": True}
                    await work.connection.execute(sql.MISSED, {"citizen": principal.citizen_id})
                    event = AuditEvent("phone.miss", policies=decision.policies)
                await keep(work, idempotency, stored)
                await work.record(event)
                await work.commit()
        if "wrong" in stored:
            # Not raised inside: the count of misses must stay.
            refusal = WrongCode()
            await self._database.record_refusal(principal, intent, refusal)
            raise refusal
        return _proved(stored)

    async def _send(
        self,
        principal: CitizenPrincipal,
        action: str,
        number: str,
        idempotency: Idempotency,
        *,
        first: bool,
    ) -> CodeSent:
        now = self._clock.now()
        async with self._database.unit_of_work(
            principal, AuditEvent(action, activity=Activity.CREATE)
        ) as work:
            stored = await claim(work, idempotency, now)
            if stored is not None:
                return _sent(stored)
            decision = self._policy.authorise(
                principal, action, account_resource(principal.citizen_id), now=now
            )
            phone = Phone.parse(number)
            digest = self._keys.digests.of(phone)
            bound = await self._bound(work, principal)
            if first and bound not in {None, digest}:
                raise PhoneBound
            await self._limits.take(principal, digest)
            sent = await self._put_code(work, principal, phone, digest, now)
            answer = {
                "ending": sent.ending,
                "expires_at": sent.expires_at.isoformat(),
                "resend_at": sent.resend_at.isoformat(),
            }
            await keep(work, idempotency, answer)
            await work.record(AuditEvent(action, activity=Activity.CREATE, policies=decision.policies))
            await work.commit()
            return sent

    async def _put_code(
        self, work: UnitOfWork, principal: CitizenPrincipal, phone: Phone, digest: bytes, now: datetime
    ) -> CodeSent:
        """The code's row and its message: the same statements whether somebody has the number or not."""
        code, citizen = self._new_code(), principal.citizen_id
        expires_at = now + self._life
        taken = (await work.connection.execute(sql.IS_TAKEN, {"digest": digest})).scalar_one()
        row = {
            "citizen": citizen,
            "digest": digest,
            "code_digest": self._keys.digests.of_code(citizen, digest, code),
            "sealed": self._keys.seal.seal(phone.e164, PROOF, citizen),
            "expires_at": expires_at,
        }
        await work.connection.execute(sql.PUT_PROOF, row)
        template = Template.CODE_TAKEN if taken else Template.CODE
        await self._outbox.add(work, phone, template, now, self._life, code=code, days=self._notice.days)
        return CodeSent(phone.ending, expires_at, now + timedelta(seconds=self._limits.spacing_seconds))

    async def _open_proof(self, work: UnitOfWork, principal: CitizenPrincipal, now: datetime) -> Row[Any]:
        """The code that waits to be entered. Raises WrongCode: none, too old, guessed at too often."""
        proof = (await work.connection.execute(sql.PROOF, {"citizen": principal.citizen_id})).one_or_none()
        if proof is None or proof.expires_at <= now or proof.attempts >= MOST_ATTEMPTS:
            raise WrongCode
        return proof

    async def _bind(
        self, work: UnitOfWork, principal: CitizenPrincipal, proof: Row[Any], now: datetime
    ) -> dict[str, Any]:
        citizen, digest = principal.citizen_id, bytes(proof.digest)
        phone = self._keys.number(bytes(proof.sealed), PROOF, citizen)
        before = await self._bound(work, principal)
        row = {
            "digest": digest,
            "sealed": self._keys.seal.seal(phone.e164, MOVE, citizen),
            "now": now,
            "due": now + self._notice,
            "notice": self._new_id(),
        }
        bound = (await work.connection.execute(sql.BIND, row)).one()
        await work.connection.execute(sql.FORGET_PROOF, {"citizen": citizen})
        if bound.outcome == "waiting":
            moves_at: datetime = bound.due_at
            return {"standing": "waiting", "ending": phone.ending, "moves_at": moves_at.isoformat()}
        sealed = self._keys.seal.seal_text(phone.e164, DIRECTORY, citizen)
        if self._directory is None:
            raise RuntimeError("this process has no way to the directory")
        await self._directory.add(work, Operation.CITIZEN_VERIFY_PHONE, str(citizen), {"phone": sealed})
        if before not in {None, digest}:
            # The number that the account leaves is told by the worker, on the directory's word.
            told = {"id": self._new_id(), "kind": "account.phone_changed", "now": now}
            await work.connection.execute(sql.TELL_ONESELF, told)
        return {"standing": "confirming", "ending": phone.ending, "moves_at": None}

    @staticmethod
    async def _bound(work: UnitOfWork, principal: CitizenPrincipal) -> bytes | None:
        found = (await work.connection.execute(sql.BOUND, {"citizen": principal.citizen_id})).scalar()
        return None if found is None else bytes(found)


def _sent(stored: dict[str, Any]) -> CodeSent:
    moments = (datetime.fromisoformat(stored[name]) for name in ("expires_at", "resend_at"))
    return CodeSent(stored["ending"], *moments)


def _proved(stored: dict[str, Any]) -> PhoneProved:
    moves_at = stored["moves_at"]
    return PhoneProved(
        PhoneStanding(stored["standing"]),
        stored["ending"],
        None if moves_at is None else datetime.fromisoformat(moves_at),
    )
