"""The real parts are started once a run."""

import pytest


@pytest.mark.parametrize("part", ["backend_cluster", "migrated_template", "seeded_template", "running_stack"])
def test_every_test_of_a_run_means_the_same_part(pytestconfig: pytest.Config, part: str) -> None:
    # A conftest that imports the fixture would have defined it a second time, and so started a second part.
    definers = [plugin for plugin in pytestconfig.pluginmanager.get_plugins() if hasattr(plugin, part)]
    assert len(definers) == 1
