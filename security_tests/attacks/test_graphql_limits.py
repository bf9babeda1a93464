"""Documents and variables as attacks on the GraphQL route: refused, and served where a guard is out."""

import hashlib
import json
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import msgspec
import pytest

from foundation.settings import ApiSettings, load
from graphql_schema.execution.documents import read_folder
from graphql_schema.limits import Limits, RequestRefused
from security_tests.attacks.fuzzed_api import FuzzedApi
from services.api import endpoints_of, parts_of
from stack.home import ROOT
from stack.postgres import PostgresCluster
from tests.backend.world import HOAN_KIEM, connect
from tests.conftest import Database, RunningStack

NO_LIMIT = 1_000_000
UNITS = "units(first: 1) { edges { node { %s } } }"
OPERATIONS = ROOT / "mobile_contract" / "operations"


def _ask(query: str, variables: dict[str, Any] | None = None) -> bytes:
    return json.dumps({"query": query, "variables": variables or {}}).encode()


def _laughs(doublings: int) -> str:
    """Fragments that spread the next one twice: 2^n fields of a few hundred characters."""
    chain = [f"fragment F{n} on Unit {{ ...F{n + 1} ...F{n + 1} }}" for n in range(doublings)]
    return " ".join([f"{{ {UNITS % '...F0'} }}", *chain, f"fragment F{doublings} on Unit {{ code }}"])


def _spread(fragment: str, times: int) -> str:
    return f"{{ {UNITS % ('...F ' * times)} }} fragment F on Unit {{ {fragment} }}"


TIMELINE = "timeline { version at step fromState toState unit { code name } actor note }"
REPORTS = "query($n: Int!) { unitReports(first: $n) { edges { node { code %s } } } }"
NESTED = '{ __type(name: "Unit") { ' + "ofType { " * 12 + "name" + " }" * 12 + " } }"

BESIDE = f"{{ {' '.join(f'l{n}: ' + UNITS.replace('1', '100') % ('code ' * 20) for n in range(8))} }}"
NAMES = [f"v{number}" for number in range(21)]
EMPTY = '""'

# What is sent, the code it is refused with, the one limit that stops it.
ATTACKS = {
    "deep": (_ask(NESTED), "too_deep", {"depth": NO_LIMIT}),
    "wide": (_ask(f"{{ {UNITS % ('code ' * 500)} }}"), "too_many_fields", {"fields": NO_LIMIT}),
    "long": (_ask("{ __typename } #" + "x" * 16_384), "document_too_long", {"characters": NO_LIMIT}),
    "many tokens": (
        _ask("{ unitReports(units: [" + '"" ' * 1_000 + "]) { edges { cursor } } }"),
        "too_many_tokens",
        {"tokens": NO_LIMIT},
    ),
    "comments": (_ask("#\n" * 1_001 + "{ __typename }"), "too_many_tokens", {"tokens": NO_LIMIT}),
    "aliases": (
        _ask(f"{{ {UNITS % ' '.join(f'a{n}: code' for n in range(21))} }}"),
        "too_many_aliases",
        {"aliases": NO_LIMIT},
    ),
    "aliases in a fragment spread many times": (
        _ask(_spread("a: code b: name", 11)),
        "too_many_aliases",
        {"aliases": NO_LIMIT},
    ),
    "directives on every node": (
        _ask(f"{{ {UNITS % ('code @include(if: true) ' * 21)} }}"),
        "too_many_directives",
        {"directives": NO_LIMIT},
    ),
    "directives in a fragment spread many times": (
        _ask(_spread("code @include(if: true) name @skip(if: false)", 11)),
        "too_many_directives",
        {"directives": NO_LIMIT},
    ),
    "fragments that double": (_ask(_laughs(9)), "too_many_fields", {"fields": NO_LIMIT}),
    "many root fields": (_ask("{ " + "__typename " * 9 + "}"), "too_many_root_fields", {"root_fields": 9}),
    "many variables": (
        _ask("{ __typename }", {f"v{n}": 1 for n in range(21)}),
        "too_many_variables",
        {"variables": NO_LIMIT},
    ),
    "many declared variables": (
        _ask(f"query({' '.join(f'${name}: String! = {EMPTY}' for name in NAMES)}) "
             f"{{ unitReports(units: [{' '.join(f'${name}' for name in NAMES)}]) {{ __typename }} }}"),
        "too_many_variables",
        {"variables": NO_LIMIT},
    ),
    "nested variables": (
        _ask("{ __typename }", {"v": [[[[[1]]]]]}),
        "variables_too_deep",
        {"variable_depth": NO_LIMIT},
    ),
    "lists in variables": (
        _ask("query($u: [String!]) { unitReports(units: $u) { __typename } }", {"u": [""] * 1_000}),
        "variables_too_large",
        {"variable_values": NO_LIMIT},
    ),
    "a long text": (
        _ask("query($s: String) { units(search: $s) { __typename } }", {"s": "x" * 16_385}),
        "variables_too_large",
        {"variable_characters": NO_LIMIT},
    ),
    "lists in a list": (_ask(REPORTS % TIMELINE, {"n": 100}), "too_costly", {"cost": NO_LIMIT}),
    "a large page": (_ask(REPORTS % "", {"n": 100_000}), "too_costly", {"cost": NO_LIMIT}),
    "lists beside a list": (_ask(BESIDE), "too_costly", {"cost": NO_LIMIT}),
    "a large body": (
        _ask("{ __typename }") + b" " * 65_536,
        "request_too_large",
        {"body_octets": NO_LIMIT},
    ),
}  # fmt: skip


