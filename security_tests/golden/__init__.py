"""The walls of a database as text, to be compared with what was last agreed on (`<database>.txt`)."""

from security_tests.golden.walls import FOLDER, describe

__all__ = ["FOLDER", "describe"]
