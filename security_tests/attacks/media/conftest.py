"""One process that takes files, on a seeded database of the test's own."""

from tests.backend.conftest import database
from tests.backend.media.conftest import api

__all__ = ["api", "database"]
