"""GraphQL over HTTP: methods, media types, statuses, headers."""

import hashlib
import json
from typing import Any

import pytest

from tests.graphql_schema.conftest import OPERATIONS, Api
from tests.graphql_schema.fakes import CODE

GRAPHQL = "application/graphql-response+json"
TRACK = (OPERATIONS / "TrackReport.graphql").read_text()
TRACK_ID = f"sha256:{hashlib.sha256(TRACK.encode()).hexdigest()}"
MINE = (OPERATIONS / "MyReports.graphql").read_text()
MINE_ID = f"sha256:{hashlib.sha256(MINE.encode()).hexdigest()}"
QUESTION = {"documentId": TRACK_ID, "variables": json.dumps({"code": CODE})}


def _code(answer: Any) -> str:
    (error,) = answer.json()["errors"]
    code: str = error["extensions"]["code"]
    return code


# Media types


@pytest.mark.parametrize(
    ("accept", "content_type"),
    [
        (GRAPHQL, GRAPHQL),
        ("application/json", "application/json"),
        ("*/*", "application/json"),
        ("application/*", "application/json"),
        (f"{GRAPHQL}, application/json;q=0.9", GRAPHQL),
        (f"{GRAPHQL};q=0.5, application/json", "application/json"),
        ("text/html, */*;q=0.1", "application/json"),
        ("", "application/json"),
    ],
)
def test_answer_has_the_media_type_that_is_accepted(api: Api, accept: str, content_type: str) -> None:
    answer = api.post("{ __typename }", who=None, accept=accept)
    assert (answer.status_code, answer.headers["content-type"]) == (200, f"{content_type}; charset=utf-8")


def test_answer_is_json_when_nothing_is_accepted_by_name(api: Api) -> None:
    request = api.client.build_request("POST", "/graphql", json={"query": "{ __typename }"})
    del request.headers["accept"]
    assert api.client.send(request).headers["content-type"] == "application/json; charset=utf-8"


@pytest.mark.parametrize("accept", ["text/html", f"{GRAPHQL};q=0", "application/xml, image/*"])
def test_other_media_types_are_not_acceptable(api: Api, accept: str) -> None:
    answer = api.post("{ __typename }", who=None, accept=accept)
    assert (answer.status_code, _code(answer)) == (406, "graphql.not_acceptable")


@pytest.mark.parametrize(
    "content_type",
    [
        "text/plain",
        "application/x-www-form-urlencoded",
        "multipart/form-data; boundary=x",
        "application/json; charset=utf-16",
        "application/jsonp",
        GRAPHQL,
        "",
    ],
)
def test_body_of_another_media_type_is_refused(api: Api, content_type: str) -> None:
    answer = api.client.post(
        "/graphql", content=b'{"query":"{__typename}"}', headers={"content-type": content_type}
    )
    assert (answer.status_code, _code(answer)) == (415, "graphql.unsupported_media_type")


def test_compressed_body_is_refused(api: Api) -> None:
    headers = {"content-type": "application/json", "content-encoding": "gzip"}
    answer = api.client.post("/graphql", content=b"\x1f\x8b", headers=headers)
    assert (answer.status_code, _code(answer)) == (415, "graphql.unsupported_media_type")


@pytest.mark.parametrize("charset", ["", "; charset=utf-8", ';charset="UTF-8"'])
def test_body_is_read_as_utf_8(api: Api, charset: str) -> None:
    body = json.dumps({"query": "query($s: String) { units(search: $s) { edges { cursor } } }",
                       "variables": {"s": "Hoàn Kiếm"}}, ensure_ascii=False)  # fmt: skip
    headers = {"content-type": f"application/json{charset}"}
    api.client.post("/graphql", content=body.encode(), headers=headers)
    assert api.services.calls[0][3] == "Hoàn Kiếm"


# Bodies that are no request


