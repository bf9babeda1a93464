"""Who may run what: tokens before documents, public documents without, step-up before execution."""

from collections.abc import Iterator
from datetime import timedelta

import httpx
import pytest
import strawberry

from foundation.identity.principal import AnonymousPrincipal
from graphql_schema.access import public, step_up
from graphql_schema.schema import config
from tests.graphql_schema.conftest import OPERATIONS, Api, make_api
from tests.graphql_schema.fakes import NOW

ALGORITHMS = 'algs="ES256"'
NOT_PUBLIC = sorted(
    file.stem
    for file in OPERATIONS.glob("*.graphql")
    # A subscription is refused here whoever asks.
    if file.stem
    not in {
        "AllCategories",
        "AllUnits",
        "AppReleases",
        "BlockReasons",
        "Categories",
        "LedgerDelayRules",
        "LedgerMonths",
        "LegalReasons",
        "PauseReasons",
        "PublicFigures",
        "TrackReport",
        "Units",
        "Changes",
    }
)


@pytest.mark.parametrize("accept", ["application/json", "application/graphql-response+json"])
@pytest.mark.parametrize("name", NOT_PUBLIC)
def test_document_that_is_not_public_needs_a_token(api: Api, name: str, accept: str) -> None:
    answer = api.post((OPERATIONS / f"{name}.graphql").read_text(), who=None, accept=accept, language="en")
    assert (answer.status_code, answer.headers["www-authenticate"], answer.json(), api.services.calls) == (
        401,
        f"DPoP {ALGORITHMS}",
        {
            "errors": [
                {
                    "message": "You are not signed in. Please sign in and try again.",
                    "extensions": {"code": "identity.unauthenticated", "requestId": "request-1"},
                }
            ]
        },
        [],
    )


@pytest.mark.parametrize(
    "document",
    [
        "{ categories { code } myReports { edges { cursor } } }",
        "{ ...A } fragment A on Query { categories { code } viewer { __typename } }",
        "{ ... on Query { viewer { __typename } } }",
        "{ categories: viewer { __typename } }",
        "{ categories { code } viewer @include(if: false) { __typename } }",
        'mutation { acceptReport(input: {code: "a", expectedVersion: 1, idempotencyKey: "b"}) '
        "{ __typename } }",
    ],
)
def test_one_field_that_is_not_public_makes_the_document_so(api: Api, document: str) -> None:
    answer = api.post(document, who=None)
    assert (answer.status_code, api.services.calls) == (401, [])


@pytest.mark.parametrize(
    "document",
    [
        "{ categories { code } units { edges { node { code } } } }",
        "{ ...A } fragment A on Query { categories { code } __typename }",
        "{ __schema { queryType { name } } }",
        "{ __typename }",
    ],
)
def test_public_document_runs_without_a_token(api: Api, document: str) -> None:
    assert api.post(document, who=None).status_code == 200


@pytest.mark.parametrize("document", ["{ categories { code } }", "{ nothing }", "{"])
def test_token_that_is_sent_must_be_good_even_where_none_is_needed(api: Api, document: str) -> None:
    answer = api.post(document, who="expired")
    assert (answer.status_code, answer.json()["errors"][0]["extensions"]["code"], api.services.calls) == (
        401,
        "identity.token_expired",
        [],
    )


async def test_two_authorization_headers_reach_identity_as_two(api: Api) -> None:
    headers = [("authorization", "DPoP lan"), ("authorization", "DPoP minh"), ("dpop", "a"), ("dpop", "b")]
    transport = httpx.ASGITransport(api.client.app)  # the test client would fold them into one
    async with httpx.AsyncClient(transport=transport, base_url="https://ioc.example") as client:
        await client.post("/graphql", json={"query": "{ __typename }"}, headers=headers)
    assert (api.gateway.seen[0].authorization, api.gateway.seen[0].dpop) == (
        ("DPoP lan", "DPoP minh"),
        ("a", "b"),
    )


def test_identity_learns_path_without_query(api: Api) -> None:
    api.client.get("/graphql", params={"query": "{ __typename }"}, headers={"authorization": "DPoP lan"})
    assert (api.gateway.seen[0].method, api.gateway.seen[0].path) == ("GET", "/graphql")


def test_refusal_without_a_status_of_its_own_is_forbidden(api: Api) -> None:
    answer = api.post("{ viewer { __typename } }", who="nobody-here")
    assert (answer.status_code, answer.json()["errors"][0]["extensions"]["code"]) == (403, "common.not_found")


def test_crash_of_the_gateway_is_masked(api: Api) -> None:
    answer = api.post("{ viewer { __typename } }", who="crash", language="en")
    assert (answer.status_code, answer.headers["x-request-id"], answer.json()) == (
        500,
        "request-1",
        {
            "errors": [
                {
                    "message": "Something went wrong. Please try again; if it persists, "
                    "report this request id.",
                    "extensions": {"code": "common.internal", "requestId": "request-1"},
                }
            ]
        },
    )


