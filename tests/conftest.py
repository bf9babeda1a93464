"""Names of the parts that tests share. Their fixtures are in `tests.parts`, a plugin: not imported here."""

from tests.parts import WIDE, WIDE_EDGE, Database, RunningStack, _home

__all__ = ["WIDE", "WIDE_EDGE", "Database", "RunningStack", "_home"]
