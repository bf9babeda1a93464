"""A rig of a test's own."""

import pytest

from tests.backend.privacy.rig import Rig, rig_of
from tests.backend.world import World
from tests.conftest import Database


@pytest.fixture
def rig(world: World, database: Database) -> Rig:
    """The services on the tests' world."""
    return rig_of(world, database)
