"""Recovery in person (khôi phục tài khoản tại quầy): who has lost the password stands at a ward's desk.

The officer checks the person's identity card, the code shows that the number is in the person's hand, and the
officer's own device signs for which number. The new password comes in two halves: one to the number, one to
the desk, so that neither the officer nor whoever has the number signs in alone. The officer never learns
whose account it is (docs/decisions/0026-phone-numbers.md).
"""

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import Row

from backend.citizens import sql
from backend.citizens.errors import WrongCode
from backend.citizens.keys import MOST_ATTEMPTS, NewCode, PhoneKeys, checked_code
from backend.citizens.limits import CodeLimits
from backend.citizens.messages import Outbox, Template
from backend.citizens.types import RecoveryOpened, RecoveryOutcome, RecoveryState
from foundation.clock import Clock
from foundation.database.database import Database
from foundation.database.idempotent import claim, keep
from foundation.database.unit_of_work import UnitOfWork
from foundation.directory_queue import Asking, DirectoryQueue, Operation
from foundation.errors import Forbidden, NotFound
from foundation.idempotency import Idempotency
from foundation.identity.principal import OfficialPrincipal
from foundation.phones import Phone
from foundation.policy.engine import Decision, PolicyEngine
from foundation.policy.entities import Resource
from foundation.recording import Activity, AuditEvent

LIFE = timedelta(minutes=10)
"""Of the code, at the desk."""
SHOWN = timedelta(minutes=30)
"""From the asking on: how long the desk's half is shown."""
DESK = "recovery-desk"
"""What the desk's half is sealed for."""
RECOVERY_DONE = "citizens.recovery_done"
"""The job that is told what became of a recovery at Keycloak."""


