"""Sessions, devices and versions of apps in the schema: what is asked, what is answered."""

from typing import Any

import pytest

from foundation.errors import IdempotencyMismatch, InvalidInput, NotFound
from tests.graphql_schema.conftest import IDEMPOTENCY_KEY, Api
from tests.graphql_schema.fakes import ROW_ID


def given(**members: Any) -> dict[str, Any]:
    return {"input": {**members, "idempotencyKey": IDEMPOTENCY_KEY}}


@pytest.fixture
def session_id(api: Api) -> str:
    return api.codecs.global_ids.of_uuid("Session", ROW_ID)


def test_sessions_have_opaque_ids_and_pages(api: Api, session_id: str) -> None:
    page = api.run("Sessions")["sessions"]
    assert (page["edges"][0]["node"]["id"], page["pageInfo"]["hasNextPage"]) == (session_id, True)


def test_cursor_of_sessions_is_of_this_list_alone(api: Api) -> None:
    after = api.run("Sessions")["sessions"]["pageInfo"]["endCursor"]
    answer = api.post("query($a: String) { devices(after: $a) { edges { cursor } } }", {"a": after}).json()
    assert answer["errors"][0]["extensions"]["code"] == InvalidInput.code


@pytest.mark.parametrize(
    ("first", "code"),
    [
        (0, InvalidInput.code),
        (-1, InvalidInput.code),
        (101, InvalidInput.code),
        (9_999, "graphql.too_costly"),
    ],
)
@pytest.mark.parametrize("field", ["sessions", "devices"])
def test_page_outside_its_limits_is_refused(api: Api, field: str, first: int, code: str) -> None:
    answer = api.post(f"{{ {field}(first: {first}) {{ edges {{ cursor }} }} }}").json()
    assert answer["errors"][0]["extensions"]["code"] == code


def test_devices_say_what_the_app_says(api: Api) -> None:
    node = api.run("Devices")["devices"]["edges"][0]["node"]
    assert (node["id"], node["network"], node["state"]) == ("k" * 43, "INTERNET", "ENROLLED")


def test_officials_have_them_too(api: Api) -> None:
    assert api.run("Devices", who="minh")["devices"]["edges"][0]["node"]["name"] == "iPhone17,3"


def test_nobody_has_none(api: Api) -> None:
    answer = api.post("{ sessions { edges { cursor } } }", who=None)
    assert answer.status_code == 401


def test_a_session_is_ended_by_its_opaque_id(api: Api, session_id: str) -> None:
    payload = api.run("EndSession", given(session=session_id))["endSession"]
    (call,) = api.services.calls
    assert (payload["__typename"], call[0], call[2]) == ("SessionEnded", "end_session", ROW_ID)


@pytest.mark.parametrize("session", ["", "x", "U2Vzc2lvbjox", "zqvYdkclRdnLRHAaFMhXTINU", "A" * 300])
def test_what_is_no_id_of_a_session_is_invalid_and_recorded(api: Api, session: str) -> None:
    payload = api.run("EndSession", given(session=session))["endSession"]
    assert (payload["code"], api.gateway.codes, api.services.calls) == (
        InvalidInput.code,
        [InvalidInput.code],
        [],
    )


def test_id_of_another_kind_is_no_session(api: Api) -> None:
    other = api.codecs.global_ids.of_uuid("Media", ROW_ID)
    assert api.run("EndSession", given(session=other))["endSession"]["code"] == InvalidInput.code


@pytest.mark.parametrize("except_this", [True, False])
def test_all_sessions_are_ended(api: Api, except_this: bool) -> None:
    payload = api.run("EndAllSessions", given(exceptThis=except_this))["endAllSessions"]
    (call,) = api.services.calls
    assert (payload["__typename"], payload["exceptThis"], call[2]) == (
        "SessionsEnded",
        except_this,
        except_this,
    )


@pytest.mark.parametrize("refusal", [NotFound(), IdempotencyMismatch()])
@pytest.mark.parametrize(
    ("document", "method", "field"),
    [
        ("RenameDevice", "rename", "renameDevice"),
        ("ReportLostDevice", "report_lost", "reportLostDevice"),
    ],
)
def test_refusals_of_devices_are_members_of_the_payload(
    api: Api, document: str, method: str, field: str, refusal: Any
) -> None:
    api.services.answers[method] = refusal
    members = {"device": "k" * 43, **({"name": "Máy"} if document == "RenameDevice" else {})}
    assert api.run(document, given(**members))[field]["code"] == refusal.code


def test_versions_of_apps_are_public(api: Api) -> None:
    releases = api.run("AppReleases", who=None)["appReleases"]
    assert releases == [
        {
            "name": "ihanoi-app",
            "minimum": "1.0.0",
            "recommended": "1.2.0",
            "store": "https://store.example/ihanoi",
        }
    ]
