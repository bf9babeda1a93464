"""The rig of the feature's own tests: a real door on a real database."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.backend.conftest import database
from tests.backend.devices.rig import DeviceApi, serving
from tests.conftest import Database

__all__ = ["database"]


@pytest.fixture
async def api(database: Database, tmp_path: Path) -> AsyncIterator[DeviceApi]:
    """The api with its door and its reader of changes."""
    async with serving(database, tmp_path) as api:
        yield api