@pytest.mark.parametrize(
    ("body", "status", "code"),
    [
        (b"", 400, "graphql.malformed_json"),
        (b"{", 400, "graphql.malformed_json"),
        (b'{"query": "\xff"}', 400, "graphql.malformed_json"),
        (b"[" * 50_000, 400, "graphql.malformed_json"),
        (b"[]", 422, "graphql.batching"),
        (b'[{"query": "{ __typename }"}]', 422, "graphql.batching"),
        (b"null", 422, "graphql.malformed_request"),
        (b'"{ __typename }"', 422, "graphql.malformed_request"),
        (b"{}", 422, "graphql.malformed_request"),
        (b'{"query": null}', 422, "graphql.malformed_request"),
        (b'{"query": 1}', 422, "graphql.malformed_request"),
        (b'{"query": ["{ __typename }"]}', 422, "graphql.malformed_request"),
        (b'{"query": "{ __typename }", "variables": "x"}', 422, "graphql.malformed_request"),
        (b'{"query": "{ __typename }", "variables": [1]}', 422, "graphql.malformed_request"),
        (b'{"query": "{ __typename }", "operationName": 1}', 422, "graphql.malformed_request"),
        (b'{"query": "{ __typename }", "operationName": "Other"}', 422, "graphql.malformed_request"),
        (b'{"query": "{ __typename }", "extensions": 1}', 422, "graphql.malformed_request"),
        (b'{"query": "{a}", "extensions": {"persistedQuery": 1}}', 422, "graphql.malformed_request"),
        (b'{"query": "{ __typename }", "more": 1}', 422, "graphql.malformed_request"),
    ],
)  # fmt: skip
@pytest.mark.parametrize("accept", [GRAPHQL, "application/json"])
def test_body_that_is_no_request_is_refused(
    api: Api, body: bytes, status: int, code: str, accept: str
) -> None:
    headers = {"content-type": "application/json", "accept": accept}
    answer = api.client.post("/graphql", content=body, headers=headers)
    assert (answer.status_code, _code(answer), "data" in answer.json()) == (status, code, False)


@pytest.mark.parametrize("name", ["variables", "operationName", "extensions"])
def test_optional_members_may_be_null(api: Api, name: str) -> None:
    answer = api.client.post("/graphql", json={"query": "{ __typename }", name: None})
    assert answer.json() == {"data": {"__typename": "Query"}}


def test_too_large_a_body_is_refused_unread(api: Api) -> None:
    headers = {"content-type": "application/json"}
    answer = api.client.post("/graphql", content=b" " * 65_537, headers=headers)
    assert (answer.status_code, _code(answer)) == (413, "graphql.request_too_large")


# Statuses of documents that don't run


@pytest.mark.parametrize(
    ("query", "variables", "code"),
    [
        ("{", None, "graphql.syntax"),
        ("{ nothing }", None, "graphql.validation"),
        ("query($a: Int!) { units(first: $a) { edges { cursor } } }", {"a": "x"}, "graphql.variables"),
        ("query($a: Int!) { units(first: $a) { edges { cursor } } }", None, "graphql.variables"),
    ],
)
@pytest.mark.parametrize(("accept", "status"), [(GRAPHQL, 400), ("application/json", 200)])
def test_document_that_does_not_run_has_its_status_and_no_data(
    api: Api, query: str, variables: dict[str, Any] | None, code: str, accept: str, status: int
) -> None:
    answer = api.post(query, variables, who=None, accept=accept)
    assert (answer.status_code, _code(answer), "data" in answer.json()) == (status, code, False)


@pytest.mark.parametrize("accept", [GRAPHQL, "application/json"])
def test_answer_with_a_failed_field_has_status_200(api: Api, accept: str) -> None:
    api.services.answers["mine"] = RuntimeError
    assert api.post(MINE, accept=accept).status_code == 200


# Methods


@pytest.mark.parametrize("method", ["PUT", "PATCH", "DELETE", "OPTIONS"])
def test_other_methods_are_refused(api: Api, method: str) -> None:
    answer = api.client.request(method, "/graphql")
    assert (answer.status_code, answer.headers["allow"], _code(answer)) == (
        405,
        "GET, POST",
        "graphql.method",
    )


