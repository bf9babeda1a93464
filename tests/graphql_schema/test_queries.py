"""Each query asks its one service and shows what it said."""

import pytest

from backend.reports.types import ReportState
from foundation.errors import Forbidden, NotFound
from foundation.identity.principal import AnonymousPrincipal, CitizenPrincipal, OfficialPrincipal
from foundation.ids import GlobalIds
from tests.graphql_schema.conftest import Api
from tests.graphql_schema.fakes import CITIZEN_ID, CODE


def test_citizen_sees_own_reports_in_ha_noi_time(api: Api) -> None:
    found = api.run("MyReports")["myReports"]["edges"][0]["node"]
    assert found == {
        "id": GlobalIds.of_code("Report", CODE),
        "code": CODE,
        "shownCode": "0123-4567-89AB-CDEF",
        "categoryCode": "lighting",
        "ward": {"code": "00070", "name": "Phường Hoàn Kiếm"},
        "handler": {"code": "00070", "name": "Phường Hoàn Kiếm"},
        "place": "Số 1 Tràng Tiền",
        "body": "Đèn đường hỏng",
        "state": "RECEIVED",
        "mergedInto": None,
        "version": 1,
        "createdAt": "2026-07-01T10:00:00+07:00",
        "updatedAt": "2026-07-01T10:00:00+07:00",
    }


def test_my_reports_asks_for_the_citizen_of_the_token(api: Api) -> None:
    api.run("MyReports", {"first": 5})
    ((name, principal, page),) = api.services.calls
    assert (name, type(principal), principal.session.sub, page.first, page.after) == (
        "mine",
        CitizenPrincipal,
        "lan",
        5,
        None,
    )


def test_unit_reports_pass_units_state_and_search_on(api: Api) -> None:
    asked = {"units": ["00070"], "state": "IN_PROGRESS", "search": "đèn đường"}
    api.run("UnitReports", asked, who="minh")
    ((name, principal, page, units, state, search),) = api.services.calls
    assert (name, type(principal), page.first, units, state, search) == (
        "of_units",
        OfficialPrincipal,
        20,
        ("00070",),
        ReportState.IN_PROGRESS,
        "đèn đường",
    )


def test_report_is_found_by_the_code_as_typed(api: Api) -> None:
    api.run("Report", {"code": "oi23-4567 89ab-cdef"})
    calls = [call[0::2] for call in api.services.calls]
    assert calls == [("one", CODE), ("of_reports", (CODE,)), ("timelines", (CODE,))]


def test_report_shows_its_timeline(api: Api) -> None:
    found = api.run("Report", {"code": CODE})["report"]
    assert found["timeline"] == [
        {
            "version": 1,
            "at": "2026-07-01T10:00:00+07:00",
            "step": "SUBMITTED",
            "fromState": None,
            "toState": "RECEIVED",
            "unit": {"code": "00070", "name": "Phường Hoàn Kiếm"},
            "actor": "CITIZEN",
            "note": None,
            "stars": None,
        }
    ]


def test_absent_report_is_not_found(api: Api) -> None:
    api.services.answers["one"] = NotFound()
    assert api.run("Report", {"code": CODE})["report"] == {
        "__typename": "NotFound",
        "code": "common.not_found",
        "message": "Not found. Please check the code.",
    }


def test_code_that_cannot_be_one_is_invalid_and_recorded(api: Api) -> None:
    found = api.run("Report", {"code": "U" * 16})["report"]
    assert (found["__typename"], api.services.calls, api.gateway.codes) == (
        "InvalidInput",
        [],
        ["common.invalid_input"],
    )


def test_tracking_runs_without_a_token_as_nobody(api: Api) -> None:
    found = api.run("TrackReport", {"code": CODE}, who=None)["trackReport"]
    assert (found["state"], type(api.services.calls[0][1])) == ("RECEIVED", AnonymousPrincipal)


def test_tracking_with_a_token_runs_as_that_person(api: Api) -> None:
    api.run("TrackReport", {"code": CODE}, who="lan")
    assert isinstance(api.services.calls[0][1], CitizenPrincipal)


