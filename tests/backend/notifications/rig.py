"""Sending on a real database to servers that speak the real protocols."""

import asyncio
import contextlib
import importlib.util
import json
import sys
from collections.abc import AsyncIterator
from dataclasses import dataclass, field, replace
from datetime import timedelta
from pathlib import Path
from types import ModuleType
from typing import Any
from uuid import UUID

from backend.notifications.inbox import InboxService
from backend.notifications.push import FcmPush, Outcome
from backend.notifications.sending import DeliveryService, Ways
from backend.notifications.types import (
    Notice,
    Owner,
    Platform,
    PushToken,
    RecipientKind,
    Urgency,
    kind_of,
    owner_id,
)
from foundation.ids import new_uuid
from foundation.phones import Phone, PhoneSeal
from foundation.policy.engine import PolicyEngine
from foundation.recording import AuditEvent
from foundation.settings import PushSettings
from stack.home import ROOT
from stack.push import new_account
from tests.backend.world import POLICIES, World, connect, key
from tests.conftest import Database

EVENT = AuditEvent("inbox.deliver")
CODE = "ABCDEFGHJKMNPQRS"


def fcm_double() -> ModuleType:
    """deploy/local/fcm/server.py, which is a program and in no package."""
    name = "ioc_fcm_double"
    if name not in sys.modules:
        spec = importlib.util.spec_from_file_location(name, ROOT / "deploy/local/fcm/server.py")
        assert spec is not None
        assert spec.loader is not None
        module = importlib.util.module_from_spec(spec)
        sys.modules[name] = module
        spec.loader.exec_module(module)
    return sys.modules[name]


double = fcm_double()
Fault = double.Fault


@contextlib.asynccontextmanager
async def pushing(world: World, folder: Path, seconds: float = 5.0) -> AsyncIterator[tuple[Any, FcmPush]]:
    """The double, and our side of it."""
    fcm = double.Fcm({})
    server = await double.listen(fcm)
    url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    fcm.account.update(new_account("ioc-test", f"{url}/token"))
    account = folder / "account.json"
    account.write_text(json.dumps(fcm.account), encoding="utf-8")
    push = FcmPush(PushSettings(account_file=account, url=url, seconds=seconds), world.clock)
    try:
        yield fcm, push
    finally:
        await push.close()
        server.close()
        await asyncio.sleep(0)


@dataclass
class Messages:
    """An SMS gateway and a mail server that answer as told and keep what they took."""

    sms: list[tuple[str, UUID]] = field(default_factory=list)
    letters: list[tuple[str, UUID]] = field(default_factory=list)
    answers: list[Outcome] = field(default_factory=list)

    async def send_sms(self, to: Phone, reference: UUID) -> Outcome:
        """The gateway's port."""
        self.sms.append((to.e164, reference))
        return self.answers.pop(0) if self.answers else Outcome.SENT

    async def send(self, to: str, reference: UUID) -> Outcome:
        """The mail server's port."""
        self.letters.append((to, reference))
        return self.answers.pop(0) if self.answers else Outcome.SENT