def test_head_is_refused_without_a_body(api: Api) -> None:
    answer = api.client.head("/graphql")
    assert (answer.status_code, answer.content) == (405, b"")


# GET


def test_public_document_runs_by_get(api: Api) -> None:
    answer = api.client.get("/graphql", params=QUESTION)
    assert answer.json()["data"]["trackReport"]["code"] == CODE


def test_public_get_may_be_kept_and_is_asked_for_again(api: Api) -> None:
    headers = api.client.get("/graphql", params=QUESTION).headers
    assert (headers["cache-control"], headers["vary"]) == (
        "public, no-cache",
        "Accept, Accept-Language, Authorization",
    )


@pytest.mark.parametrize("prefix", ["", "W/", '"other", '])
def test_unchanged_public_answer_is_not_sent_again(api: Api, prefix: str) -> None:
    etag = api.client.get("/graphql", params=QUESTION).headers["etag"]
    answer = api.client.get("/graphql", params=QUESTION, headers={"if-none-match": prefix + etag})
    assert (answer.status_code, answer.content, answer.headers["etag"]) == (304, b"", etag)


def test_changed_public_answer_has_another_etag(api: Api) -> None:
    first = api.client.get("/graphql", params=QUESTION).headers["etag"]
    second = api.client.get("/graphql", params={**QUESTION, "variables": '{"code": "bad"}'}).headers["etag"]
    assert first != second


def test_get_with_a_token_is_not_kept(api: Api) -> None:
    answer = api.client.get("/graphql", params=QUESTION, headers={"authorization": "DPoP lan"})
    assert (answer.status_code, answer.headers["cache-control"]) == (200, "no-store")


def test_failed_public_get_is_not_kept(api: Api) -> None:
    api.services.answers["track"] = RuntimeError
    answer = api.client.get("/graphql", params=QUESTION)
    assert (answer.headers["cache-control"], "etag" in answer.headers) == ("no-store", False)


@pytest.mark.parametrize("authorization", [{}, {"authorization": "DPoP lan"}])
@pytest.mark.parametrize("name", ["MyReports", "AcceptReport"])
def test_get_of_what_is_not_public_is_refused(api: Api, name: str, authorization: dict[str, str]) -> None:
    text = (OPERATIONS / f"{name}.graphql").read_text()
    question = {"documentId": f"sha256:{hashlib.sha256(text.encode()).hexdigest()}"}
    answer = api.client.get("/graphql", params=question, headers={**authorization, "accept": GRAPHQL})
    assert (answer.status_code, _code(answer), api.services.calls) == (405, "graphql.get_is_public_only", [])


@pytest.mark.parametrize(
    ("query", "status", "code"),
    [
        ("", 422, "graphql.malformed_request"),
        ("documentId", 422, "graphql.malformed_request"),
        (f"documentId={TRACK_ID}&documentId={TRACK_ID}", 422, "graphql.malformed_request"),
        (f"documentId={TRACK_ID}&more=1", 422, "graphql.malformed_request"),
        (f"documentId={TRACK_ID}&variables=x", 400, "graphql.malformed_json"),
        (f"documentId={TRACK_ID}&variables=1", 422, "graphql.malformed_request"),
        (f"documentId={TRACK_ID}&variables=%ff", 422, "graphql.malformed_request"),
        ("a=1&b=2&c=3&d=4&e=5", 422, "graphql.malformed_request"),
    ],
)
def test_get_that_is_no_request_is_refused(api: Api, query: str, status: int, code: str) -> None:
    answer = api.client.get(f"/graphql?{query}")
    assert (answer.status_code, _code(answer)) == (status, code)


# Documents by id