def test_viewer_of_a_citizen_has_an_opaque_id(api: Api) -> None:
    found = api.run("Viewer")["viewer"]
    assert found == {
        "__typename": "Citizen",
        "id": api.codecs.global_ids.of_uuid("Citizen", CITIZEN_ID),
        "signIn": {"level": "aal1", "signedInAt": "2026-07-01T10:00:00+07:00"},
    }


def test_viewer_of_an_official_has_name_unit_and_duties(api: Api) -> None:
    assert api.run("Viewer", who="minh")["viewer"] == {
        "__typename": "Official",
        "name": "Trần Văn Minh",
        "unit": {"code": "00070", "name": "Phường Hoàn Kiếm"},
        "duties": [{"kind": "handler", "unitCode": "00070"}],
        "signIn": {"level": "aal2", "signedInAt": "2026-07-01T10:00:00+07:00"},
    }


@pytest.mark.parametrize(("language", "name"), [("vi", "Chiếu sáng"), ("en", "Lighting")])
def test_categories_are_named_in_the_language_asked_for(api: Api, language: str, name: str) -> None:
    found = api.run("Categories", who=None, language=language)["categories"]
    assert found == [{"id": GlobalIds.of_code("Category", "lighting"), "code": "lighting", "name": name}]


def test_units_pass_kind_search_and_page_on(api: Api) -> None:
    found = api.run("Units", {"kind": "WARD", "search": "hoan", "first": 3}, who=None)["units"]
    assert found["edges"][0]["node"] == {
        "id": GlobalIds.of_code("Unit", "00070"),
        "code": "00070",
        "name": "Phường Hoàn Kiếm",
        "kind": "WARD",
        "parentCode": "C0001",
    }
    assert api.services.calls[0][2:] == ("ward", "hoan", 3, None, False)


def test_inbox_names_its_subject_by_global_id(api: Api) -> None:
    found = api.run("Inbox")["inbox"]["edges"][0]["node"]
    assert (found["kind"], found["subjectId"]) == ("report.accepted", GlobalIds.of_code("Report", CODE))


@pytest.mark.parametrize(
    ("kind", "code", "call"),
    [("Report", CODE, "one"), ("Unit", "00070", "unit"), ("Category", "lighting", "categories")],
)
def test_node_finds_what_the_id_names(api: Api, kind: str, code: str, call: str) -> None:
    global_id = GlobalIds.of_code(kind, code)
    found = api.run("Node", {"id": global_id})["node"]
    assert (found["__typename"], found["id"], api.services.names) == (kind, global_id, [call])


@pytest.mark.parametrize("kind", ["Report", "Unit"])
def test_node_that_is_hidden_is_null(api: Api, kind: str) -> None:
    api.services.answers |= {"one": NotFound(), "unit": NotFound()}
    code = {"Report": CODE, "Unit": "00070"}[kind]
    assert api.run("Node", {"id": GlobalIds.of_code(kind, code)})["node"] is None


@pytest.mark.parametrize("global_id", ["", "!", "UmVwb3J0", GlobalIds.of_code("Person", "lan")])
def test_node_id_that_names_nothing_of_ours_is_invalid(api: Api, global_id: str) -> None:
    answer = api.post("query($id: ID!) { node(id: $id) { id } }", {"id": global_id}).json()
    assert answer == {
        "data": {"node": None},
        "errors": [
            {
                "message": "The value of “id” is not valid. Please correct it and send again.",
                "path": ["node"],
                "extensions": {"code": "common.invalid_input", "requestId": "request-1", "field": "id"},
            }
        ],
    }


@pytest.mark.parametrize(
    ("document", "who"),
    [("{ myReports { edges { cursor } } }", "minh"), ("{ unitReports { edges { cursor } } }", "lan")],
)
def test_list_of_the_other_kind_of_person_is_forbidden_and_recorded(
    api: Api, document: str, who: str
) -> None:
    answer = api.post(document, who=who).json()
    assert (answer["errors"][0]["extensions"]["code"], api.services.calls, api.gateway.codes) == (
        Forbidden.code,
        [],
        [Forbidden.code],
    )


@pytest.mark.parametrize("first", [0, 101, -1])
def test_page_size_outside_1_to_100_is_invalid(api: Api, first: int) -> None:
    answer = api.post("query($n: Int!) { myReports(first: $n) { edges { cursor } } }", {"n": first}).json()
    assert answer["errors"][0]["extensions"]["field"] == "first"
