"""One process that takes files, on a database of the test's own."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.backend.media.rig import MediaApi, serving
from tests.conftest import Database


@pytest.fixture
async def api(database: Database, tmp_path: Path) -> AsyncIterator[MediaApi]:
    """The routes, without a scanner."""
    async with serving(database, tmp_path) as api:
        yield api
