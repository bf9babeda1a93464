"""Each mutation is one service call; each refusal is a member of its payload, in both languages."""

from collections.abc import MutableMapping
from typing import Any

import pytest

from backend.reports.errors import IllegalTransition, SameUnit, UnknownUnit
from backend.reports.types import ClosingReason, Submission
from backend.routing.errors import UnknownCategory, UnknownWard
from foundation.errors import (
    Forbidden,
    IdempotencyMismatch,
    InvalidInput,
    NotFound,
    Refusal,
    VersionConflict,
)
from foundation.policy.errors import PolicyDenied
from tests.graphql_schema.conftest import IDEMPOTENCY_KEY, OPERATIONS, Api
from tests.graphql_schema.fakes import CODE

STEP = {"code": CODE, "expectedVersion": 3, "idempotencyKey": IDEMPOTENCY_KEY}
SUBMISSION = {
    "category": "lighting",
    "ward": "00070",
    "place": "Số 1 Tràng Tiền",
    "body": "Đèn đường hỏng",
    "idempotencyKey": IDEMPOTENCY_KEY,
}
# Document, who, its input, the service's method, what the method gets between the principal and the key.
CHANGES: list[tuple[str, str, dict[str, Any], str, tuple[Any, ...]]] = [
    (
        "SubmitReport",
        "lan",
        SUBMISSION,
        "submit",
        (Submission("lighting", "00070", "Số 1 Tràng Tiền", "Đèn đường hỏng"),),
    ),
    ("AcceptReport", "minh", STEP, "accept", (CODE, 3)),
    ("ForwardReport", "minh", {**STEP, "toUnit": "D0001", "note": "n"}, "forward", (CODE, 3, "D0001", "n")),
    ("AskCitizen", "minh", {**STEP, "question": "q?"}, "ask", (CODE, 3, "q?")),
    ("ReplyToQuestion", "lan", {**STEP, "text": "t"}, "reply", (CODE, 3, "t")),
    ("AnswerReport", "minh", {**STEP, "text": "t"}, "answer", (CODE, 3, "t")),
    (
        "CloseReport",
        "minh",
        {**STEP, "reason": "NO_REPLY"},
        "close",
        (CODE, 3, ClosingReason.NO_REPLY, None, None),
    ),
    ("AddToReport", "lan", {**STEP, "text": "a"}, "add", (CODE, 3, "a")),
    ("WithdrawReport", "lan", STEP, "take_back", (CODE, 3, None)),
    ("RateReport", "lan", {**STEP, "stars": 4}, "rate", (CODE, 3, 4, None)),
    ("ReopenReport", "lan", {**STEP, "note": "a"}, "reopen", (CODE, 3, "a")),
]
IDS = [change[0] for change in CHANGES]
by_change = pytest.mark.parametrize(("name", "who", "given", "method", "passed"), CHANGES, ids=IDS)

COMMON: list[tuple[Refusal, dict[str, Any]]] = [
    (Forbidden(), {"__typename": "Forbidden"}),
    (PolicyDenied(("report-work",)), {"__typename": "Forbidden"}),
    (InvalidInput("note"), {"__typename": "InvalidInput", "field": "note"}),
    (IdempotencyMismatch(), {"__typename": "IdempotencyMismatch"}),
]
ON_A_REPORT: list[tuple[Refusal, dict[str, Any]]] = [
    (NotFound(), {"__typename": "NotFound"}),
    (VersionConflict(7), {"__typename": "VersionConflict", "currentVersion": 7}),
    (
        IllegalTransition("in_progress", "accepted"),
        {"__typename": "IllegalTransition", "state": "IN_PROGRESS", "step": "ACCEPTED"},
    ),
]
OF_SUBMIT = [
    (UnknownCategory(), {"__typename": "UnknownCategory"}),
    (UnknownWard(), {"__typename": "UnknownWard"}),
]
OF_FORWARD = [(SameUnit(), {"__typename": "SameUnit"}), (UnknownUnit(), {"__typename": "UnknownUnit"})]


def _members(name: str) -> list[tuple[Refusal, dict[str, Any]]]:
    own = {"SubmitReport": OF_SUBMIT, "ForwardReport": [*ON_A_REPORT, *OF_FORWARD]}
    return [*COMMON, *own.get(name, ON_A_REPORT)]


REFUSALS = [
    pytest.param(*change[:4], refusal, member, id=f"{change[0]}-{type(refusal).__name__}")
    for change in CHANGES
    for refusal, member in _members(change[0])
]


def _field(name: str) -> str:
    return name[0].lower() + name[1:]


@by_change
def test_change_is_one_service_call_with_the_key(
    api: Api, name: str, who: str, given: dict[str, Any], method: str, passed: tuple[Any, ...]
) -> None:
    api.run(name, {"input": given}, who=who)
    called, principal, *rest, idempotency = api.services.calls[0]
    assert (called, principal.session.sub, tuple(rest), idempotency.key) == (
        method,
        who,
        passed,
        IDEMPOTENCY_KEY,
    )


