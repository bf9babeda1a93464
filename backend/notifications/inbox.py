"""What people do with their own notifications: one method a mutation, one unit of work a method."""

import re
from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime
from uuid import UUID

from sqlalchemy import text

from backend.notifications.errors import NoAddress
from backend.notifications.types import (
    Fallback,
    Owner,
    Platform,
    Preferences,
    PushToken,
    RecipientKind,
    kind_of,
    own_inbox,
    owner_id,
)
from foundation.clock import Clock
from foundation.database.database import Database
from foundation.database.idempotent import claim, keep
from foundation.database.unit_of_work import UnitOfWork
from foundation.errors import Forbidden, InvalidInput
from foundation.idempotency import Idempotency
from foundation.identity.principal import CitizenPrincipal, OfficialPrincipal
from foundation.ids import NewId
from foundation.phones import Phone, PhoneSeal
from foundation.policy.engine import PolicyEngine
from foundation.recording import Activity, AuditEvent

MARK = AuditEvent("inbox.mark", activity=Activity.UPDATE)
PREFER = AuditEvent("inbox.prefer", activity=Activity.UPDATE)
REGISTER = AuditEvent("push.register", activity=Activity.CREATE)
FORGET = AuditEvent("push.forget", activity=Activity.DELETE)
MOST_MARKED = 100
SEALED_FOR = "notice"
_TOKEN = re.compile(r"[A-Za-z0-9_:.=-]{16,2048}")

_MARK = text(
    """
    UPDATE notifications.inbox SET read_at = :now
    WHERE recipient = :recipient AND id = ANY(:ids) AND read_at IS NULL
    """
)
_MARK_ALL = text(
    """
    UPDATE notifications.inbox SET read_at = :now
    WHERE recipient = :recipient AND read_at IS NULL AND at <= :now
    """
)
_PREFER = text(
    """
    INSERT INTO notifications.preference
      (person, person_kind, push, sms, email, quiet_from, quiet_to, phone, changed_at)
    VALUES (:person, :person_kind, :push, :sms, :email, :quiet_from, :quiet_to, :phone, :now)
    ON CONFLICT (person) DO UPDATE
      SET push = excluded.push, sms = excluded.sms, email = excluded.email, quiet_from = excluded.quiet_from,
          quiet_to = excluded.quiet_to, phone = excluded.phone, changed_at = excluded.changed_at
    """
)
_REGISTER = text(
    """
    SELECT notifications.register_token(
      :id, :person_kind, :iss, :sub, :sid, :jkt, :platform, :token, :now
    )
    """
)
_FORGET = text("DELETE FROM notifications.push_token WHERE person = :person AND jkt = :jkt")


