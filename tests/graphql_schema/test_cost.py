"""What documents cost, reckoned by hand."""

from typing import Any

import pytest
from graphql import GraphQLObjectType, get_named_type, get_nullable_type, is_list_type
from hypothesis import given
from hypothesis import strategies as st
from strawberry.schema.schema_converter import GraphQLCoreConverter

from graphql_schema.execution.documents import Documents
from graphql_schema.limits import Limits, RequestRefused
from graphql_schema.sizes import _KEY
from tests.graphql_schema.conftest import OPERATIONS, SCHEMA, Api

DOCUMENTS = Documents(SCHEMA._schema, trusted=[], only_trusted=False, limits=Limits())
LIST = "query($n: Int! = 7) { myReports(first: $n) { edges { node { code } } } }"


def cost(text: str, variables: dict[str, Any] | None = None) -> int:
    return DOCUMENTS.find(text, None).cost.of(variables or {})


@pytest.mark.parametrize(
    ("text", "units"),
    [
        ("{ __typename }", 1),
        ("{ viewer { __typename ... on Citizen { id signIn { level } } } }", 1 + 1 + 1 + 2),
        ("{ myReports(first: 3) { edges { cursor } pageInfo { endCursor } } }", 1 + 3 * 2 + 2),
        ("{ myReports { edges { cursor } } }", 1 + 20 * 2),
        ("{ myReports(first: 3) { edges { node { timeline { at } } } } }", 1 + 3 * (1 + 1 + 10 * 2)),
        ("{ a: myReports(first: 3) { edges { cursor } } b: myReports(first: 2) { edges { cursor } } }",
         1 + 3 * 2 + 1 + 2 * 2),
        ("{ myReports(first: 3) { ...P } } fragment P on ReportConnection { edges { ...E } } "
         "fragment E on ReportEdge { cursor node { code } }", 1 + 3 * 4),
        ("{ myReports(first: 3) { ... { edges { cursor } } } }", 1 + 3 * 2),
        ("{ myReports(first: 3) @skip(if: true) { edges { cursor } } }", 1 + 3 * 2),
        ("{ categories { code } }", 30 * 2),
        ("{ __schema { types { fields { name } } } }", 1 + 10 * (1 + 10 * 2)),
    ],
)  # fmt: skip
def test_a_unit_is_a_field_in_a_row(text: str, units: int) -> None:
    assert cost(text) == units


@pytest.mark.parametrize(
    ("variables", "rows"),
    [({}, 7), ({"n": 50}, 50), ({"n": 50.0}, 50), ({"n": 0}, 1), ({"n": -5}, 1), ({"n": 10**9}, 10**9)],
)
def test_variables_say_how_many_rows(variables: dict[str, Any], rows: int) -> None:
    assert cost(LIST, variables) == 1 + rows * 3


@given(st.none() | st.booleans() | st.text() | st.floats() | st.lists(st.integers()) | st.integers())
def test_any_variable_has_a_cost(value: Any) -> None:
    assert cost(LIST, {"n": value}) >= 1 + 3


@pytest.mark.parametrize("file", sorted(OPERATIONS.glob("*.graphql")), ids=lambda file: file.stem)
def test_largest_page_of_every_document_of_the_contract_may_be_asked_for(file: Any) -> None:
    assert cost(file.read_text(encoding="utf-8"), {"first": 100}) <= Limits().cost


def test_page_that_costs_too_much_is_refused_unread_with_its_cost(api: Api) -> None:
    document = "query($n: Int!) { myReports(first: $n) { edges { node { code timeline { at } } } } }"
    (error,) = api.post(document, {"n": 100_000}).json()["errors"]
    assert (error["extensions"], api.services.calls, api.gateway.codes) == (
        {"code": "graphql.too_costly", "requestId": "request-1", "cost": 2_300_001, "maxCost": 10_000},
        [],
        ["graphql.too_costly"],
    )


def test_refused_request_costs_no_more_to_reckon_than_its_fields() -> None:
    """Nested lists multiply in the figure, not in the work."""
    with pytest.raises(RequestRefused):
        DOCUMENTS.find("{ __schema { types " + "{ fields { type " * 6 + "{ name }" + "} }" * 6 + " } }", None)


OBJECTS = [
    thing
    for thing in SCHEMA._schema.type_map.values()
    if isinstance(thing, GraphQLObjectType) and not thing.name.startswith("__")
]
LISTS = [
    (thing, name)
    for thing in OBJECTS
    for name, field in thing.fields.items()
    if is_list_type(get_nullable_type(field.type))
]


def _is_paged(thing: GraphQLObjectType) -> bool:
    """Whether every field that answers with it asks for a number of rows."""
    leading = [
        field for other in OBJECTS for field in other.fields.values() if get_named_type(field.type) is thing
    ]
    return bool(leading) and all("first" in field.args for field in leading)


@pytest.mark.parametrize(("thing", "name"), LISTS, ids=[f"{thing.name}.{name}" for thing, name in LISTS])
def test_every_list_is_paged_or_states_its_rows(thing: GraphQLObjectType, name: str) -> None:
    stated = thing.fields[name].extensions[GraphQLCoreConverter.DEFINITION_BACKREF].metadata
    assert _is_paged(thing) or _KEY in stated
