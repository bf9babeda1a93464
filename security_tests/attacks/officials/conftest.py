"""The rig of officials: services, and the roles of the database."""

from tests.backend.officials.conftest import rig

__all__ = ["rig"]
