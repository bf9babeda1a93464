"""Attacks run on the same seeded databases as the backend's tests."""

from tests.backend.conftest import database, seeded_template, world

__all__ = ["database", "seeded_template", "world"]
