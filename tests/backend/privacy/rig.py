"""Both sides of the feature on the tests' world, and what the worker does."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any
from uuid import UUID

from backend.privacy.copies import CopyService
from backend.privacy.copy_jobs import CopyJobs
from backend.privacy.desk import PrivacyDesk
from backend.privacy.following import PrivacyFollowing
from backend.privacy.service import PrivacyService
from backend.privacy.types import Answer, PrivacyRequest, RequestKind, Step
from foundation.identity.principal import CitizenPrincipal, OfficialPrincipal
from foundation.ids import new_uuid
from foundation.policy.engine import PolicyEngine
from tests.backend.world import CITY, POLICIES, World, connect, key
from tests.conftest import Database


@dataclass
class Rig:
    """Both sides of the feature, and who has which duty."""

    world: World
    database: Database
    mine: PrivacyService
    desk: PrivacyDesk
    following: PrivacyFollowing
    copies: CopyService
    copy_jobs: CopyJobs

    async def citizen(self, subject: str = "lan") -> CitizenPrincipal:
        """A citizen at aal2."""
        found = await self.world.citizen(subject)
        return replace(found, session=replace(found.session, acr="aal2"))

    async def officer(self) -> OfficialPrincipal:
        """Son, who administers people, with the data-protection officer's duty on top."""
        self.rows(
            "INSERT INTO tenancy.duty (id, official_id, unit_id, kind, from_day)"
            " SELECT %s, o.id, u.id, 'data_protection', date '2026-01-01'"
            " FROM tenancy.official o, tenancy.unit u"
            " WHERE o.subject = '00000000-0000-4000-8000-000000000008' AND u.code = %s"
            " ON CONFLICT DO NOTHING",
            new_uuid(),
            CITY,
        )
        return await self.world.official("son")

    async def asked(self, kind: RequestKind = RequestKind.VIEW, subject: str = "lan") -> PrivacyRequest:
        """A fresh request."""
        return await self.mine.ask(await self.citizen(subject), kind, "Xin bản sao.", key())

    def rows(self, query: str, *values: object) -> list[tuple[Any, ...]]:
        """As a superuser sees it."""
        with connect(self.database.settings(self.database.superuser)) as superuser:
            superuser.execute("SET search_path = jobs")
            cursor = superuser.execute(query.encode(), values)
            return [] if cursor.description is None else cursor.fetchall()

    async def answered(
        self, kind: RequestKind, subject: str = "lan", given: Answer | None = None
    ) -> PrivacyRequest:
        """A request that the officer has answered; the job has not run."""
        officer, request = await self.officer(), await self.asked(kind, subject)
        return await self.desk.answer(
            officer, request.id, 1, given or Answer(Step.DONE, "Đã thực hiện."), key()
        )

    async def work(self) -> int:
        """Run the jobs that wait, once each; how many."""
        jobs = self.rows(
            "DELETE FROM jobs.procrastinate_jobs WHERE task_name = 'privacy.follow'"
            " RETURNING args ->> 'request_id'"
        )
        for (request,) in jobs:
            await self.following.follow(UUID(request))
        return len(jobs)

    def inbox(self, who: UUID) -> Sequence[str]:
        """Kinds of somebody's notices, the oldest first."""
        found = self.rows("SELECT kind FROM notifications.inbox WHERE recipient = %s ORDER BY at, id", who)
        return [kind for (kind,) in found]


def rig_of(world: World, database: Database) -> Rig:
    """The services on the tests' world."""
    policy = PolicyEngine.load(POLICIES)
    return Rig(
        world,
        database,
        PrivacyService(world.database, policy, world.clock, new_uuid),
        PrivacyDesk(world.database, policy, world.clock),
        PrivacyFollowing(world.worker_database, policy, world.notifications, world.clock, new_uuid),
        CopyService(world.database, policy, world.clock, new_uuid),
        CopyJobs(world.worker_database, policy, world.notifications, world.clock, new_uuid),
    )
