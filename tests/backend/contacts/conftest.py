"""Contacts on the tests' world, with a real OpenBao."""

import secrets
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from typing import Any

import pytest

from backend.contacts.service import PURPOSE, ContactService
from foundation.ids import new_uuid
from foundation.policy.engine import PolicyEngine
from foundation.sealing.envelope import Envelopes
from foundation.sealing.transit import Transit
from stack.openbao import backend_openbao, contact_settings
from tests.backend.world import POLICIES, World, connect
from tests.conftest import Database
from tests.openbaos import RunningBao, running_bao


@pytest.fixture(scope="session")
def openbao() -> Iterator[RunningBao]:
    """One for all tests of a run."""
    with running_bao(backend_openbao) as running:
        yield running


@dataclass
class Rig:
    """Contacts on one database."""

    world: World
    database: Database
    service: ContactService
    transit: Transit

    def with_keys(self, keys: Any) -> ContactService:
        """The service with other keys."""
        envelopes = None if keys is None else Envelopes(keys, PURPOSE, secrets.token_bytes)
        return ContactService(
            database=self.world.database,
            policy=PolicyEngine.load(POLICIES),
            envelopes=envelopes,
            clock=self.world.clock,
            new_id=new_uuid,
        )

    def rows(self, query: str, *values: object) -> list[tuple[Any, ...]]:
        """As a superuser sees it."""
        with connect(self.database.settings(self.database.superuser)) as superuser:
            cursor = superuser.execute(query.encode(), values)
            return [] if cursor.description is None else cursor.fetchall()

    def events(self, code: str) -> list[tuple[str, str | None, str | None]]:
        """Action, purpose and case number of a report's audit events about contacts, in order."""
        return [
            (action, purpose, case)
            for action, purpose, case in self.rows(
                "SELECT line::jsonb #>> '{unmapped,action}', line::jsonb #>> '{unmapped,purpose}',"
                " line::jsonb #>> '{unmapped,case}' FROM audit.event"
                " WHERE line::jsonb #>> '{unmapped,resource}' = %s ORDER BY xid, id",
                f"report:{code}",
            )
            if action.endswith("_contact")
        ]


@pytest.fixture
async def rig(world: World, database: Database, openbao: RunningBao) -> AsyncIterator[Rig]:
    """Contacts."""
    transit = Transit.of(contact_settings(openbao.bao))
    rig = Rig(world, database, None, transit)  # type: ignore[arg-type]  # made in the next line
    rig.service = rig.with_keys(transit)
    yield rig
    await transit.close()
