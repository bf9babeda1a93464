"""The world of the backend's tests: a seeded database, copied for each test."""

import itertools
from collections.abc import AsyncIterator, Iterator

import pytest

from stack.postgres import PostgresCluster
from tests.backend.offices import Office, office_of
from tests.backend.world import World, compose
from tests.conftest import Database

_numbers = itertools.count(1)


@pytest.fixture
def database(backend_cluster: PostgresCluster, seeded_template: str) -> Iterator[Database]:
    """A fresh copy of the seeded database."""
    name = f"world_{next(_numbers)}"
    backend_cluster.clone(seeded_template, name)
    yield Database(backend_cluster, name)
    backend_cluster.drop(name)


@pytest.fixture
async def world(database: Database) -> AsyncIterator[World]:
    """Services on a seeded database of the test's own."""
    world = compose(database.settings("backend_app"), database.settings("backend_worker"))
    await world.database.open()
    await world.worker_database.open()
    yield world
    await world.database.close()
    await world.worker_database.close()


@pytest.fixture
def office(world: World, database: Database) -> Office:
    """Administrators of the platform on the same database."""
    return office_of(world, database)