@by_change
def test_success_carries_the_report_read_again(
    api: Api, name: str, who: str, given: dict[str, Any], method: str, passed: tuple[Any, ...]
) -> None:
    payload = api.run(name, {"input": given}, who=who)[_field(name)]
    assert (
        payload["__typename"],
        payload["version"],
        payload["report"]["shownCode"],
        api.services.names,
    ) == (
        "ReportChanged",
        2,
        "0123-4567-89AB-CDEF",
        [method, "one", "timelines"],
    )


@pytest.mark.parametrize("language", ["vi", "en"])
@pytest.mark.parametrize(("name", "who", "given", "method", "refusal", "member"), REFUSALS)
def test_refusal_is_a_member_of_the_payload(
    api: Api,
    name: str,
    who: str,
    given: dict[str, Any],
    method: str,
    refusal: Refusal,
    member: dict[str, Any],
    language: str,
) -> None:
    api.services.answers[method] = refusal
    payload = api.run(name, {"input": given}, who=who, language=language)[_field(name)]
    assert payload == {**member, "code": refusal.code, "message": refusal.message(language)}


@by_change
def test_refusal_of_a_service_is_not_recorded_twice(
    api: Api, name: str, who: str, given: dict[str, Any], method: str, passed: tuple[Any, ...]
) -> None:
    api.services.answers[method] = Forbidden()
    api.run(name, {"input": given}, who=who)
    assert api.gateway.refusals == []


@by_change
def test_change_by_the_other_kind_of_person_is_forbidden_and_recorded(
    api: Api, name: str, who: str, given: dict[str, Any], method: str, passed: tuple[Any, ...]
) -> None:
    other = {"lan": "minh", "minh": "lan"}[who]
    payload = api.run(name, {"input": given}, who=other)[_field(name)]
    (recorded,) = api.gateway.refusals
    assert (payload["__typename"], api.services.calls, recorded[1].action, recorded[2].code) == (
        "Forbidden",
        [],
        f"report.{method}",
        "common.forbidden",
    )


@by_change
@pytest.mark.parametrize("key", ["", "short", "x" * 65, "khóa-không-ascii!", "with space inside"])
def test_malformed_idempotency_key_is_invalid(
    api: Api,
    name: str,
    who: str,
    given: dict[str, Any],
    method: str,
    passed: tuple[Any, ...],
    key: str,
) -> None:
    payload = api.run(name, {"input": {**given, "idempotencyKey": key}}, who=who)[_field(name)]
    assert (payload["__typename"], payload["field"], api.services.calls) == (
        "InvalidInput",
        "idempotencyKey",
        [],
    )


def test_refusal_outside_the_union_keeps_its_code(api: Api) -> None:
    api.services.answers["accept"] = SameUnit()
    answer = api.post((OPERATIONS / "AcceptReport.graphql").read_text(), {"input": STEP}, who="minh").json()
    assert (answer["data"], answer["errors"][0]["extensions"]["code"]) == (None, "reports.same_unit")


def test_report_no_longer_visible_after_the_change_is_null(api: Api) -> None:
    api.services.answers["one"] = NotFound()
    payload = api.run("ForwardReport", {"input": {**STEP, "toUnit": "D0001", "note": "n"}}, who="minh")
    assert payload["forwardReport"] == {
        "__typename": "ReportChanged",
        "code": CODE,
        "version": 2,
        "state": "IN_PROGRESS",
        "report": None,
    }


@pytest.mark.parametrize("read", ["one", "timelines"])
def test_failed_read_after_a_change_is_incomplete_but_no_error(api: Api, read: str) -> None:
    api.services.answers[read] = RuntimeError("connection to 10.0.0.7 lost")
    answer = api.post((OPERATIONS / "AcceptReport.graphql").read_text(), {"input": STEP}, who="minh")
    assert (answer.json()["extensions"], "errors" in answer.json(), "10.0.0.7" in answer.text) == (
        {"incomplete": True, "requestId": "request-1"},
        False,
        False,
    )


def test_unexpected_error_is_logged_with_the_request_id(
    api: Api, logged: list[MutableMapping[str, Any]]
) -> None:
    error = api.services.answers["mine"] = RuntimeError("what happened")
    api.post("{ myReports { edges { cursor } } }")
    (entry,) = logged
    assert (entry["event"], entry["request_id"], entry["exc_info"]) == ("graphql_error", "request-1", error)


def test_unexpected_error_of_a_change_is_masked(api: Api) -> None:
    api.services.answers["accept"] = RuntimeError("password of backend_app is hunter2")
    answer = api.post((OPERATIONS / "AcceptReport.graphql").read_text(), {"input": STEP}, who="minh")
    assert answer.json() == {
        "data": None,
        "errors": [
            {
                "message": "Something went wrong. Please try again; if it persists, report this request id.",
                "path": ["acceptReport"],
                "extensions": {"code": "common.internal", "requestId": "request-1"},
            }
        ],
    }


def test_unexpected_error_is_masked_in_vietnamese(api: Api) -> None:
    api.services.answers["mine"] = ValueError("secret")
    answer = api.post("{ myReports { edges { cursor } } }", language="vi").json()
    assert answer["errors"][0]["message"].startswith("Hệ thống đang gặp lỗi.")
