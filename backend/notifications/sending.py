"""Sends deliveries. Word may go out twice, for nobody can know what a broken connection had delivered: then
it carries the same id and shows once. In our database nothing is lost and nothing doubled.

A delivery that is not done has a job in the queue: whoever puts it off enqueues one for then, in the same
transaction. A job that dies is run again by the worker's housekeeping; what it had in hand is free when its
claim has run out.
"""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import structlog

from backend.notifications import sql
from backend.notifications.inbox import SEALED_FOR
from backend.notifications.letters import LetterPort
from backend.notifications.plans import (
    Channel,
    Circumstances,
    End,
    Send,
    Target,
    Turn,
    Wait,
    after_message,
    after_push,
    plan,
)
from backend.notifications.push import BATCH, Outcome, PushAnswer, PushMessage, PushPort
from backend.notifications.queries import preferences_of
from backend.notifications.service import SEND
from backend.notifications.types import Platform, RecipientKind, inbox_resource, usual
from foundation.clock import Clock
from foundation.database.database import Database
from foundation.database.jobs import enqueue
from foundation.database.unit_of_work import UnitOfWork
from foundation.identity.principal import SystemPrincipal
from foundation.ids import NewId
from foundation.phones import NotOpened, Phone, PhoneSeal
from foundation.policy.engine import PolicyEngine
from foundation.recording import Activity, AuditEvent

CLAIM = timedelta(minutes=3)
"""Longer than a batch can take (push.py): 500 messages, 100 at once, 10 s each."""
MOST_OTHERS = 100
"""Deliveries that a job takes along, so that messages travel in batches."""

SEND_EVENT = AuditEvent("notice.send", activity=Activity.CREATE)
WAIT_EVENT = AuditEvent("notice.wait", activity=Activity.UPDATE)
END_EVENT = AuditEvent("notice.end", activity=Activity.UPDATE)

SmsPort = Callable[[Phone, UUID], Awaitable[Outcome]]
"""Sends the one text that there is to a number. Sent again with the same reference it is the same message."""

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Ways:
    """What this process can send by. None: not by this way."""

    push: PushPort | None = None
    sms: SmsPort | None = None
    letters: LetterPort | None = None
    seal: PhoneSeal | None = None
    """Opens the numbers of those who want messages by SMS."""


@dataclass(frozen=True, slots=True)
class _Item:
    """A delivery in hand."""

    id: UUID
    token: UUID
    recipient: UUID
    kind: RecipientKind
    about: Circumstances
    phone: bytes | None
    address: str | None
    attempts: tuple[UUID, ...] = ()


