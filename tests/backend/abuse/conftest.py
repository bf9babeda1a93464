"""The feature on a real database."""

import secrets
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import pytest

from backend.abuse.service import AbuseService
from backend.abuse.types import BlockChanged
from foundation.identity.principal import OfficialPrincipal
from foundation.ids import new_uuid
from foundation.policy.engine import PolicyEngine
from tests.backend.world import CITY, HOAN_KIEM, POLICIES, World, connect, key
from tests.conftest import Database


@dataclass
class Rig:
    """The feature, and who has which duty."""

    world: World
    database: Database
    blocks: AbuseService

    async def head(self) -> OfficialPrincipal:
        """Thao, who leads Hoan Kiem on top."""
        self.give("thao", 2, "lead", HOAN_KIEM)
        return await self.world.official("thao")

    async def operator(self) -> OfficialPrincipal:
        """Quang, of the city's operating centre."""
        return await self.world.official("quang")

    async def another_operator(self) -> OfficialPrincipal:
        """Son, with the operator's duty on top."""
        self.give("son", 8, "city_operator", CITY)
        return await self.world.official("son")

    def give(self, name: str, number: int, kind: str, unit: str) -> None:
        """One more duty."""
        self.rows(
            "INSERT INTO tenancy.duty (id, official_id, unit_id, kind, from_day)"
            " SELECT %s, o.id, u.id, %s, date '2026-01-01' FROM tenancy.official o, tenancy.unit u"
            " WHERE o.subject = %s AND u.code = %s",
            new_uuid(),
            kind,
            f"00000000-0000-4000-8000-00000000000{number}",
            unit,
        )

    async def blocked(self, by: OfficialPrincipal, days: int = 30, subject: str = "lan") -> BlockChanged:
        """A fresh report, for which its citizen is blocked."""
        report = (await self.world.submitted(await self.world.citizen(subject))).code
        return await self.blocks.block(by, report, "insult", "Lời lẽ xúc phạm.", days, key())

    def later(self, **time: float) -> None:
        """Time passes."""
        self.world.clock.advance(timedelta(**time))

    def rows(self, query: str, *values: object) -> list[tuple[Any, ...]]:
        """As a superuser sees it."""
        with connect(self.database.settings(self.database.superuser)) as superuser:
            cursor = superuser.execute(query.encode(), values)
            return cursor.fetchall() if cursor.description else []


@pytest.fixture
def rig(world: World, database: Database) -> Rig:
    """The feature on the tests' world."""
    blocks = AbuseService(
        database=world.database,
        policy=PolicyEngine.load(POLICIES),
        clock=world.clock,
        new_id=new_uuid,
        random_bytes=secrets.token_bytes,
    )
    return Rig(world, database, blocks)