@pytest.fixture(scope="module")
def guarded(backend_cluster: PostgresCluster, seeded_template: str) -> Iterator[FuzzedApi]:
    """The route as it is, and an officer of a ward."""
    backend_cluster.clone(seeded_template, "limits")
    api = FuzzedApi(Database(backend_cluster, "limits"))
    api.become("minh")
    yield api
    api.close()
    backend_cluster.drop("limits")


def _submit(key: str) -> str:
    given = f'category: "road", ward: "{HOAN_KIEM}", place: "Ngõ 1", body: "Ổ gà", idempotencyKey: "{key}"'
    return f"submitReport(input: {{ {given} }}) {{ __typename }}"


def _reports(api: FuzzedApi) -> int:
    with connect(api.database.settings(api.database.superuser)) as connection:
        row = connection.execute("SELECT count(*) FROM reports.report").fetchone()
    assert row is not None
    return int(row[0])


def _codes(body: bytes) -> list[str]:
    return [error["extensions"]["code"] for error in json.loads(body)["errors"]]


@pytest.mark.parametrize(("body", "code"), [(body, code) for body, code, _ in ATTACKS.values()], ids=ATTACKS)
def test_attack_is_refused_before_anything_runs(guarded: FuzzedApi, body: bytes, code: str) -> None:
    status, answer = guarded.post(body)
    assert (status < 500, _codes(answer), "data" in json.loads(answer)) == (True, [f"graphql.{code}"], False)


@pytest.mark.parametrize(
    ("body", "without"), [(body, without) for body, _, without in ATTACKS.values()], ids=ATTACKS
)
def test_attack_is_served_where_its_limit_is_out(
    guarded: FuzzedApi, body: bytes, without: dict[str, int]
) -> None:
    api = FuzzedApi(guarded.database, replace(Limits(), **without))
    api.become("minh")
    _, answer = api.post(body)
    api.close()
    assert "data" in json.loads(answer)


def test_list_of_100_reports_with_every_scalar_field_is_served(guarded: FuzzedApi) -> None:
    document = (OPERATIONS / "UnitReports.graphql").read_text(encoding="utf-8")
    assert guarded.post(_ask(document, {"first": 100}))[0] == 200


# Batches, guesses, introspection, documents of one's own