class RecoveryService:
    """What an officer of a ward or commune does for a citizen at the desk."""

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
        new_random_id: Callable[[], UUID],
        new_code: NewCode,
    ) -> None:
        self._database = database
        self._policy = policy
        self._keys = keys
        self._limits = limits
        self._outbox = outbox
        self._directory = directory
        self._clock = clock
        self._new_random_id = new_random_id
        self._new_code = new_code

    async def open(
        self, principal: OfficialPrincipal, number: str, idempotency: Idempotency
    ) -> RecoveryOpened:
        """Send a code to the number, whether an account has it or not: the same work, the same answer.

        Raises InvalidInput, SendLater, Forbidden, IdempotencyMismatch.
        """
        now = self._clock.now()
        intent = AuditEvent("recovery.open", activity=Activity.CREATE, unit=principal.unit_code)
        async with self._database.unit_of_work(principal, intent) as work:
            stored = await claim(work, idempotency, now)
            if stored is not None:
                return _opened(stored)
            decision = await self._authorise(work, principal, now)
            phone = Phone.parse(number)
            digest = self._keys.digests.of(phone)
            await self._limits.take(principal, digest)
            recovery, code, expires_at = self._new_random_id(), self._new_code(), now + LIFE
            row = {
                "id": recovery,
                "unit": principal.unit_id,
                "digest": digest,
                "code_digest": self._keys.digests.of_code(recovery, digest, code),
                "now": now,
                "expires_at": expires_at,
            }
            await work.connection.execute(sql.OPEN_RECOVERY, row)
            await self._outbox.add(work, phone, Template.RECOVERY_CODE, now, LIFE, code=code)
            answer = {"id": str(recovery), "ending": phone.ending, "expires_at": expires_at.isoformat()}
            await keep(work, idempotency, answer)
            await work.record(_event(intent, recovery, decision))
            await work.commit()
        return _opened(answer)

    async def prove(
        self,
        principal: OfficialPrincipal,
        recovery_id: UUID,
        number: str,
        code: str,
        asking: Asking,
        idempotency: Idempotency,
    ) -> RecoveryState:
        """Enter the code that the person reads out; the officer's device signs for which number.

        Raises InvalidInput, NotFound, WrongCode, Forbidden, IdempotencyMismatch.
        """
        now = self._clock.now()
        intent = AuditEvent("recovery.prove", unit=principal.unit_code, resource=f"recovery:{recovery_id}")
        async with self._database.unit_of_work(principal, intent) as work:
            stored = await claim(work, idempotency, now)
            if stored is None:
                decision = await self._authorise(work, principal, now)
                entered, digest = checked_code(code), self._keys.digests.of(Phone.parse(number))
                found = await self._locked(work, principal, recovery_id)
                if found.state == "proven" or found.expires_at <= now or found.attempts >= MOST_ATTEMPTS:
                    raise WrongCode
                # Of the number that is named now: the officer's word is about the number that got the code.
                if self._keys.fits(entered, recovery_id, digest, bytes(found.code_digest)):
                    await self._reset(work, recovery_id, asking)
                    stored, event = {"wrong": False}, _event(intent, recovery_id, decision)
                else:
                    stored = {"wrong": True}
                    await work.connection.execute(sql.RECOVERY_MISSED, {"id": recovery_id})
                    event = replace(_event(intent, recovery_id, decision), action="recovery.miss")
                await keep(work, idempotency, stored)
                await work.record(event)
                await work.commit()
        if stored["wrong"]:
            # Not raised inside: the count of misses must stay.
            refusal = WrongCode()
            await self._database.record_refusal(principal, intent, refusal)
            raise refusal
        return RecoveryState.WAITING

    async def collect(
        self, principal: OfficialPrincipal, recovery_id: UUID, idempotency: Idempotency
    ) -> RecoveryOutcome:
        """How far it is, with the desk's half of the password for half an hour. Each look is an event.

        Raises NotFound, Forbidden, IdempotencyMismatch.
        """
        now = self._clock.now()
        intent = AuditEvent(
            "recovery.collect",
            activity=Activity.READ,
            unit=principal.unit_code,
            resource=f"recovery:{recovery_id}",
        )
        async with self._database.unit_of_work(principal, intent) as work:
            await claim(work, idempotency, now)
            decision = await self._authorise(work, principal, now)
            found = await self._locked(work, principal, recovery_id)
            outcome = await self._outcome(work, found, recovery_id, now)
            # The half itself is kept in no answer: it is opened again for whoever asks again.
            await keep(work, idempotency, {})
            await work.record(_event(intent, recovery_id, decision))
            await work.commit()
        return outcome

    async def _reset(self, work: UnitOfWork, recovery_id: UUID, asking: Asking) -> None:
        if self._directory is None:
            raise RuntimeError("this process has no way to the directory")
        request = await self._directory.add(
            work, Operation.CITIZEN_RESET, str(recovery_id), {}, asked_by=(asking,), then=RECOVERY_DONE
        )
        row = {"id": recovery_id, "state": "proven", "request": request}
        await work.connection.execute(sql.RECOVERY_STATE, row)

    async def _outcome(
        self, work: UnitOfWork, found: Row[Any], recovery_id: UUID, now: datetime
    ) -> RecoveryOutcome:
        if found.state != "proven":
            return RecoveryOutcome(RecoveryState.ASKED)
        if found.request is None or self._directory is None:
            return RecoveryOutcome(RecoveryState.WAITING)
        told = await self._directory.outcome(work, found.request)
        if told.state == "refused":
            return RecoveryOutcome(RecoveryState.REFUSED)
        if not found.handed_over:
            return RecoveryOutcome(RecoveryState.WAITING)
        if found.asked_at + SHOWN <= now or found.sealed is None:
            return RecoveryOutcome(RecoveryState.DONE)
        half = self._keys.seal.open(bytes(found.sealed), DESK, recovery_id)
        return RecoveryOutcome(RecoveryState.DONE, half)

    async def _authorise(self, work: UnitOfWork, principal: OfficialPrincipal, now: datetime) -> Decision:
        """The desk is that of the working organisation, which must be a ward or commune."""
        row = (await work.connection.execute(sql.UNIT, {"unit": principal.unit_id})).one_or_none()
        if row is None:
            raise Forbidden
        desk = Resource("Unit", str(row.id), {"kind": row.kind})
        return self._policy.authorise(principal, work.intent.action, desk, now=now)

    @staticmethod
    async def _locked(work: UnitOfWork, principal: OfficialPrincipal, recovery_id: UUID) -> Row[Any]:
        row = {"id": recovery_id, "official": principal.official_id}
        found = (await work.connection.execute(sql.RECOVERY, row)).one_or_none()
        if found is None or found.unit_id != principal.unit_id:
            raise NotFound
        return found


def _event(intent: AuditEvent, recovery_id: UUID, decision: Decision) -> AuditEvent:
    return replace(intent, resource=f"recovery:{recovery_id}", policies=decision.policies)


def _opened(stored: dict[str, Any]) -> RecoveryOpened:
    return RecoveryOpened(UUID(stored["id"]), stored["ending"], datetime.fromisoformat(stored["expires_at"]))
