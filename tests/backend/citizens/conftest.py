"""A bureau of a test's own."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.backend.citizens.rig import WIDE, Bureau, bureau_of, gateway_at
from tests.backend.world import World
from tests.conftest import Database


@pytest.fixture
async def bureau(world: World, database: Database, tmp_path: Path) -> AsyncIterator[Bureau]:
    """Without limits on messages."""
    async with gateway_at(tmp_path) as url:
        yield bureau_of(world, database, tmp_path, url, WIDE)
