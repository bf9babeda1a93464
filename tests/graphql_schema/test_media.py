"""Files of reports in GraphQL: shown with a report, released and taken back."""

import pytest

from foundation.errors import Forbidden, VersionConflict
from tests.graphql_schema.conftest import Api
from tests.graphql_schema.fakes import PHOTO, ROW_ID

LIST = "{ myReports { edges { node { code media { id path state sizes } } } } }"
CHANGE = """mutation($input: MediaInput!) { %s(input: $input) {
  __typename ... on MediaChanged { media reportCode version state } ... on Problem { code } } }"""


def _id(api: Api) -> str:
    return api.codecs.global_ids.of_uuid("Media", ROW_ID)


def _input(api: Api, **given: object) -> dict[str, object]:
    return {"input": {"media": _id(api), "expectedVersion": 1, "idempotencyKey": "k" * 16, **given}}


def test_files_of_a_list_are_one_call_and_name_where_they_are_read(api: Api) -> None:
    (edge,) = api.post(LIST).json()["data"]["myReports"]["edges"]
    (file,) = edge["node"]["media"]
    assert (file, api.services.names) == (
        {
            "id": _id(api),
            "path": f"/media/{_id(api)}",
            "state": "PRIVATE",
            "sizes": ["THUMB", "LARGE", "FULL"],
        },
        ["mine", "of_reports"],
    )


def test_public_page_shows_what_was_released(api: Api) -> None:
    api.services.answers["released"] = (PHOTO,)
    query = 'query { trackReport(code: "0123456789ABCDEF") { ... on PublicReport { media { path } } } }'
    answer = api.post(query, who=None).json()
    assert answer["data"]["trackReport"]["media"] == [{"path": f"/media/{_id(api)}"}]


@pytest.mark.parametrize(
    ("field", "method", "state"),
    [("releaseMedia", "release", "RELEASED"), ("withdrawMedia", "withdraw", "PRIVATE")],
)
def test_officer_changes_who_sees_a_file(api: Api, field: str, method: str, state: str) -> None:
    answer = api.post(CHANGE % field, _input(api), who="minh").json()["data"][field]
    assert (answer["state"], api.services.names) == (state, [method])


@pytest.mark.parametrize("field", ["releaseMedia", "withdrawMedia"])
def test_citizen_is_refused_before_any_service(api: Api, field: str) -> None:
    answer = api.post(CHANGE % field, _input(api), who="lan").json()["data"][field]
    assert (answer["code"], api.services.names) == ("common.forbidden", [])


@pytest.mark.parametrize("media", ["", "x", "Report:0000000000000000", "A" * 200])
def test_id_of_something_else_is_an_invalid_input(api: Api, media: str) -> None:
    answer = api.post(CHANGE % "releaseMedia", _input(api, media=media), who="minh").json()
    assert answer["data"]["releaseMedia"]["code"] == "common.invalid_input"


@pytest.mark.parametrize(
    ("refusal", "code"),
    [(Forbidden(), "common.forbidden"), (VersionConflict(4), "common.version_conflict")],
)
def test_refusals_are_members_of_the_payload(api: Api, refusal: Exception, code: str) -> None:
    api.services.answers["release"] = refusal
    answer = api.post(CHANGE % "releaseMedia", _input(api), who="minh").json()["data"]["releaseMedia"]
    assert answer["code"] == code
