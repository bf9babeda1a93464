"""Random documents and bodies: no 5xx, no traceback, no masked fault, nothing half-written."""

import json
from collections.abc import Iterator

import orjson
import pytest
import schemathesis
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis_graphql import nodes

from security_tests.attacks.fuzzed_api import FuzzedApi
from stack.home import ROOT
from tests.backend.world import HOAN_KIEM
from tests.conftest import Database

SDL = (ROOT / "mobile_contract" / "schema.graphql").read_text(encoding="utf-8")
FUZZ = settings(
    max_examples=150,
    deadline=None,
    derandomize=True,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large, HealthCheck.filter_too_much],
)
CODES = ["0" * 16, "not-a-code", "", HOAN_KIEM]

schemathesis.graphql.scalar("Base64", st.sampled_from(["AQ==", "", "no base64"]).map(nodes.String))
schemathesis.graphql.scalar("Date", st.just("2026-11-24").map(nodes.String))
schemathesis.graphql.scalar("DateTime", st.just("2026-11-24T12:00:00+07:00").map(nodes.String))


@pytest.fixture
def api(database: Database) -> Iterator[FuzzedApi]:
    api = FuzzedApi(database)
    yield api
    api.close()


def check(answer: tuple[int, bytes]) -> None:
    """An answer as a client may get it: no fault of ours, none of our insides."""
    status, body = answer
    assert status < 500, body
    text = body.decode("utf-8")
    assert "common.internal" not in text
    assert "Traceback" not in text
    assert "sqlalchemy" not in text.lower()
    assert "asyncpg" not in text.lower()
    json.loads(text)


@pytest.mark.parametrize("name", ["lan", "minh", "quang", "phuong", "nga", "nobody"])
def test_schemathesis_finds_no_fault(api: FuzzedApi, name: str) -> None:
    api.become(name)
    schema = schemathesis.graphql.from_file(SDL)

    @FUZZ
    @given(case=schema.as_strategy())
    def one(case: schemathesis.Case) -> None:
        body = case.body if isinstance(case.body, str) else case.body["query"]
        check(api.ask(body))

    one()
    assert api.is_consistent()


TEXTS = st.one_of(
    st.text(max_size=60),
    st.sampled_from(["\x00", "\ud800", "' OR 1=1 --", "🌊" * 50, "a" * 5000, "{{7*7}}", "%s%n", "\u202eđảo"]),
)


def test_random_values_in_every_input_of_a_submission_leave_nothing_half_written(api: FuzzedApi) -> None:
    api.become("lan")
    document = """mutation S($input: SubmitReportInput!) { submitReport(input: $input) {
      __typename ... on Problem { code message } } }"""
    values = st.one_of(TEXTS, st.none(), st.booleans(), st.integers(), st.floats(), st.lists(st.integers()))

    @FUZZ
    @given(
        st.fixed_dictionaries(
            {
                "category": st.one_of(st.just("road"), values),
                "ward": st.one_of(st.just(HOAN_KIEM), values),
                "place": st.one_of(st.just("Ngõ 1"), values),
                "body": st.one_of(st.just("Ổ gà"), values),
                "idempotencyKey": st.one_of(st.text("abcdef", min_size=16, max_size=64), values),
            },
            optional={"latitude": values, "longitude": values, "unknown": values},
        )
    )
    def one(given_input: dict[str, object]) -> None:
        body = json.dumps({"query": document, "variables": {"input": given_input}})
        check(api.post(body.encode("utf-8", "surrogatepass")))

    one()
    assert api.is_consistent()


def test_random_steps_on_a_real_report_leave_nothing_half_written(api: FuzzedApi) -> None:
    api.become("lan")
    code = api.runner.run(api.world.submitted()).code
    api.become("minh")
    steps = {
        "acceptReport": "",
        "forwardReport": "toUnit: {text} note: {text}",
        "askCitizen": "question: {text}",
        "answerReport": "text: {text}",
        "closeReport": "reason: RESOLVED note: {text}",
    }

    @FUZZ
    @given(st.sampled_from(sorted(steps)), TEXTS, st.integers(-(2**31), 2**31 - 1) | st.integers(0, 5))
    def one(step: str, text: str, version: int) -> None:
        quoted = json.dumps(text)
        key = json.dumps(f"key-{abs(hash((step, text, version))):020d}")
        fields = f'code: "{code}" expectedVersion: {version} idempotencyKey: {key} '
        query = (
            f"mutation {{ {step}(input: {{{fields}{steps[step].format(text=quoted)}}}) {{ __typename }} }}"
        )
        check(api.post(json.dumps({"query": query}).encode()))

    one()
    assert api.is_consistent()


@FUZZ
@given(st.binary(max_size=200))
def fuzz_bodies(api: FuzzedApi, body: bytes) -> None:
    check(api.post(body))


def test_random_octets_are_refused(api: FuzzedApi) -> None:
    fuzz_bodies(api)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=10), inner, max_size=4),
    max_leaves=12,
)


def test_random_json_is_refused(api: FuzzedApi) -> None:
    api.become("lan")
    members = {"query": st.one_of(st.just("{ viewer { __typename } }"), JSON)}
    optional = dict.fromkeys(("variables", "operationName", "extensions", "documentId", "id"), JSON)

    @FUZZ
    @given(st.one_of(JSON, st.fixed_dictionaries(members, optional=optional)))
    def one(value: object) -> None:
        check(api.post(json.dumps(value).encode("utf-8", "surrogatepass")))

    one()


@pytest.mark.parametrize("depth", [50, 5_000, 100_000])
def test_nested_body_is_refused(api: FuzzedApi, depth: int) -> None:
    check(api.post(b"[" * depth + b"]" * depth))


@pytest.mark.parametrize("depth", [13, 200, 3_000])
def test_nested_document_is_refused(api: FuzzedApi, depth: int) -> None:
    api.become("lan")
    status, body = api.post(orjson.dumps({"query": "{" + "a{" * depth + "b" + "}" * depth + "}"}))
    assert (status, b"graphql." in body) == (400, True)


WORDS = '''{ } ( ) query mutation subscription fragment on ... $a : ! [ ] viewer report code node id "x" 1
@skip(if:true) @include __schema __type __typename # , units first edges Report true null = {} """'''
TOKENS = st.sampled_from([*WORDS.split(), "\n"])


def test_random_documents_are_answered_or_refused(api: FuzzedApi) -> None:
    api.become("minh")

    @settings(FUZZ, max_examples=400)
    @given(st.lists(TOKENS, max_size=40).map(" ".join))
    def one(document: str) -> None:
        check(api.ask(document))

    one()
