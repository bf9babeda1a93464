"""Deadlines on the tests' world."""

import pytest

from tests.backend.deadlines.rig import Rig, rig_of
from tests.backend.world import World
from tests.conftest import Database


@pytest.fixture
def rig(world: World, database: Database) -> Rig:
    """Services of deadlines."""
    return rig_of(world, database)
