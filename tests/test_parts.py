"""The real parts are started once a run."""

import pytest


@pytest.mark.parametrize("part", ["backend_cluster", "migrated_template", "seeded_template", "running_stack"])
def test_every_test_of_a_run_means_the_same_part(request: pytest.FixtureRequest, part: str) -> None:
    # A conftest that imports the fixture would have defined it a second time, and so started a second part.
    assert len(request._fixturemanager._arg2fixturedefs[part]) == 1
