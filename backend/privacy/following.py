"""What follows from an answer: it is carried out, the asker is told. And reminders of the law's clocks."""

from dataclasses import replace
from datetime import datetime
from uuid import UUID, uuid5

import structlog
from sqlalchemy import text

from backend.notifications.service import NotificationService
from backend.notifications.types import Notice, RecipientKind, Urgency
from backend.privacy.copies import KEPT, MAKE
from backend.privacy.types import RequestKind, RequestState, everybody, file_of
from foundation.clock import HANOI, Clock
from foundation.database.database import Database
from foundation.database.jobs import enqueue
from foundation.database.unit_of_work import UnitOfWork
from foundation.identity.principal import Origin, SystemPrincipal
from foundation.ids import NewId
from foundation.policy.engine import PolicyEngine
from foundation.recording import Activity, AuditEvent

NOWHERE = "0.0.0.0"  # noqa: S104 - a job has no network; nothing is bound to this
MOST = 200
"""Reminders of one run; what is left waits for the next."""
FOLLOW = AuditEvent("privacy.follow", activity=Activity.UPDATE)
REMIND = AuditEvent("privacy.remind", activity=Activity.READ)
_TOLD = {
    RequestState.ACCEPTED: "privacy.accepted",
    RequestState.DONE: "privacy.done",
    RequestState.REFUSED: "privacy.refused",
}
_LATE = frozenset({"reply_late", "late"})
_NAMESPACE = UUID("3d3f3a52-6a5e-4c0d-8f2b-0d8a9e7c4501")

_ASKER = text("SELECT citizen_id, kind, state, extended, version FROM privacy.asker(:request)")
_CARRY_OUT = text("SELECT privacy.carry_out(:request, :now)")
# A copy that is being made already is the answer.
_BEGIN_COPY = text(
    """
    INSERT INTO privacy.copy (id, citizen_id, request_id, state, asked_at, expires_at)
    VALUES (:id, :citizen, :request, 'waiting', :now, :until)
    ON CONFLICT (citizen_id) WHERE state = 'waiting' DO NOTHING RETURNING id
    """
)
_REMINDERS = text("SELECT request_id, stage, moment, version FROM privacy.take_reminders(:now, :most)")
_OFFICERS = text(
    """
    SELECT p.official_id FROM tenancy.unit u, deadlines.people_of(u.id, 'data_protection', :day) p
    WHERE u.kind = 'city' AND u.parent_id IS NULL
    """
)

log = structlog.get_logger()


class PrivacyFollowing:
    """The worker's side of the feature. Every method may run twice or late without harm."""

    def __init__(
        self,
        database: Database,
        policy: PolicyEngine,
        notifications: NotificationService,
        clock: Clock,
        new_id: NewId,
    ) -> None:
        self._database = database
        self._policy = policy
        self._notifications = notifications
        self._clock = clock
        self._new_id = new_id

    async def follow(self, request: UUID) -> None:
        """Carry out what was granted and tell the asker how the request stands. Raises Forbidden.

        The notice names the request and no word of it: it is read in the app, by its owner.
        """
        now = self._clock.now()
        event = replace(FOLLOW, resource=f"privacy:{request}")
        async with self._database.unit_of_work(self._principal(), event) as work:
            asker = (await work.connection.execute(_ASKER, {"request": request})).one_or_none()
            if asker is None or asker.state == RequestState.RECEIVED:
                return
            resource = file_of(asker.citizen_id)
            decision = self._policy.authorise(work.principal, event.action, resource, now=now)
            carried = (
                await work.connection.execute(_CARRY_OUT, {"request": request, "now": now})
            ).scalar_one()
            if carried and asker.kind == RequestKind.PROVIDE:
                await self._begin_copy(work, asker.citizen_id, request, now)
            state = RequestState(asker.state)
            is_extended = asker.extended and state is RequestState.ACCEPTED
            told = "privacy.extended" if is_extended else _TOLD[state]
            await self._notifications.tell(
                work,
                Notice(
                    recipient=asker.citizen_id,
                    recipient_kind=RecipientKind.CITIZEN,
                    event_id=uuid5(_NAMESPACE, f"{request} {told}"),
                    kind=told,
                    resource=f"privacy:{request}",
                    version=asker.version,
                ),
            )
            await work.record(replace(event, purpose=asker.kind, policies=decision.policies))
            await work.commit()

    async def remind(self) -> int:
        """Tell the data-protection officers of replies and answers that are due or late; of how many."""
        now = self._clock.now()
        async with self._database.unit_of_work(self._principal(), REMIND) as work:
            decision = self._policy.authorise(work.principal, REMIND.action, everybody(), now=now)
            found = (await work.connection.execute(_REMINDERS, {"now": now, "most": MOST})).all()
            if not found:
                return 0
            day = now.astimezone(HANOI).date()
            officers = (await work.connection.execute(_OFFICERS, {"day": day})).scalars().all()
            if not officers:
                log.error("nobody_answers_privacy_requests", waiting=len(found))
            for one in found:
                for officer in officers:
                    await self._notifications.tell(
                        work, _reminder(officer, one.request_id, one.stage, one.moment, one.version)
                    )
                event = replace(REMIND, resource=f"privacy:{one.request_id}", purpose=one.stage)
                await work.record(replace(event, policies=decision.policies))
            await work.commit()
        return len(found)

    async def _begin_copy(self, work: UnitOfWork, citizen: UUID, request: UUID, now: datetime) -> None:
        row = {"id": self._new_id(), "citizen": citizen, "request": request, "now": now, "until": now + KEPT}
        copy = (await work.connection.execute(_BEGIN_COPY, row)).scalar()
        if copy is not None:
            await enqueue(work, MAKE, copy_id=copy)

    def _principal(self) -> SystemPrincipal:
        return SystemPrincipal(Origin(str(self._new_id()), NOWHERE), "privacy")


def _reminder(officer: UUID, request: UUID, stage: str, moment: datetime, version: int) -> Notice:
    return Notice(
        recipient=officer,
        recipient_kind=RecipientKind.OFFICIAL,
        event_id=uuid5(_NAMESPACE, f"{request} {stage} {moment.isoformat()}"),
        kind=f"privacy.{stage}",
        resource=f"privacy:{request}",
        version=version,
        urgency=Urgency.URGENT if stage in _LATE else Urgency.NORMAL,
    )
