"""What makes two requests the same for idempotency."""

import hashlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from foundation.errors import InvalidInput
from graphql_schema.execution.body_digest import body_digest
from tests.graphql_schema.conftest import IDEMPOTENCY_KEY, OPERATIONS, Api
from tests.graphql_schema.test_changes import STEP

DOCUMENT = "sha256:" + "0" * 64


def test_digest_is_over_document_id_and_canonical_variables() -> None:
    given = {"input": {"b": "Đ", "a": 1.0, "idempotencyKey": "k"}, "idempotencyKey": "k"}
    expected = hashlib.sha256((DOCUMENT + '{"input":{"a":1,"b":"Đ"}}').encode()).digest()
    assert body_digest(DOCUMENT, given) == expected


@given(st.dictionaries(st.text(max_size=5), st.integers(0, 9) | st.text(max_size=5), max_size=5))
def test_order_of_members_does_not_matter(members: dict[str, int | str]) -> None:
    backwards = dict(reversed(members.items()))
    assert body_digest(DOCUMENT, {"input": members}) == body_digest(DOCUMENT, {"input": backwards})


@pytest.mark.parametrize("variables", [{"input": {"a": 2}}, {"input": {"a": "1"}}, {"other": {"a": 1}}, {}])
def test_other_variables_have_another_digest(variables: dict[str, object]) -> None:
    assert body_digest(DOCUMENT, variables) != body_digest(DOCUMENT, {"input": {"a": 1}})


def test_other_document_has_another_digest() -> None:
    assert body_digest(DOCUMENT, {}) != body_digest("sha256:" + "1" * 64, {})


@pytest.mark.parametrize("value", [2**53, "\ud800"])
def test_what_rfc_8785_cannot_write_is_invalid(value: object) -> None:
    with pytest.raises(InvalidInput):
        body_digest(DOCUMENT, {"input": {"a": value}})


def _digest(api: Api, **changes: object) -> bytes:
    api.services.calls.clear()
    api.run("AcceptReport", {"input": {**STEP, **changes}}, who="minh")
    digest: bytes = api.services.calls[0][-1].body_digest
    return digest


def test_same_body_by_id_and_by_text_has_the_same_digest(api: Api) -> None:
    text = (OPERATIONS / "AcceptReport.graphql").read_text()
    by_text = _digest(api)
    api.services.calls.clear()
    api.post(
        variables={"input": STEP},
        who="minh",
        documentId=f"sha256:{hashlib.sha256(text.encode()).hexdigest()}",
    )
    assert api.services.calls[0][-1].body_digest == by_text


def test_other_key_with_the_same_body_has_the_same_digest(api: Api) -> None:
    assert _digest(api, idempotencyKey=IDEMPOTENCY_KEY[::-1]) == _digest(api)


def test_other_version_has_another_digest(api: Api) -> None:
    assert _digest(api, expectedVersion=4) != _digest(api)
