"""Each limit, one step within and one step beyond."""

from contextlib import suppress
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from graphql_schema.execution.documents import DocumentInvalid, Documents
from graphql_schema.limits import Limits, RequestRefused, TooManyDirectives
from tests.graphql_schema.conftest import OPERATIONS, SCHEMA, Api

LIMITS = Limits(
    characters=6_000,
    tokens=400,
    depth=6,
    fields=60,
    aliases=4,
    directives=3,
    root_fields=5,
    body_octets=9_000,
)
SUBMIT = (
    'submitReport(input: {category: "c", ward: "w", place: "p", body: "b", idempotencyKey: "k"}) '
    "{ __typename }"
)


def find(text: str) -> None:
    Documents(SCHEMA._schema, trusted=[], only_trusted=False, limits=LIMITS).find(text, None)


def chain(fragments: int) -> str:
    """Fragments that spread one another twice each: exponential when spread out."""
    parts = [f"fragment F{n} on Category {{ ...F{n + 1} ...F{n + 1} }}" for n in range(fragments)]
    return (
        "{ categories { ...F0 } } " + " ".join(parts) + f" fragment F{fragments} on Category {{ code name }}"
    )


DEEP = "{ __schema { types { fields { type { ofType { ofType { name } } } } } } }"
WITHIN = {
    "characters": "{ categories { code } } #" + " " * (6_000 - 25),
    "tokens": "{ categories { " + "code " * 56 + "} }",
    "aliases": "{ categories { a: code b: code c: code d: code } }",
    "directives": "{ categories { code @skip(if: false) name @skip(if: true) id @include(if: true) } }",
    "root fields": "{ categories { code } " + "__typename " * 4 + "}",
    "one root field": f"mutation {{ {SUBMIT} }}",
}


@pytest.mark.parametrize("text", WITHIN.values(), ids=WITHIN)
def test_document_within_the_limits_is_accepted(text: str) -> None:
    find(text)


BEYOND = [
    ("graphql.document_too_long", "{ categories { code } } #" + " " * 6_000),
    ("graphql.too_many_tokens", "{ categories { " + "code " * 396 + "} }"),
    ("graphql.too_many_tokens", "#\n" * 401 + "{ categories { code } }"),
    ("graphql.too_deep", DEEP),
    ("graphql.too_deep", "{ __schema { ...T } } fragment T on __Schema { types { ...F } } "
     "fragment F on __Type { fields { type { ofType { ofType { name } } } } }"),
    ("graphql.too_deep", "{a" * 90 + "}" * 90),
    ("graphql.too_many_fields", "{ categories { " + "code " * 60 + "} }"),
    ("graphql.too_many_fields", chain(5)),
    ("graphql.too_deep", chain(20)),
    ("graphql.too_many_aliases", "{ categories { a: code b: code c: code d: code e: code } }"),
    ("graphql.too_many_aliases", "{ categories { code } } fragment F on Category "
     "{ a: code b: code c: code d: code e: code }"),
    ("graphql.too_many_directives", "{ categories { code " + "@skip(if: false) " * 4 + "} }"),
    ("graphql.too_many_root_fields", "{ categories { code } " + "__typename " * 5 + "}"),
    ("graphql.too_many_root_fields", "{ ...F ...F } fragment F on Query "
     "{ __typename __typename __typename }"),
    ("graphql.one_root_field", f"mutation {{ a: {SUBMIT} b: {SUBMIT} }}"),
    ("graphql.one_root_field", f"mutation {{ {SUBMIT} {SUBMIT} }}"),
    ("graphql.one_root_field", f"mutation {{ {SUBMIT} ...F }} fragment F on Mutation {{ b: {SUBMIT} }}"),
    ("graphql.one_root_field", f"mutation {{ {SUBMIT} ... on Mutation @skip(if: true) {{ b: {SUBMIT} }} }}"),
    ("graphql.one_operation", "query A { categories { code } } query B { categories { code } }"),
    ("graphql.one_operation", f"query A {{ categories {{ code }} }} mutation B {{ {SUBMIT} }}"),
    ("graphql.one_operation", "fragment F on Category { code }"),
    ("graphql.one_operation", "type A { b: Int }"),
    ("graphql.fragments", "{ categories { ...A } } fragment A on Category { ...B } "
     "fragment B on Category { ...A }"),
    ("graphql.fragments", "{ categories { ...A } }"),
]  # fmt: skip