# Step-up, on a schema of its own.

RAN: list[str] = []


@strawberry.interface
class Secret:
    @strawberry.field
    def open(self) -> str:
        return "secret"


@strawberry.type
class Strong(Secret):
    @strawberry.field(metadata=step_up("aal3", timedelta(minutes=5)))
    def open(self) -> str:
        return "strong"


@strawberry.type
class Query:
    @strawberry.field
    def plain(self) -> str:
        RAN.append("plain")
        return "plain"

    @strawberry.field(metadata=step_up("aal2"))
    def second(self) -> str:
        RAN.append("second")
        return "second"

    @strawberry.field(metadata=step_up("aal1", timedelta(hours=1)))
    def fresh(self) -> str:
        return "fresh"

    @strawberry.field(metadata=step_up("aal2", timedelta(minutes=15)))
    def both(self) -> str:
        return "both"

    @strawberry.field
    def secret(self) -> Secret:
        return Strong()

    @strawberry.field(metadata=public())
    def leaflet(self) -> str:
        return "leaflet"


@pytest.fixture(scope="module")
def _stepped() -> Iterator[Api]:
    api = make_api(schema=strawberry.Schema(query=Query, types=[Strong], config=config()))
    with api.client:
        yield api


@pytest.fixture
def stepped(_stepped: Api) -> Api:
    """A schema whose fields state levels and ages. Lan is aal1, Minh aal2; both signed in at NOW."""
    _stepped.reset()
    RAN.clear()
    return _stepped


def test_too_low_a_level_is_told_before_anything_runs(stepped: Api) -> None:
    answer = stepped.post("{ plain second }", who="lan")
    assert (answer.status_code, answer.headers["www-authenticate"], answer.json(), RAN) == (
        401,
        'DPoP error="insufficient_user_authentication", '
        'error_description="a stronger or more recent sign-in is needed", '
        f'acr_values="aal2", {ALGORITHMS}',
        {
            "errors": [
                {
                    "message": "This needs a stronger or a more recent sign-in.",
                    "extensions": {
                        "code": "identity.step_up_required",
                        "requestId": "request-1",
                        "acrValues": "aal2",
                        "maxAge": None,
                    },
                }
            ]
        },
        [],
    )


def test_high_enough_a_level_runs(stepped: Api) -> None:
    assert stepped.post("{ plain second }", who="minh").json()["data"] == {
        "plain": "plain",
        "second": "second",
    }


def test_too_old_a_sign_in_is_told_with_the_age(stepped: Api) -> None:
    stepped.gateway.now = NOW + timedelta(hours=1, seconds=1)
    answer = stepped.post("{ fresh }", who="lan")
    assert (answer.status_code, answer.json()["errors"][0]["extensions"]["maxAge"]) == (401, 3600)


@pytest.mark.parametrize(
    ("document", "acr", "max_age"),
    [
        ("{ fresh second }", "aal2", 3600),
        ("{ fresh both }", "aal2", 900),
        ("{ ...A second } fragment A on Query { both @skip(if: true) }", "aal2", 900),
        ("{ secret { open } }", "aal3", 300),
        ("{ secret { ... on Strong { open } } both }", "aal3", 300),
    ],
)
def test_highest_level_and_shortest_age_of_all_fields_count(
    stepped: Api, document: str, acr: str, max_age: int
) -> None:
    stepped.gateway.now = NOW + timedelta(days=1)
    extensions = stepped.post(document, who="lan").json()["errors"][0]["extensions"]
    assert (extensions["acrValues"], extensions["maxAge"]) == (acr, max_age)


def test_step_up_is_recorded_with_the_document(stepped: Api) -> None:
    stepped.post("{ second }", who="lan")
    ((principal, intent, refusal),) = stepped.gateway.refusals
    assert (principal.session.sub, intent.resource.partition(":")[0], len(intent.resource), refusal.code) == (
        "lan",
        "document",
        len("document:") + 64,
        "identity.step_up_required",
    )


def test_nobody_is_asked_for_a_token_before_a_step_up(stepped: Api) -> None:
    answer = stepped.post("{ second }", who=None)
    assert answer.json()["errors"][0]["extensions"]["code"] == "identity.unauthenticated"


def test_public_field_of_the_same_schema_runs_for_nobody(stepped: Api) -> None:
    assert stepped.post("{ leaflet }", who=None).json() == {"data": {"leaflet": "leaflet"}}


def test_limit_refused_for_nobody_is_recorded_as_nobody(stepped: Api) -> None:
    stepped.post("{ leaflet } { plain }", who=None)
    ((principal, _, refusal),) = stepped.gateway.refusals
    assert (type(principal), refusal.code) == (AnonymousPrincipal, "graphql.one_operation")
