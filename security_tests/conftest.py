"""The real parts of `tests.conftest`, and a scene for attacks on the database."""

import asyncio
from collections.abc import Iterator

import pytest

from security_tests.attacks.database.scene import Scene, furnish
from stack.postgres import PostgresCluster
from tests.backend.conftest import seeded_template
from tests.conftest import Database, backend_cluster, database, migrated_template, running_stack, test_home

__all__ = [
    "backend_cluster",
    "database",
    "migrated_template",
    "running_stack",
    "seeded_template",
    "test_home",
]


@pytest.fixture(scope="session")
def scene(backend_cluster: PostgresCluster, seeded_template: str) -> Iterator[Scene]:
    """Hoàn Kiếm has Lan's report, Sóc Sơn Hùng's, and one went from Hoàn Kiếm to Construction."""
    backend_cluster.clone(seeded_template, "scene")
    furnished = Database(backend_cluster, "scene")
    yield Scene(furnished, asyncio.run(furnish(furnished)))
    backend_cluster.drop("scene")
