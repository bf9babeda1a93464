"""Officers' work on the tests' world."""

from dataclasses import dataclass
from typing import Any

import pytest

from backend.work.export_jobs import ExportJobs
from backend.work.exports import ExportService
from backend.work.finding import Finder
from backend.work.jobs import WorkUpkeep
from backend.work.parts import PartService
from backend.work.queries import WorkQueries
from backend.work.service import WorkService
from backend.work.templates import TemplateService
from backend.work.types import Work
from backend.work.views import ViewService
from foundation.identity.principal import OfficialPrincipal
from foundation.ids import new_uuid
from foundation.policy.engine import PolicyEngine
from tests.backend.world import POLICIES, World, connect
from tests.conftest import Database


@dataclass
class Rig:
    """Services of officers' work on one database."""

    world: World
    database: Database
    service: WorkService
    queries: WorkQueries
    parts: PartService
    finder: Finder
    views: ViewService
    templates: TemplateService
    exports: ExportService
    export_jobs: ExportJobs
    upkeep: WorkUpkeep
    policy: PolicyEngine

    def rows(self, query: str, *values: object) -> list[tuple[Any, ...]]:
        """As a superuser sees it."""
        with connect(self.database.settings(self.database.superuser)) as superuser:
            cursor = superuser.execute(query.encode(), values)
            return [] if cursor.description is None else cursor.fetchall()

    def code_of(self, who: OfficialPrincipal) -> str:
        """The official's code."""
        return str(self.rows("SELECT code FROM tenancy.official WHERE id = %s", who.official_id)[0][0])

    def duty(self, who: OfficialPrincipal, kind: str, unit: str) -> None:
        """Give a duty."""
        self.rows(
            "INSERT INTO tenancy.duty (id, official_id, unit_id, kind, from_day)"
            " SELECT %s, %s, u.id, %s, '2026-01-01' FROM tenancy.unit u WHERE u.code = %s",
            new_uuid(), who.official_id, kind, unit,
        )  # fmt: skip

    def end_duties(self, who: OfficialPrincipal) -> None:
        """End all duties before today."""
        self.rows("UPDATE tenancy.duty SET until_day = '2026-11-23' WHERE official_id = %s", who.official_id)

    def actions(self, code: str) -> list[str]:
        """The audit events of a report in order."""
        return [
            row[0]
            for row in self.rows(
                "SELECT line::jsonb #>> '{unmapped,action}' FROM audit.event"
                " WHERE line::jsonb #>> '{unmapped,resource}' = %s ORDER BY xid, id",
                f"report:{code}",
            )
        ]

    async def work(self, who: Any, code: str) -> Work | None:
        """The work on a report as somebody sees it."""
        return (await self.queries.of_reports(who, [code])).get(code)


@pytest.fixture
def rig(world: World, database: Database) -> Rig:
    """Officers' work."""
    policy = PolicyEngine.load(POLICIES)
    finder = Finder(world.database, policy, world.clock, world.queries)
    return Rig(
        world=world,
        database=database,
        service=WorkService(world.database, policy, world.clock, new_uuid),
        queries=WorkQueries(world.database, policy, world.clock),
        parts=PartService(world.database, policy, world.clock, new_uuid),
        finder=finder,
        exports=ExportService(world.database, policy, world.clock, new_uuid, finder, world.queries),
        templates=TemplateService(world.database, policy, world.clock, new_uuid),
        export_jobs=ExportJobs(world.worker_database, policy, world.clock, new_uuid),
        views=ViewService(world.database, policy, world.clock, new_uuid),
        upkeep=WorkUpkeep(world.worker_database, policy, world.notifications, world.clock, new_uuid),
        policy=policy,
    )
