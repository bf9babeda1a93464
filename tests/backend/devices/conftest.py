"""One process of the api on a database of the test's own."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.backend.devices.rig import DeviceApi, serving
from tests.conftest import Database


@pytest.fixture
async def api(database: Database, tmp_path: Path) -> AsyncIterator[DeviceApi]:
    """The api with its door and its reader of changes."""
    async with serving(database, tmp_path) as api:
        yield api
