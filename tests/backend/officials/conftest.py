"""Officials under administration, on a seeded database; the directory's far end is the SQL role alone."""

from collections.abc import AsyncIterator

import pytest

from tests.backend.officials.rig import Rig, compose_rig
from tests.conftest import Database


@pytest.fixture
async def rig(database: Database) -> AsyncIterator[Rig]:
    """Services of officials and who administers."""
    rig = compose_rig(database)
    await rig.world.database.open()
    await rig.world.worker_database.open()
    yield rig
    await rig.world.database.close()
    await rig.world.worker_database.close()