class InboxService:
    """Changes of the own inbox, preferences and push tokens. Others' do not exist here."""

    def __init__(
        self,
        *,
        database: Database,
        policy: PolicyEngine,
        clock: Clock,
        new_id: NewId,
        seal: PhoneSeal | None,
    ) -> None:
        self._database = database
        self._policy = policy
        self._clock = clock
        self._new_id = new_id
        self._seal = seal

    async def mark_read(
        self, principal: Owner, notices: Sequence[UUID] | None, idempotency: Idempotency
    ) -> None:
        """Mark notices as read, with None all that there are. Raises InvalidInput, IdempotencyMismatch."""
        now = self._clock.now()
        async with self._database.unit_of_work(principal, MARK) as work:
            if notices is not None and not 1 <= len(notices) <= MOST_MARKED:
                raise InvalidInput("notices")
            if await claim(work, idempotency, now) is not None:
                return
            policies = self._authorised(principal, "inbox.mark", now)
            whose = {"recipient": owner_id(principal), "now": now}
            if notices is None:
                await work.connection.execute(_MARK_ALL, whose)
            else:
                await work.connection.execute(_MARK, {**whose, "ids": list(notices)})
            await self._done(work, principal, MARK, policies, idempotency)

    async def prefer(self, principal: Owner, wanted: Preferences, idempotency: Idempotency) -> Preferences:
        """Say how one wants to be told. Raises NoAddress, IdempotencyMismatch."""
        now = self._clock.now()
        async with self._database.unit_of_work(principal, PREFER) as work:
            if await claim(work, idempotency, now) is not None:
                return wanted
            policies = self._authorised(principal, "inbox.prefer", now)
            kind = kind_of(principal)
            if wanted.email is not Fallback.NEVER and kind is RecipientKind.CITIZEN:
                # A citizen's address was proven by nobody here: a letter could go to a stranger.
                raise NoAddress("email")
            quiet = wanted.quiet
            row = {
                "person": owner_id(principal),
                "person_kind": kind.value,
                "push": wanted.push,
                "sms": wanted.sms.value,
                "email": wanted.email.value,
                "quiet_from": None if quiet is None else quiet.begin,
                "quiet_to": None if quiet is None else quiet.end,
                "phone": None if wanted.sms is Fallback.NEVER else self._sealed_phone(principal),
                "now": now,
            }
            await work.connection.execute(_PREFER, row)
            await self._done(work, principal, PREFER, policies, idempotency)
        return wanted

    async def register(self, principal: Owner, given: PushToken, idempotency: Idempotency) -> None:
        """The device that asks can be reached by this token. Whoever had token or device before no longer is.

        Raises InvalidInput, Forbidden when the session has just ended, IdempotencyMismatch.
        """
        now, session = self._clock.now(), principal.session
        async with self._database.unit_of_work(principal, REGISTER) as work:
            if not _TOKEN.fullmatch(given.token):
                raise InvalidInput("token")
            if await claim(work, idempotency, now) is not None:
                return
            policies = self._authorised(principal, "push.register", now)
            row = {
                "id": self._new_id(),
                "person_kind": kind_of(principal).value,
                "iss": session.iss,
                "sub": session.sub,
                "sid": session.sid,
                "jkt": session.jkt,
                "platform": Platform(given.platform).value,
                "token": given.token,
                "now": now,
            }
            if not (await work.connection.execute(_REGISTER, row)).scalar_one():
                raise Forbidden
            await self._done(work, principal, REGISTER, policies, idempotency)

    async def forget(self, principal: Owner, idempotency: Idempotency) -> None:
        """The device that asks is no longer told. Raises IdempotencyMismatch."""
        now = self._clock.now()
        async with self._database.unit_of_work(principal, FORGET) as work:
            if await claim(work, idempotency, now) is not None:
                return
            policies = self._authorised(principal, "push.forget", now)
            whose = {"person": owner_id(principal), "jkt": principal.session.jkt}
            await work.connection.execute(_FORGET, whose)
            await self._done(work, principal, FORGET, policies, idempotency)

    def _authorised(self, principal: Owner, action: str, now: datetime) -> tuple[str, ...]:
        return self._policy.authorise(principal, action, own_inbox(principal), now=now).policies

    def _sealed_phone(self, principal: Owner) -> bytes:
        """The number that is proven, sealed for its owner. Raises NoAddress."""
        phone = principal.session.phone
        if self._seal is None or not isinstance(principal, CitizenPrincipal):
            raise NoAddress("sms")
        if not principal.phone_proven or phone is None:
            raise NoAddress("sms")
        return self._seal.seal(Phone.parse(phone).e164, SEALED_FOR, principal.citizen_id)

    async def _done(
        self,
        work: UnitOfWork,
        principal: Owner,
        intent: AuditEvent,
        policies: tuple[str, ...],
        idempotency: Idempotency,
    ) -> None:
        await keep(work, idempotency, {})
        unit = principal.unit_code if isinstance(principal, OfficialPrincipal) else None
        await work.record(replace(intent, unit=unit, policies=policies))
        await work.commit()
