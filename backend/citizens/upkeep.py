"""What the worker does for citizens' accounts: messages, numbers that move, deletions, what Keycloak did."""

import time
from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta
from typing import Any
from uuid import UUID

import msgspec
import structlog
from sqlalchemy import Row, TextClause

from backend.citizens import sql
from backend.citizens.keys import PhoneKeys
from backend.citizens.messages import PURPOSE, Letter, Outbox, Template
from backend.citizens.phones import DIRECTORY, MOVE
from backend.citizens.recoveries import DESK
from backend.citizens.sms import SmsPort, SmsRefused, SmsUnavailable
from backend.citizens.types import account_resource
from foundation.clock import Clock
from foundation.database.database import Database
from foundation.database.unit_of_work import UnitOfWork
from foundation.directory_queue import LEFT_FOR, NUMBER_FOR, PASSWORD_FOR, DirectoryQueue, Operation
from foundation.identity.principal import Origin, SystemPrincipal
from foundation.ids import NewId
from foundation.phones import Phone, PhoneSeal
from foundation.policy.engine import PolicyEngine
from foundation.recording import Activity, AuditEvent

JOB = "citizens"
NOWHERE = "0.0.0.0"  # noqa: S104 - a job has no network; nothing is bound to this
DELETION_DONE = "citizens.deletion_done"
"""The job that is told what became of a deletion at Keycloak."""
LAST_TOKEN = timedelta(minutes=10)
"""Access tokens live 5 minutes: after this, none of a deleted account is good any more."""
REST_SECONDS = 5.0
"""After a fault the gateway is left alone, so that a slow one holds no other work up."""
HALF = 8

log = structlog.get_logger()


