"""The GraphQL route in a Litestar application, with hand-written services behind it."""

from collections.abc import Iterator, MutableMapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest
import strawberry
import structlog
from litestar import Litestar
from litestar.testing import TestClient

from foundation.clock import FrozenClock
from foundation.cursors import Cursors
from foundation.ids import GlobalIds
from graphql_schema.context import Codecs
from graphql_schema.execution.documents import Documents, read_folder
from graphql_schema.http import GraphQLEndpoint
from graphql_schema.limits import Limits
from graphql_schema.schema import build
from tests.conftest import WIDE_EDGE
from tests.edge.rig import running_edge
from tests.graphql_schema.fakes import NOW, Fake, FakeGateway, every, standard_answers
from tests.graphql_schema.through_edge import ThroughEdge

OPERATIONS = Path(__file__).parents[2] / "mobile_contract" / "operations"
SCHEMA = build()
KEY = bytes(range(64))
IDEMPOTENCY_KEY = "0123456789abcdef"


@dataclass
class Api:
    """The route as a client meets it, and what stands behind it."""

    client: TestClient[Litestar]
    services: Fake
    gateway: FakeGateway
    clock: FrozenClock
    codecs: Codecs
    numbers: list[int]

    def reset(self) -> None:
        """As if nobody had called yet."""
        self.services.calls.clear()
        self.services.answers = standard_answers()
        self.gateway.refusals.clear()
        self.gateway.seen.clear()
        self.gateway.now = NOW
        self.clock.advance(NOW - self.clock.now())
        self.numbers[0] = 0

    def post(
        self,
        query: str | None = None,
        variables: dict[str, Any] | None = None,
        *,
        who: str | None = "lan",
        language: str = "en",
        accept: str = "application/graphql-response+json",
        **members: Any,
    ) -> httpx.Response:
        """One POST as a person."""
        body = {"query": query, "variables": variables, **members}
        headers = {"accept": accept, "accept-language": language}
        if who is not None:
            headers |= {"authorization": f"DPoP {who}", "dpop": "proof"}
        return self.client.post(
            "/graphql",
            json={name: value for name, value in body.items() if value is not None},
            headers=headers,
        )

    def run(self, name: str, variables: dict[str, Any] | None = None, **options: Any) -> dict[str, Any]:
        """The data of a document of the contract; an answer with errors fails the test."""
        answer = self.post((OPERATIONS / f"{name}.graphql").read_text(), variables, **options).json()
        assert "errors" not in answer
        data: dict[str, Any] = answer["data"]
        return data


def make_api(
    *,
    only_trusted: bool = False,
    schema: strawberry.Schema = SCHEMA,
    limits: Limits | None = None,
    **given: Any,
) -> Api:
    """An application of a test's own, with the services `given`. Close its client."""
    services, gateway, clock = Fake(answers=standard_answers()), FakeGateway(), FrozenClock(NOW)
    numbers = [0]

    def new_request_id() -> str:
        numbers[0] += 1
        return f"request-{numbers[0]}"

    limits = limits or Limits()
    codecs = Codecs(global_ids=GlobalIds(KEY), cursors=Cursors(KEY, 1, clock))
    trusted = read_folder(OPERATIONS) if schema is SCHEMA else []
    endpoint = GraphQLEndpoint(
        schema=schema,
        documents=Documents(schema._schema, trusted=trusted, only_trusted=only_trusted, limits=limits),
        services=every(services, **given),
        codecs=codecs,
        gateway=gateway,
        new_request_id=new_request_id,
        limits=limits,
    )
    app = Litestar(route_handlers=[endpoint.handler()], openapi_config=None)
    return Api(TestClient(app, raise_server_exceptions=False), services, gateway, clock, codecs, numbers)


@pytest.fixture(autouse=True)
def logged() -> Iterator[list[MutableMapping[str, Any]]]:
    """What is logged, and nothing is rendered."""
    with structlog.testing.capture_logs() as entries:
        yield entries


@pytest.fixture(scope="session")
def through_edge() -> Iterator[ThroughEdge]:
    """As strangers see it, and nobody has to wait."""
    with running_edge(limits=WIDE_EDGE, inside=("192.0.2.0/24",)) as rig:
        edge = ThroughEdge(rig)
        yield edge
        edge.close()


@pytest.fixture(scope="session")
def _development(through_edge: ThroughEdge) -> Iterator[Api]:
    api = make_api()
    api.client.event_hooks["response"].append(through_edge.repeat)
    with api.client:
        yield api


@pytest.fixture(scope="session")
def _production(through_edge: ThroughEdge) -> Iterator[Api]:
    api = make_api(only_trusted=True)
    api.client.event_hooks["response"].append(through_edge.repeat)
    with api.client:
        yield api


@pytest.fixture
def api(_development: Api, through_edge: ThroughEdge) -> Iterator[Api]:
    """As in development: any document within the limits. What it takes, the edge must let by."""
    _development.reset()
    yield _development
    assert stopped_by(through_edge) == []


@pytest.fixture
def production(_production: Api, through_edge: ThroughEdge) -> Iterator[Api]:
    """As in production: the contract's documents alone. What it takes, the edge must let by."""
    _production.reset()
    yield _production
    assert stopped_by(through_edge) == []


def stopped_by(edge: ThroughEdge) -> list[str]:
    """What the edge stopped since the last time."""
    stopped, edge.stopped = edge.stopped, []
    return stopped
