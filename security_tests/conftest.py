"""A scene for attacks on the database. The real parts are those of all tests (`tests.parts`)."""

import asyncio
from collections.abc import Iterator

import pytest

from security_tests.attacks.database.scene import Scene, furnish
from stack.postgres import PostgresCluster
from tests.conftest import Database


@pytest.fixture(scope="session")
def scene(backend_cluster: PostgresCluster, seeded_template: str) -> Iterator[Scene]:
    """Hoàn Kiếm has Lan's report, Sóc Sơn Hùng's, and one went from Hoàn Kiếm to Construction."""
    backend_cluster.clone(seeded_template, "scene")
    furnished = Database(backend_cluster, "scene")
    yield Scene(furnished, asyncio.run(furnish(furnished)))
    backend_cluster.drop("scene")