def test_batch_is_refused(guarded: FuzzedApi) -> None:
    status, answer = guarded.post(b"[" + _ask("{ __typename }") + b"," + _ask("{ __typename }") + b"]")
    assert (status, _codes(answer)) == (422, ["graphql.batching"])


def test_two_changes_in_one_request_are_refused_and_neither_is_made(guarded: FuzzedApi) -> None:
    guarded.become("lan")
    _, answer = guarded.post(_ask(f"mutation {{ a: {_submit('a' * 16)} b: {_submit('b' * 16)} }}"))
    guarded.become("minh")
    assert (_codes(answer), _reports(guarded)) == (["graphql.one_root_field"], 0)


@pytest.mark.parametrize(
    "query",
    ["{ unitReport { __typename } }", "{ units { edge { cursor } } }",
     "{ units(kind: WARDS) { __typename } }", "{ units(serch: \"x\") { __typename } }",
     "{ viewer { ... on Officia { name } } }"],
)  # fmt: skip
def test_mistake_is_not_answered_with_a_name_of_the_schema(guarded: FuzzedApi, query: str) -> None:
    _, answer = guarded.post(_ask(query))
    assert (_codes(answer), b"Did you mean" in answer) == (["graphql.validation"], False)


def test_mistake_in_variables_is_not_answered_with_a_name_of_the_schema(guarded: FuzzedApi) -> None:
    query = "query($kind: UnitKind) { units(kind: $kind) { __typename } }"
    _, answer = guarded.post(_ask(query, {"kind": "WARDS"}))
    assert (_codes(answer), b"Did you mean" in answer) == (["graphql.variables"], False)


@pytest.fixture
def production(guarded: FuzzedApi) -> Iterator[FuzzedApi]:
    """The documents of the contract alone."""
    api = FuzzedApi(guarded.database, trusted=read_folder(OPERATIONS))
    api.become("minh")
    yield api
    api.close()


@pytest.mark.parametrize(
    "query", ["{ __typename }", "{ __schema { types { name } } }", "{ viewer { __typename } } #"]
)
def test_document_of_ones_own_does_not_run_in_production(production: FuzzedApi, query: str) -> None:
    status, answer = production.post(_ask(query))
    assert (status, _codes(answer)) == (400, ["graphql.unknown_document"])


def test_document_of_the_contract_runs_in_production(production: FuzzedApi) -> None:
    document = (OPERATIONS / "Viewer.graphql").read_text(encoding="utf-8")
    assert "errors" not in json.loads(production.post(_ask(document))[1])


def test_document_once_run_elsewhere_does_not_become_trusted(production: FuzzedApi) -> None:
    """Apollo's automatic persisted queries would let a caller register one."""
    text = "{ __typename }"
    digest = hashlib.sha256(text.encode()).hexdigest()
    extensions = {"persistedQuery": {"version": 1, "sha256Hash": digest}}
    sent = {"query": text, "extensions": extensions}
    answers = [production.post(json.dumps(body).encode())[1] for body in (sent, {"extensions": extensions})]
    assert [_codes(answer) for answer in answers] == [["graphql.unknown_document"]] * 2


@pytest.mark.parametrize(
    ("environment", "code"), [("production", "graphql.unknown_document"), ("development", "none")]
)
def test_environment_of_the_settings_decides_whose_documents_run(
    running_stack: RunningStack, environment: str, code: str
) -> None:
    """The wiring of the api itself, with the settings of a running one."""
    settings = load(running_stack.home / "settings" / "api.toml", ApiSettings)
    assert settings.channels is not None
    public = msgspec.structs.replace(settings.channels, private_addresses=False, ca_file=None)
    parts = parts_of(msgspec.structs.replace(settings, environment=environment, channels=public))
    endpoint, _ = endpoints_of(parts, gateway=None)  # type: ignore[arg-type]  # nobody calls
    try:
        endpoint._documents.find("{ __typename }", None)
    except RequestRefused as refused:
        found = refused.code
    else:
        found = "none"
    assert found == code
