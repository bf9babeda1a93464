"""The world of the backend's tests."""

from collections.abc import AsyncIterator

import pytest

from tests.backend.world import World, compose, seed
from tests.conftest import Database as TestDatabase


@pytest.fixture
async def world(database: TestDatabase) -> AsyncIterator[World]:
    """Services on a seeded database of the test's own."""
    seed(database.settings("backend_migrator"))
    world = compose(database.settings("backend_app"), database.settings("backend_worker"))
    await world.database.open()
    await world.worker_database.open()
    yield world
    await world.database.close()
    await world.worker_database.close()
