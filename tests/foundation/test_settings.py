"""Wrong settings are refused when they are read, not at the first request."""

import pytest

from tests.identity import world


def test_public_url_with_a_path_is_refused() -> None:
    with pytest.raises(ValueError, match="an origin, without a path"):
        world.settings(public_url="https://ioc.example/graphql")