@dataclass
class Rig:
    """Everything that sends, on one database."""

    world: World
    database: Database
    fcm: Any
    push: FcmPush
    messages: Messages
    inbox: InboxService
    sending: DeliveryService

    async def device(
        self, owner: Owner, token: str, platform: Platform = Platform.ANDROID, jkt: str | None = None
    ) -> Owner:
        """Somebody on a device of theirs, which can be reached by `token`; signed in and noted."""
        signed_in = self.session(owner, jkt or token)
        if kind_of(owner) is RecipientKind.CITIZEN:
            self.agree(owner)
        await self.inbox.register(signed_in, PushToken(platform, token.ljust(16, "_")), key())
        return signed_in

    def agree(self, owner: Owner) -> None:
        """A citizen agrees to push, or no longer does with the next word."""
        self.do(
            "INSERT INTO privacy.consent (id, citizen_id, purpose, text_version, given, at)"
            " VALUES (uuidv7(), %s, 'push', 1, true, %s)",
            owner_id(owner),
            self.world.clock.now(),
        )

    def session(self, owner: Owner, device: str) -> Owner:
        """A session of somebody on a device, as the door notes it."""
        jkt = device.ljust(43, "x")[:43]
        session = replace(owner.session, jkt=jkt, sid=str(new_uuid()))
        signed_in = replace(owner, session=session)
        self.do(
            "INSERT INTO devices.device"
            " (id, person, iss, sub, jkt, name, app, first_use_at, last_use_at, network)"
            " VALUES (gen_random_uuid(), %s, %s, %s, %s, 'a', 'a', now(), now(), 'unknown')"
            " ON CONFLICT DO NOTHING",
            owner_id(owner),
            session.iss,
            session.sub,
            jkt,
        )
        self.do(
            "INSERT INTO devices.session (id, device_id, person, iss, sid, sub, jkt, acr, started_at,"
            " first_use_at, last_use_at, network)"
            " SELECT gen_random_uuid(), d.id, d.person, d.iss, %s, d.sub, d.jkt,"
            " 'aal1', now(), now(), now(), 'unknown' FROM devices.device d"
            " WHERE d.iss = %s AND d.sub = %s AND d.jkt = %s",
            session.sid,
            session.iss,
            session.sub,
            jkt,
        )
        return signed_in

    async def tell(self, owner: Owner, urgency: Urgency = Urgency.NORMAL, resource: str = CODE) -> None:
        """Something happened that is news to somebody."""
        notice = Notice(
            owner_id(owner), kind_of(owner), new_uuid(), "report.answered", f"report:{resource}", 2, urgency
        )
        async with self.world.worker_database.unit_of_work(self.world.system(), EVENT) as work:
            await self.world.notifications.tell(work, notice)
            await work.record(EVENT)
            await work.commit()

    async def work(self) -> None:
        """Run the jobs that are due by the test's clock, once each."""
        due = self.rows(
            "DELETE FROM jobs.procrastinate_jobs WHERE task_name = 'notifications.send'"
            " AND coalesce(scheduled_at, '-infinity') <= %s RETURNING args ->> 'delivery_id'",
            self.world.clock.now(),
        )
        for (delivery_id,) in due:
            await self.sending.send(self.world.system("notifications"), UUID(delivery_id))

    async def work_on(self, seconds: float, steps: int = 1) -> None:
        """Let time pass and work, so many times."""
        for _ in range(steps):
            self.world.clock.advance(timedelta(seconds=seconds))
            await self.work()

    def deliveries(self) -> list[tuple[str, str | None]]:
        """(state, outcome), oldest first."""
        return self.rows("SELECT state, outcome FROM notifications.delivery ORDER BY id")

    def attempts(self) -> list[str | None]:
        """Outcomes of all sendings."""
        return [row[0] for row in self.rows("SELECT outcome FROM notifications.attempt ORDER BY id")]

    def tokens(self) -> list[str]:
        """Tokens that are kept."""
        return [row[0] for row in self.rows("SELECT token FROM notifications.push_token ORDER BY token")]

    def rows(self, query: str, *arguments: Any) -> list[Any]:
        """What a superuser sees."""
        with connect(self.database.settings(self.database.superuser)) as superuser:
            superuser.execute("SET search_path = jobs")
            return superuser.execute(query.encode(), arguments).fetchall()

    def do(self, query: str, *arguments: Any) -> None:
        """What a superuser does."""
        with connect(self.database.settings(self.database.superuser)) as superuser:
            superuser.execute("SET search_path = jobs")
            superuser.execute(query.encode(), arguments)


@contextlib.asynccontextmanager
async def rigged(world: World, database: Database, folder: Path, seconds: float = 5.0) -> AsyncIterator[Rig]:
    """Everything that sends."""
    policy, seal, messages = PolicyEngine.load(POLICIES), PhoneSeal(bytes(32)), Messages()
    async with pushing(world, folder, seconds) as (fcm, push):
        ways = Ways(push=push, sms=messages.send_sms, letters=messages, seal=seal)
        yield Rig(
            world=world,
            database=database,
            fcm=fcm,
            push=push,
            messages=messages,
            inbox=InboxService(
                database=world.database, policy=policy, clock=world.clock, new_id=new_uuid, seal=seal
            ),
            sending=DeliveryService(world.worker_database, policy, world.clock, new_uuid, ways),
        )
