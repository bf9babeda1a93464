"""The access ledger on the tests' world."""

import re
import secrets
from dataclasses import dataclass, replace
from datetime import timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest

from backend.ledger.delays import DelayService
from backend.ledger.service import SETTLED, Ledger
from backend.ledger.totals import MonthTotals
from backend.ledger.types import Entry
from backend.reports.queries import ReportQueries
from foundation.identity.principal import CitizenPrincipal, OfficialPrincipal
from foundation.ids import new_uuid
from foundation.paging import PageRequest
from foundation.policy.engine import PolicyEngine
from stack.home import ROOT
from tests.backend.world import POLICIES, World, connect
from tests.conftest import Database

MIGRATION = Path(ROOT) / "migrations" / "backend" / "sql" / "0035_ledger.sql"


@dataclass
class Rig:
    """Lan's report, whose readers are noted."""

    world: World
    database: Database
    ledger: Ledger
    queries: ReportQueries
    delays: DelayService
    totals: MonthTotals
    code: str

    async def citizen(self, subject: str = "lan") -> CitizenPrincipal:
        """A citizen who has just signed in."""
        found = await self.world.citizen(subject)
        return replace(found, session=replace(found.session, auth_time=self.world.clock.now()))

    async def opened(self, *names: str) -> None:
        """These officials open the report, a second after each other."""
        for name in names:
            self.world.clock.advance(timedelta(seconds=1))
            await self.queries.one(await self.world.official(name), self.code)

    async def shown(self, subject: str = "lan", code: str | None = None) -> list[Entry]:
        """What a citizen is shown once the last moments are over, the first shown first."""
        self.world.clock.advance(SETTLED)
        page = await self.ledger.mine(await self.citizen(subject), PageRequest(100), code)
        return list(reversed(page.items))

    async def operators(self) -> tuple[OfficialPrincipal, OfficialPrincipal]:
        """Quang and Son, who operate the city's centre."""
        son = await self.world.official("son")
        self.rows(
            "INSERT INTO tenancy.duty (id, official_id, unit_id, kind, from_day)"
            " VALUES (%s, %s, %s, 'city_operator', date '2026-01-01') ON CONFLICT DO NOTHING",
            new_uuid(),
            son.official_id,
            son.unit_id,
        )
        return await self.world.official("quang"), await self.world.official("son")

    def events(self, like: str) -> list[tuple[str, str | None, str | None, str | None]]:
        """Action, resource, purpose and case of audit events, in order."""
        return self.rows(
            "SELECT line::jsonb #>> '{unmapped,action}', line::jsonb #>> '{unmapped,resource}',"
            " line::jsonb #>> '{unmapped,purpose}', line::jsonb #>> '{unmapped,case}' FROM audit.event"
            " WHERE line::jsonb #>> '{unmapped,action}' LIKE %s"
            " AND line::jsonb #>> '{unmapped,decision}' = 'allow' ORDER BY xid, id",
            like,
        )

    def staff(self, unit: str, people: int) -> None:
        """Officials with a duty in a unit, none of whom anybody else counts."""
        for _ in range(people):
            official = new_uuid()
            self.rows(
                "INSERT INTO tenancy.official (id, issuer, subject, name, name_key)"
                " VALUES (%s, 'x', %s, 'x', 'x')",
                official,
                str(official),
            )
            self.rows(
                "INSERT INTO tenancy.duty (id, official_id, unit_id, kind, from_day)"
                " SELECT %s, %s, u.id, 'handler', date '2026-01-01' FROM tenancy.unit u WHERE u.code = %s",
                new_uuid(),
                official,
                unit,
            )

    def give_duty(self, official: UUID, unit: str, kind: str) -> None:
        """A duty in force, beside what the official has."""
        self.rows(
            "INSERT INTO tenancy.duty (id, official_id, unit_id, kind, from_day)"
            " SELECT %s, %s, u.id, %s, date '2026-01-01' FROM tenancy.unit u WHERE u.code = %s",
            new_uuid(),
            official,
            kind,
            unit,
        )

    def let_time_pass(self) -> None:
        """From now on the ledger has the database's clock, as the migration says."""
        found = re.search(r"FUNCTION ledger\.is_now\(.*?\n\$\$;", MIGRATION.read_text("utf-8"), re.DOTALL)
        assert found is not None
        self.rows(f"CREATE OR REPLACE {found[0]}")

    def rows(self, query: str, *values: object) -> list[tuple[Any, ...]]:
        """As a superuser sees it."""
        with connect(self.database.settings(self.database.superuser)) as superuser:
            cursor = superuser.execute(query.encode(), values)
            return [] if cursor.description is None else cursor.fetchall()


@pytest.fixture
async def rig(world: World, database: Database) -> Rig:
    """A fresh report of Lan's in Hoan Kiem."""
    policy = PolicyEngine.load(POLICIES)
    ledger = Ledger(world.database, policy, world.clock, new_uuid)
    queries = ReportQueries(world.database, policy, world.clock, openings=ledger)
    delays = DelayService(world.database, policy, world.clock, new_uuid, secrets.token_bytes)
    totals = MonthTotals(world.worker_database, policy, world.clock, new_uuid)
    code = (await world.submitted()).code
    return Rig(world, database, ledger, queries, delays, totals, code)
