"""Attacks run on the same seeded databases as the backend's tests."""

from tests.backend.conftest import database, world

__all__ = ["database", "world"]
