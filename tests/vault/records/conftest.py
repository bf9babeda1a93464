"""An office on a database of each test's own."""

from collections.abc import AsyncIterator

import pytest

from tests.parts import Database
from tests.vault.records.office import Office


@pytest.fixture
async def office(vault_database: Database) -> AsyncIterator[Office]:
    """The Organisation Committee's."""
    office = Office.of(vault_database)
    await office.rig.database.open()
    yield office
    await office.rig.database.close()
