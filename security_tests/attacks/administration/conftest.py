"""Administrators of the platform on a database of each test's own."""

from tests.backend.conftest import office

__all__ = ["office"]