class CitizenUpkeep:
    """Every method may run twice or late without harm."""

    def __init__(
        self,
        *,
        database: Database,
        policy: PolicyEngine,
        keys: PhoneKeys,
        recovery_seal: PhoneSeal,
        outbox: Outbox,
        directory: DirectoryQueue,
        gateway: SmsPort,
        clock: Clock,
        new_id: NewId,
    ) -> None:
        """`recovery_seal` is the directory's too, and not the api's."""
        self._database = database
        self._policy = policy
        self._keys = keys
        self._recovery_seal = recovery_seal
        self._outbox = outbox
        self._directory = directory
        self._gateway = gateway
        self._clock = clock
        self._new_id = new_id
        self._rests_until = 0.0

    async def send_sms(self, message: UUID) -> None:
        """Hand a message to the gateway, unless it was, or is too old. Raises SmsUnavailable: again later."""
        async with self._database.unscoped() as connection:
            found = (await connection.execute(sql.MESSAGE, {"id": message})).one_or_none()
        if found is None or found.sealed is None or found.expires_at <= self._clock.now():
            return
        letter = msgspec.json.decode(self._keys.seal.open(bytes(found.sealed), PURPOSE, message), type=Letter)
        action = "sms.send"
        try:
            # Outside of any transaction: a gateway may take its time. Twice with one id is once.
            await self._hand_over(letter, message)
        except SmsRefused as refusal:
            log.error("sms_refused", message=str(message), reason=str(refusal))
            action = "sms.refused"
        event = AuditEvent(action, activity=Activity.CREATE, resource=f"message:{message}")
        async with self._database.unit_of_work(self._job(), event) as work:
            sent_at = self._clock.now() if action == "sms.send" else None
            ended = await work.connection.execute(sql.MESSAGE_OVER, {"id": message, "sent_at": sent_at})
            if ended.rowcount:
                await work.record(event)
                await work.commit()

    async def move_numbers(self) -> int:
        """Move numbers whose notice is over; how many."""
        digests = await self._found(sql.MOVES_DUE, now=self._clock.now())
        return sum([await self._move(bytes(row.digest)) for row in digests])

    async def delete_due(self) -> int:
        """Ask Keycloak to delete the accounts whose time is over; how many."""
        due = await self._found(sql.DELETIONS_DUE, now=self._clock.now())
        return sum([await self._delete(row.citizen_id) for row in due])

    async def deletion_done(self, request: UUID) -> None:
        """Note that Keycloak has forgotten somebody; what failed is asked again with the next round."""
        event = AuditEvent("account.delete", activity=Activity.DELETE)
        async with self._database.unit_of_work(self._job(), event) as work:
            row = (await work.connection.execute(sql.DELETION_OF, {"request": request})).one_or_none()
            if row is None or row.state != "deleting":
                return
            told = await self._directory.outcome(work, request)
            if told.state == "waiting":
                return
            done = told.state == "done"
            given = {"citizen": row.citizen_id, "now": self._clock.now()}
            await work.connection.execute(sql.DELETED if done else sql.DELETE_AGAIN, given)
            if not done:
                log.error("deletion_refused", citizen=str(row.citizen_id), code=told.code)
            result = "done" if done else "refused"
            await work.record(
                replace(event, action=f"account.delete.{result}", resource=f"citizen:{row.citizen_id}")
            )
            await work.commit()

    async def forget_deleted(self) -> int:
        """Forget here what Keycloak has forgotten, once no token can be alive; how many."""
        gone = await self._found(sql.DELETED_BEFORE, moment=self._clock.now() - LAST_TOKEN)
        return sum([await self._forget(row.citizen_id) for row in gone])

    async def recovery_done(self, request: UUID) -> None:
        """Give the new password out: one half to the number, the other one to the desk.

        The number is the one that the directory says: what our tables hold the api has written.
        """
        event = AuditEvent("recovery.hand_over")
        async with self._database.unit_of_work(self._job(), event) as work:
            row = (await work.connection.execute(sql.RECOVERY_OF, {"request": request})).one_or_none()
            if row is None or row.handed_over:
                return
            told = await self._directory.outcome(work, request)
            if told.state != "done" or told.result is None:
                log.warning("recovery_refused", request=str(request), code=told.code)
                return
            seal = self._recovery_seal
            phone = Phone.parse(seal.open_text(str(told.result[NUMBER_FOR]), NUMBER_FOR, row.id))
            password = seal.open_text(str(told.result[PASSWORD_FOR]), PASSWORD_FOR, row.id)
            now = self._clock.now()
            half = self._keys.seal.seal(password[:HALF], DESK, row.id)
            await work.connection.execute(sql.RECOVERY_HALF, {"id": row.id, "half": half})
            await self._outbox.add(work, phone, Template.RECOVERED, now, half=password[HALF:])
            await self._tell(work, row.citizen_id, "account.recovered")
            await work.record(replace(event, resource=f"recovery:{row.id}"))
            await work.commit()

    async def number_left(self, request: UUID) -> None:
        """Tell whoever has the number that an account has left, once."""
        event = AuditEvent("account.tell_left_number", resource=f"request:{request}")
        async with self._database.unit_of_work(self._job(), event) as work:
            told = await self._directory.outcome(work, request)
            if told.result is None or LEFT_FOR not in told.result:
                return
            left = Phone.parse(self._recovery_seal.open_text(str(told.result[LEFT_FOR]), LEFT_FOR, request))
            await self._outbox.add(work, left, Template.CHANGED, self._clock.now(), once=request)
            await work.record(event)
            await work.commit()

    async def sweep(self) -> int:
        """Forget codes, messages and recoveries that are over; how many."""
        async with self._database.unscoped() as connection:
            return int((await connection.execute(sql.SWEEP, {"now": self._clock.now()})).scalar_one())

    async def _hand_over(self, letter: Letter, message: UUID) -> None:
        if time.monotonic() < self._rests_until:
            raise SmsUnavailable("resting")
        try:
            await self._gateway.send(Phone.parse(letter.to), letter.text, message)
        except SmsUnavailable:
            self._rests_until = time.monotonic() + REST_SECONDS
            raise

    async def _move(self, digest: bytes) -> bool:
        event = AuditEvent("account.move_phone")
        async with self._database.unit_of_work(self._job(), event) as work:
            moved = {"digest": digest, "now": self._clock.now()}
            row = (await work.connection.execute(sql.MOVE_PHONE, moved)).one_or_none()
            if row is None:
                return False
            to = row.to_citizen
            decision = self._policy.authorise(
                work.principal, event.action, account_resource(to), now=self._clock.now()
            )
            phone = self._keys.number(bytes(row.sealed), MOVE, to)
            sealed = self._keys.seal.seal_text(phone.e164, DIRECTORY, to)
            await self._directory.add(work, Operation.CITIZEN_VERIFY_PHONE, str(to), {"phone": sealed})
            await self._tell(work, to, "account.phone_moved_here")
            await self._tell(work, row.from_citizen, "account.phone_moved_away")
            await work.record(replace(event, resource=f"citizen:{to}", policies=decision.policies))
            await work.commit()
        return True

    async def _delete(self, citizen: UUID) -> bool:
        event = AuditEvent("account.delete", activity=Activity.DELETE, resource=f"citizen:{citizen}")
        now = self._clock.now()
        async with self._database.unit_of_work(self._job(), event) as work:
            decision = self._policy.authorise(
                work.principal, event.action, account_resource(citizen), now=now
            )
            row = {"citizen": citizen, "now": now}
            if (await work.connection.execute(sql.LOCK_DELETION, row)).one_or_none() is None:
                return False  # taken back meanwhile, or under way
            request = await self._directory.add(
                work, Operation.CITIZEN_DELETE, str(citizen), {}, then=DELETION_DONE
            )
            await work.connection.execute(sql.DELETING, {"citizen": citizen, "request": request})
            await work.record(replace(event, policies=decision.policies))
            await work.commit()
        return True

    async def _forget(self, citizen: UUID) -> bool:
        event = AuditEvent("account.forget", activity=Activity.DELETE)
        async with self._database.unit_of_work(self._job(), event) as work:
            decision = self._policy.authorise(
                work.principal, event.action, account_resource(citizen), now=self._clock.now()
            )
            row = {"citizen": citizen, "subject": self._new_id()}
            if (await work.connection.execute(sql.FORGET, row)).scalar() is not True:
                return False
            await work.record(replace(event, policies=decision.policies))
            await work.commit()
        return True

    async def _tell(self, work: UnitOfWork, whom: UUID | None, kind: str) -> None:
        if whom is not None:
            row = {"id": self._new_id(), "whom": whom, "kind": kind, "now": self._clock.now()}
            await work.connection.execute(sql.TELL, row)

    async def _found(self, statement: TextClause, **values: Any) -> Sequence[Row[Any]]:
        async with self._database.unscoped() as connection:
            return (await connection.execute(statement, values)).all()

    def _job(self) -> SystemPrincipal:
        return SystemPrincipal(Origin(str(self._new_id()), NOWHERE), JOB)
