"""Everything that sends, to servers that speak the real protocols."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.backend.notifications.rig import Rig, rigged
from tests.backend.world import World
from tests.conftest import Database


@pytest.fixture
async def rig(world: World, database: Database, tmp_path: Path) -> AsyncIterator[Rig]:
    """Everything that sends, on a database of the test's own."""
    async with rigged(world, database, tmp_path) as rig:
        yield rig
