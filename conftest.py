"""One set of real parts for a whole run, whichever folders it takes."""

import pytest

pytest_plugins = ["tests.parts", "tests.vault.fixtures"]

THE_STACK = "running stack"


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Where a run is spread over processes, one has the running stack, and a file stays in one piece."""
    for item in items:
        fixtures = getattr(item, "fixturenames", ())
        group = THE_STACK if "running_stack" in fixtures else item.nodeid.partition("::")[0]
        item.add_marker(pytest.mark.xdist_group(group))