class DeliveryService:
    """Sends one delivery, and others that are due with it."""

    def __init__(
        self,
        database: Database,
        policy: PolicyEngine,
        clock: Clock,
        new_id: NewId,
        ways: Ways,
        claim: timedelta = CLAIM,
    ) -> None:
        self._database = database
        self._policy = policy
        self._clock = clock
        self._new_id = new_id
        self._ways = ways
        self._claimed = claim

    async def send(self, principal: SystemPrincipal, delivery_id: UUID) -> None:
        """Send it, unless it is done or another job has it. Raises Forbidden when the job may not."""
        items = await self._claim(principal, delivery_id)
        pushed = [item for item in items if item.about.channel is Channel.PUSH]
        if pushed:
            answers = await self._push(pushed)
            await self._note_pushes(principal, pushed, answers)
        for item in items:
            if item.about.channel is not Channel.PUSH:
                await self._note_message(principal, item, await self._message(item))

    async def rescue(self, principal: SystemPrincipal) -> int:
        """Enqueue deliveries whose job is lost; how many they were."""
        async with self._database.unit_of_work(principal, WAIT_EVENT) as work:
            lost = (await work.connection.execute(sql.FORGOTTEN, {"now": self._clock.now()})).scalars().all()
            for delivery_id in lost:
                await enqueue(work, SEND, delivery_id=delivery_id)
            if lost:
                log.error("deliveries_without_a_job", count=len(lost))
                await work.record(WAIT_EVENT)
                await work.commit()
        return len(lost)

    # --- what is done now, in one transaction -------------------------------------------------------------

    async def _claim(self, principal: SystemPrincipal, delivery_id: UUID) -> list[_Item]:
        now = self._clock.now()
        async with self._database.unit_of_work(principal, SEND_EVENT) as work:
            own = (await work.connection.execute(sql.OWN, {"id": delivery_id})).mappings().one_or_none()
            if own is None or own["state"] not in ("waiting", "sending"):
                return []
            busy_until = max(own["due_at"], own["claimed_until"] or own["due_at"])
            if busy_until > now:
                await enqueue(work, SEND, at=busy_until, delivery_id=delivery_id)
                await work.record(_event(WAIT_EVENT, delivery_id))
                await work.commit()
                return []
            given = {"id": delivery_id, "now": now, "most": MOST_OTHERS}
            others = (await work.connection.execute(sql.OTHERS, given)).mappings().all()
            items = await self._read(work, [own, *others], now)
            claimed = await self._decide(work, principal, items, now)
            await work.commit()
        return claimed

    async def _decide(
        self, work: UnitOfWork, principal: SystemPrincipal, items: Sequence[_Item], now: datetime
    ) -> list[_Item]:
        """What is to be sent now, noted as such; the rest is put off or ended. The first is the job's own."""
        claimed: list[_Item] = []
        messages = 0
        for number, item in enumerate(items):
            self._policy.authorise(
                principal, "notice.send", inbox_resource(item.kind, item.recipient), now=now
            )
            decision = plan(item.about, now)
            size = len(item.about.targets) if decision == Send(Channel.PUSH) else 0
            if number and (messages + size > BATCH or (isinstance(decision, Send) and not size)):
                continue  # its own job sends it
            if isinstance(decision, Send):
                messages += size
                claimed.append(await self._begin(work, item, decision.channel, now))
            else:
                await self._follow(work, item, decision, now)
        return claimed

    async def _begin(self, work: UnitOfWork, item: _Item, channel: Channel, now: datetime) -> _Item:
        claim = {"id": item.id, "channel": channel.value, "until": now + self._claimed}
        await work.connection.execute(sql.CLAIM, claim)
        targets: list[UUID | None] = [None]
        if channel is Channel.PUSH:
            targets = [target.id for target in item.about.targets]
        attempts = tuple(self._new_id() for _ in targets)
        rows = [
            {"id": attempt, "delivery_id": item.id, "channel": channel.value, "push_token_id": to, "now": now}
            for attempt, to in zip(attempts, targets, strict=True)
        ]
        await work.connection.execute(sql.ATTEMPT, rows)
        await work.record(_event(SEND_EVENT, item.id, channel.value))
        about = replace(item.about, channel=channel, tries=item.about.tries + 1)
        return replace(item, about=about, attempts=attempts)

    async def _follow(self, work: UnitOfWork, item: _Item, what: Wait | End | Turn, now: datetime) -> None:
        match what:
            case End():
                row = {"id": item.id, "state": what.state, "outcome": what.outcome, "now": now}
                await work.connection.execute(sql.END, row)
                await work.record(_event(END_EVENT, item.id, what.outcome))
            case Wait() | Turn():
                until = what.until if isinstance(what, Wait) else now
                channel = what.channel if isinstance(what, Turn) else item.about.channel
                row = {"id": item.id, "until": until, "channel": channel.value}
                await work.connection.execute(sql.WAIT, row)
                await enqueue(work, SEND, at=until, delivery_id=item.id)
                await work.record(_event(WAIT_EVENT, item.id))

    async def _read(self, work: UnitOfWork, rows: Sequence[Any], now: datetime) -> list[_Item]:
        ids = [row["id"] for row in rows]
        found = await work.connection.execute(sql.CIRCUMSTANCES, {"ids": ids, "now": now})
        known = {row["id"]: row for row in found.mappings()}
        targets: dict[UUID, list[Target]] = {}
        if self._ways.push is not None:
            for row in (await work.connection.execute(sql.TARGETS, {"ids": ids})).mappings():
                target = Target(row["id"], Platform(row["platform"]), row["token"])
                targets.setdefault(row["delivery_id"], []).append(target)
        return [self._item(row, known[row["id"]], tuple(targets.get(row["id"], ()))) for row in rows]

    def _item(self, row: Any, known: Any, targets: tuple[Target, ...]) -> _Item:
        kind, ways = RecipientKind(row["recipient_kind"]), self._ways
        phone, address = known["phone"], known["address"]
        about = Circumstances(
            urgent=row["urgency"] == "urgent",
            channel=Channel(row["channel"]),
            created_at=row["created_at"],
            tries=row["tries"],
            reachable=bool(known["reachable"]),
            unread=known["unread"],
            told_at=known["told_at"],
            told_lately=known["told_lately"],
            sms_lately=known["sms_lately"],
            preferences=preferences_of(known) if known["chosen"] else usual(kind),
            targets=targets,
            sent_before=known["sent_before"],
            has_phone=phone is not None and ways.sms is not None and ways.seal is not None,
            has_address=address is not None and ways.letters is not None,
        )
        return _Item(row["id"], row["token"], row["recipient"], kind, about, phone, address)

    # --- sending, with no transaction open -----------------------------------------------------------------

    async def _push(self, items: Sequence[_Item]) -> list[PushAnswer]:
        messages = [
            PushMessage(target.token, target.platform, item.token, item.about.urgent)
            for item in items
            for target in item.about.targets
        ]
        if self._ways.push is None:
            raise RuntimeError("planned a push without a way to push")
        return await self._ways.push.send(messages)

    async def _message(self, item: _Item) -> Outcome:
        ways = self._ways
        if item.about.channel is Channel.EMAIL and ways.letters is not None and item.address is not None:
            return await ways.letters.send(item.address, item.token)
        if ways.sms is None or ways.seal is None or item.phone is None:
            raise RuntimeError("planned a message without a way to send it")
        try:
            number = Phone(ways.seal.open(item.phone, SEALED_FOR, item.recipient))
        except NotOpened:
            log.exception("phone_not_opened", delivery=str(item.id))
            return Outcome.REFUSED
        return await ways.sms(number, item.token)

    # --- what came of it, in one transaction ---------------------------------------------------------------

    async def _note_pushes(
        self, principal: SystemPrincipal, items: Sequence[_Item], answers: Sequence[PushAnswer]
    ) -> None:
        now, rest = self._clock.now(), list(answers)
        async with self._database.unit_of_work(principal, END_EVENT) as work:
            for item in items:
                own, rest = rest[: len(item.about.targets)], rest[len(item.about.targets) :]
                for attempt, target, answer in zip(item.attempts, item.about.targets, own, strict=True):
                    noted = {"id": attempt, "outcome": answer.outcome.value}
                    await work.connection.execute(sql.ANSWERED, noted)
                    if answer.outcome is Outcome.DEAD:
                        await work.connection.execute(sql.DEAD, {"id": target.id, "token": target.token})
                await self._follow(work, item, after_push(item.about, own, now), now)
            await work.commit()

    async def _note_message(self, principal: SystemPrincipal, item: _Item, outcome: Outcome) -> None:
        now = self._clock.now()
        async with self._database.unit_of_work(principal, END_EVENT) as work:
            (attempt,) = item.attempts
            await work.connection.execute(sql.ANSWERED, {"id": attempt, "outcome": outcome.value})
            await self._follow(work, item, after_message(item.about, outcome, now), now)
            await work.commit()


def _event(event: AuditEvent, delivery_id: UUID, purpose: str | None = None) -> AuditEvent:
    """The event of one delivery. Whom it is for stands nowhere: a line would tie people to reports."""
    return replace(event, resource=f"notice:{delivery_id}", purpose=purpose)
