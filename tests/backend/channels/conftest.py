from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.backend.channels.rig import Channels, compose
from tests.backend.world import World
from tests.conftest import Database


@pytest.fixture
async def channels(world: World, database: Database, tmp_path: Path) -> AsyncIterator[Channels]:
    """The hotline 1022 and the portal, on the world's database and clock."""
    channels = compose(database, world.clock, tmp_path)
    await channels.database.open()
    channels.make("1022")
    channels.make("portal")
    yield channels
    await channels.database.close()
