"""The parsers of the transport on anything: an answer or a refusal, and what is said is what is read."""

import json
from collections.abc import Sequence
from typing import Any
from urllib.parse import quote, urlencode

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from graphql_schema import transport
from graphql_schema.transport import GRAPHQL_JSON, JSON, Headers, TransportRefused

OFFERED = [GRAPHQL_JSON, JSON, "*/*", "application/*"]
WORDS = st.sampled_from([*OFFERED, "text/html", "application/graphql", "", " ", "vi", "en", "*", "fr-FR"])
JUNK = st.text(st.characters(max_codepoint=255), max_size=30)
QUALITIES = st.integers(0, 1000).map(lambda number: f"{number / 1000:g}")
BAD_QUALITIES = st.sampled_from(["nan", "inf", "-1", "1e3", "2", "", "0.0001", "0x1", "1.0000", "٠"])
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=8,
)
MAPS = st.dictionaries(st.text(max_size=8), VALUES, max_size=4)


def header(alternatives: Sequence[tuple[str, str]]) -> str:
    return ", ".join(f"{name};q={quality}" for name, quality in alternatives)


@given(st.one_of(JUNK, st.lists(st.tuples(WORDS | JUNK, QUALITIES | BAD_QUALITIES)).map(header)))
def test_any_accept_header_is_answered_in_one_of_two_media_types_or_refused(accept: str) -> None:
    try:
        chosen = transport.media_type_of(accept)
    except TransportRefused as refused:
        chosen = refused.code
    assert chosen in {GRAPHQL_JSON, JSON, "graphql.not_acceptable"}


@given(st.lists(st.tuples(st.sampled_from(OFFERED), QUALITIES), min_size=1, max_size=6))
def test_media_type_is_of_the_highest_weight_that_is_accepted(alternatives: list[tuple[str, str]]) -> None:
    best = max(float(quality) for _, quality in alternatives)
    assume(best > 0)
    chosen = transport.media_type_of(header(alternatives))
    named = {chosen, "*/*", "application/*"} if chosen == JSON else {chosen}
    assert best in {float(quality) for name, quality in alternatives if name in named}


@given(BAD_QUALITIES, st.sampled_from([GRAPHQL_JSON, JSON]))
def test_media_type_of_an_unreadable_weight_is_not_chosen(quality: str, other: str) -> None:
    accept = f"application/*;q=0.001, {other};q={quality}"
    assert transport.media_type_of(accept) == JSON


@given(st.one_of(JUNK, st.lists(st.tuples(WORDS | JUNK, QUALITIES | BAD_QUALITIES)).map(header)))
def test_any_language_is_one_of_two(accept_language: str) -> None:
    assert transport.language_of(accept_language) in {"vi", "en"}


@given(QUALITIES, QUALITIES)
def test_language_is_of_the_higher_weight(vi: str, en: str) -> None:
    chosen = transport.language_of(f"vi-VN;q={vi}, en-GB;q={en}")
    assert chosen == ("en" if float(en) > float(vi) else "vi")


def _accepted(content_type: str) -> bool:
    try:
        transport.check_content_type(Headers([(b"content-type", content_type.encode("latin-1"))]))
    except transport.UnsupportedMediaType:
        return False
    return True


@given(JUNK)
def test_no_content_type_but_json_is_read(content_type: str) -> None:
    assume(content_type.partition(";")[0].strip().lower() != JSON)
    assert not _accepted(content_type)


@given(st.sampled_from(["utf-8", "UTF-8", '"utf-8"', "utf8"]), st.text(" \t", max_size=3), st.booleans())
def test_json_in_utf_8_is_read_however_it_is_written(charset: str, space: str, more: bool) -> None:
    parameters = f"; profile=x; charset={charset}" if more else f"; charset={charset}"
    assert _accepted(f"{space}Application/JSON{space}{space}{parameters}")


@given(st.text("abcdefghijklmnopqrstuvwxyz0123456789-", min_size=1, max_size=12))
def test_json_in_another_charset_is_not_read(charset: str) -> None:
    assume(charset not in {"utf-8", "utf8"})
    assert not _accepted(f"application/json; charset={charset}")


def _get(query: bytes) -> Any:
    return transport.request_of_query({"query_string": query})  # type: ignore[typeddict-item]  # all that is read


@given(st.binary(max_size=80) | st.lists(st.sampled_from(list(b'query=%&+{}variables[]"\xff;'))).map(bytes))
def test_any_query_string_is_a_request_or_refused(query: bytes) -> None:
    try:
        text = _get(query).query
    except TransportRefused as refused:
        text = refused.code
    assert text is None or isinstance(text, str)


@given(st.text(min_size=1), MAPS, st.text())
def test_request_in_a_query_string_is_read_as_it_was_written(
    query: str, variables: dict[str, Any], name: str
) -> None:
    assume(_is_unicode(query, name, variables))
    members = {"query": query, "variables": json.dumps(variables), "operationName": name}
    request = _get(urlencode(members).encode("ascii"))
    assert (request.query, request.variables, request.operation_name) == (query, variables, name)


@given(st.text(min_size=1), MAPS)
def test_request_in_a_body_is_read_as_it_was_written(query: str, variables: dict[str, Any]) -> None:
    assume(_is_unicode(query, variables))
    body = json.dumps({"query": query, "variables": variables}, ensure_ascii=False).encode()
    request = transport.request_of_body(body)
    assert (request.query, request.variables) == (query, variables)


@given(st.sampled_from(["query", "documentId", "variables", "extensions", "operationName"]), st.text())
def test_member_given_twice_in_a_query_string_is_refused(name: str, value: str) -> None:
    assume(_is_unicode(value))
    pair = f"{name}={quote(value)}"
    with pytest.raises(transport.MalformedRequest):
        _get(f"{pair}&{pair}".encode("ascii"))


@given(st.binary(max_size=60))
def test_any_body_is_a_request_or_refused(body: bytes) -> None:
    try:
        read: object = transport.request_of_body(body)
    except TransportRefused as refused:
        read = refused
    assert isinstance(read, transport.GraphQLRequest | TransportRefused)


def _is_unicode(*values: Any) -> bool:
    """Whether there is no lone surrogate, which UTF-8 can't carry."""
    try:
        json.dumps(values, ensure_ascii=False).encode("utf-8")
    except UnicodeEncodeError:
        return False
    return True