@pytest.mark.parametrize(
    "members",
    [
        {"documentId": TRACK_ID},
        {"extensions": {"persistedQuery": {"version": 1, "sha256Hash": TRACK_ID[7:]}}},
        {
            "documentId": TRACK_ID,
            "extensions": {"persistedQuery": {"version": 1, "sha256Hash": TRACK_ID[7:]}},
        },
        {"documentId": TRACK_ID, "query": TRACK},
    ],
)
def test_trusted_document_runs_by_its_id(production: Api, members: dict[str, Any]) -> None:
    answer = production.post(variables={"code": CODE}, who=None, **members)
    assert answer.json()["data"]["trackReport"]["code"] == CODE


@pytest.mark.parametrize(
    "document_id", ["", "x", TRACK_ID.upper(), TRACK_ID[7:], "sha256:" + "0" * 64, f"{TRACK_ID}\n"]
)
def test_unknown_document_is_refused_and_recorded(production: Api, document_id: str) -> None:
    answer = production.post(documentId=document_id, who=None)
    assert (answer.status_code, _code(answer), production.gateway.codes) == (
        400,
        "graphql.unknown_document",
        ["graphql.unknown_document"],
    )


def test_document_of_ones_own_is_refused_in_production(production: Api) -> None:
    answer = production.post("{ categories { code } }", who=None)
    assert (_code(answer), production.services.calls) == ("graphql.unknown_document", [])


@pytest.mark.parametrize(
    "document", ["{ __schema { types { name } } }", '{ __type(name: "Report") { name } }']
)
def test_introspection_is_refused_in_production(production: Api, document: str) -> None:
    assert _code(production.post(document)) == "graphql.unknown_document"


def test_trusted_document_that_introspects_stops_the_start() -> None:
    from graphql_schema.execution.documents import DocumentInvalid, Documents
    from graphql_schema.limits import Limits
    from tests.graphql_schema.conftest import SCHEMA

    text = "{ __schema { types { name } } }"
    with pytest.raises(DocumentInvalid):
        Documents(SCHEMA._schema, trusted=[text], only_trusted=True, limits=Limits())


def test_text_with_another_hash_than_its_id_is_refused(api: Api) -> None:
    answer = api.post("{ categories { code } }", documentId=TRACK_ID, who=None)
    assert (_code(answer), api.services.calls) == ("graphql.document_mismatch", [])


def test_two_ids_that_differ_are_refused(api: Api) -> None:
    persisted = {"persistedQuery": {"version": 1, "sha256Hash": MINE_ID[7:]}}
    answer = api.post(documentId=TRACK_ID, extensions=persisted)
    assert (answer.status_code, _code(answer)) == (422, "graphql.malformed_request")


def test_validation_does_not_suggest_names(api: Api) -> None:
    answer = api.post("{ categoris { code } }", who=None)
    assert answer.json()["errors"][0]["message"] == "Cannot query field 'categoris' on type 'Query'."


# Headers of every answer


@pytest.mark.parametrize(
    ("method", "content"),
    [("POST", b'{"query":"{__typename}"}'), ("POST", b"{"), ("PUT", b""), ("GET", b"")],
)
def test_every_answer_has_a_request_id_and_is_not_stored(api: Api, method: str, content: bytes) -> None:
    headers = {"content-type": "application/json", "x-request-id": "chosen-by-the-caller"}
    answer = api.client.request(method, "/graphql", content=content, headers=headers)
    assert (answer.headers["x-request-id"], answer.headers["cache-control"]) == ("request-1", "no-store")


@pytest.mark.parametrize(
    ("header", "language"),
    [
        ("en", "en"),
        ("en-GB,en;q=0.9", "en"),
        ("vi-VN", "vi"),
        ("en;q=0.3, vi;q=0.8", "vi"),
        ("fr, en;q=0.1", "en"),
        ("en;q=0", "vi"),
        ("en;q=nan", "vi"),
        ("fr", "vi"),
        ("", "vi"),
    ],
)
def test_language_is_the_preferred_of_two(api: Api, header: str, language: str) -> None:
    api.post("{ __typename }", who="lan", language=header)
    assert api.gateway.seen[0].language == language