@pytest.mark.parametrize(("code", "text"), BEYOND)
def test_document_beyond_a_limit_is_refused_with_its_code(code: str, text: str) -> None:
    with pytest.raises(RequestRefused) as caught:
        find(text)
    assert caught.value.code == code


@pytest.mark.parametrize(
    "text",
    [
        "",
        " ",
        "{",
        "{ categories { code } ",
        "\ud800",
        "{ categories { code } } extend type Query { a: Int }",
    ],
)
def test_text_that_is_no_document_is_invalid(text: str) -> None:
    with pytest.raises((DocumentInvalid, RequestRefused)):
        find(text)


@given(st.text(alphabet='{}():!$@."#,\n ab1[]...on fragment query', max_size=300))
def test_any_text_is_found_or_refused(text: str) -> None:
    # Both are fine; any other exception is a crash, and fails here.
    with suppress(DocumentInvalid, RequestRefused):
        find(text)


@pytest.mark.parametrize("file", sorted(OPERATIONS.glob("*.graphql")), ids=lambda file: file.stem)
def test_every_document_of_the_contract_is_within_the_limits(file: Path) -> None:
    documents = Documents(SCHEMA._schema, trusted=[file.read_text()], only_trusted=True, limits=Limits())
    assert documents


@pytest.mark.parametrize("language", ["vi", "en"])
def test_refused_document_changes_nothing_and_is_recorded(api: Api, language: str) -> None:
    answer = api.post(f"mutation {{ a: {SUBMIT} b: {SUBMIT} }}", language=language)
    messages = {
        "vi": "Mỗi yêu cầu chỉ được có một thay đổi.",
        "en": "A mutation has exactly one root field.",
    }
    assert (answer.json()["errors"][0]["message"], api.services.calls, api.gateway.codes) == (
        messages[language],
        [],
        ["graphql.one_root_field"],
    )


@pytest.mark.parametrize(
    "text",
    [
        "query @a @b @c @d { categories { code } }",
        "query($v: Int @a @b @c @d) { categories { code } }",
        "{ categories { ...F } } fragment F on Category @a @b @c @d { code }",
        "{ categories { ...F @a @b @c @d } } fragment F on Category { code }",
        "{ categories { ... @a @b @c @d { code } } }",
        "{ categories { ...F ...F } } fragment F on Category { code @a name @b }",
    ],
)
def test_directives_count_wherever_they_stand(text: str) -> None:
    with pytest.raises(TooManyDirectives):
        find(text)


@pytest.mark.parametrize(
    ("variables", "code"),
    [
        ({f"v{n}": 1 for n in range(21)}, "graphql.too_many_variables"),
        ({"v": {"a": {"a": {"a": {"a": {"a": 1}}}}}}, "graphql.variables_too_deep"),
        ({"v": [[]] * 1_000}, "graphql.variables_too_large"),
        ({"v": [{"a": 1}] * 500}, "graphql.variables_too_large"),
        ({"v": {"a": ["x" * 16_385]}}, "graphql.variables_too_large"),
    ],
)
def test_variables_beyond_a_limit_are_refused_before_anybody_is_asked_for(
    api: Api, variables: dict[str, object], code: str
) -> None:
    answer = api.post("{ __typename }", variables)
    assert (answer.status_code, answer.json()["errors"][0]["extensions"]["code"], api.gateway.seen) == (
        400,
        code,
        [],
    )


@pytest.mark.parametrize(
    "variables",
    [
        {f"v{n}": 1 for n in range(20)},
        {"v": {"a": {"a": {"a": {"a": 1}}}}},
        {"v": [None] * 999},
        {"v": "x" * 16_384},
    ],
)
def test_variables_within_the_limits_are_accepted(api: Api, variables: dict[str, object]) -> None:
    assert api.post("{ __typename }", variables).json() == {"data": {"__typename": "Query"}}
