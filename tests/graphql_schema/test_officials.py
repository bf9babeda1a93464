"""Officials in GraphQL: what is asked is one call, what is refused a problem, and who must sign does."""

import base64
import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import date, timedelta
from typing import Any

import httpx
import pytest

from backend.officials import errors
from backend.officials.types import (
    Account,
    AccountChange,
    AccountDuty,
    AccountFilter,
    AccountPage,
    ChangedOfficial,
    DirectoryRequest,
    DutyEnding,
    DutyGift,
    DutyKind,
    Invitation,
    OfficialState,
    OpenReset,
    ReviewDecision,
    ReviewEntry,
    ReviewPage,
    Step,
    UnitName,
)
from foundation import errors as refusals
from foundation.errors import Refusal
from foundation.identity.body_proofs import digest_of
from foundation.paging import Page, Position
from tests.graphql_schema.conftest import IDEMPOTENCY_KEY, OPERATIONS, Api, make_api
from tests.graphql_schema.fakes import CODE, NOW, ROW_ID

WARD = UnitName("00070", "Phường Hoàn Kiếm")
DUTY = AccountDuty("handler", WARD, date(2025, 7, 1), None, in_force=True)
ACCOUNT = Account(
    code=CODE,
    name="Trần Văn Minh",
    username="minh",
    email="minh@example.vn",
    unit=WARD,
    state=OfficialState.ACTIVE,
    version=3,
    last_active_day=date(2026, 7, 1),
    duties=(DUTY,),
    requests=(DirectoryRequest("official.disable", "waiting", NOW, None, "unavailable"),),
    reset=OpenReset(CODE, "sha-256=:x:", "Nga", NOW, NOW + timedelta(minutes=30), "Mất máy", mine=False),
)
CHANGE = AccountChange("duty_given", NOW, 3, "Nga", False, WARD, "handler", date(2025, 7, 1), None, "QĐ 12")
ENTRY = ReviewEntry(
    "2026Q3", CODE, "Trần Văn Minh", WARD, OfficialState.ACTIVE, date(2026, 7, 31),
    ReviewDecision.KEEP, "Nga", NOW, None, (DUTY,),
)  # fmt: skip
STEP = {"code": CODE, "expectedVersion": 2, "note": "QĐ 12"}
GIFT = {"kind": "HANDLER", "unit": "00070"}
INVITATION = {
    "unit": "00070", "username": "an", "email": "an@example.vn", "familyName": "Nguyễn", "givenName": "An",
    "duties": [{**GIFT, "fromDay": "2026-07-01", "untilDay": "2026-12-31"}],
}  # fmt: skip
DONE = Step(CODE, 2, "QĐ 12")
INPUTS: dict[str, tuple[str, dict[str, Any], tuple[Any, ...]]] = {
    "InviteOfficial": (
        "invite",
        INVITATION,
        (
            Invitation(
                "00070", "an", "an@example.vn", "Nguyễn", "An",
                (DutyGift(DutyKind.HANDLER, "00070", date(2026, 7, 1), date(2026, 12, 31)),),
            ),
        ),
    ),
    "ResendInvitation": ("resend", {"code": CODE}, (CODE,)),
    "TransferOfficial": (
        "transfer",
        {**STEP, "toUnit": "00376", "duties": []},
        (DONE, "00376", ()),
    ),
    "SuspendOfficial": ("suspend", STEP, (DONE,)),
    "ReinstateOfficial": ("reinstate", STEP, (DONE,)),
    "EndOfficial": ("end", STEP, (DONE,)),
    "AskCredentialReset": ("ask_reset", {"code": CODE, "note": "Mất máy"}, (CODE, "Mất máy")),
    "ConfirmCredentialReset": (
        "confirm_reset",
        {"code": CODE, "request": CODE, "digest": "sha-256=:x:"},
        (CODE, CODE, "sha-256=:x:"),
    ),
}  # fmt: skip
"""Mutations that the device signs: (service method, input, arguments between principal and asking)."""
UNSIGNED: dict[str, tuple[str, dict[str, Any], tuple[Any, ...]]] = {
    "ChangeDuties": (
        "change_duties",
        {**STEP, "give": [GIFT], "end": [{**GIFT, "lastDay": "2026-07-31"}]},
        (
            DONE,
            (DutyGift(DutyKind.HANDLER, "00070"),),
            (DutyEnding(DutyKind.HANDLER, "00070", date(2026, 7, 31)),),
        ),
    ),
    "ReviewOfficial": (
        "review",
        {"code": CODE, "quarter": "2026Q3", "decision": "KEEP"},
        (CODE, "2026Q3", ReviewDecision.KEEP, None),
    ),
}
FRESH = sorted(INPUTS.keys() - {"SuspendOfficial", "EndOfficial"} | {"ChangeDuties"})
REFUSALS: list[tuple[str, Refusal, dict[str, Any]]] = [
    ("SuspendOfficial", refusals.NotFound(), {"__typename": "NotFound"}),
    ("SuspendOfficial", refusals.Forbidden(), {"__typename": "Forbidden"}),
    ("SuspendOfficial", refusals.VersionConflict(4), {"__typename": "VersionConflict", "currentVersion": 4}),
    ("SuspendOfficial", errors.WrongState("ended"), {"__typename": "WrongOfficialState", "state": "ENDED"}),
    ("InviteOfficial", errors.Taken("email"), {"__typename": "AlreadyTaken", "field": "email"}),
    ("InviteOfficial", errors.UnknownUnit("99999"), {"__typename": "UnknownUnit"}),
    ("InviteOfficial", errors.DutyOverlap(), {"__typename": "DutyRefused"}),
    ("TransferOfficial", errors.SameUnit(), {"__typename": "SameUnit"}),
    ("TransferOfficial", errors.DutyOutsideUnit(), {"__typename": "DutyRefused"}),
    ("ChangeDuties", errors.NoSuchDuty(), {"__typename": "DutyRefused"}),
    ("ConfirmCredentialReset", errors.ResetOver(), {"__typename": "ResetRefused"}),
    ("ConfirmCredentialReset", errors.SecondOfficerNeeded(), {"__typename": "ResetRefused"}),
    ("ReviewOfficial", errors.NotOnReview(), {"__typename": "NotOnReview"}),
]


@dataclass
class Officials:
    """The four services of officials in one: what was called, and what each method answers or raises."""

    calls: list[tuple[Any, ...]] = field(default_factory=list)
    refusal: Refusal | None = None

    def __getattr__(self, name: str) -> Any:
        if name.startswith("_"):
            raise AttributeError(name)

        async def method(principal: Any, *arguments: Any) -> Any:
            self.calls.append((name, *arguments))
            if self.refusal is not None:
                raise self.refusal
            return ANSWERS.get(name, ChangedOfficial(CODE, 3, OfficialState.ACTIVE))

        return method


ANSWERS: dict[str, Any] = {
    "account": ACCOUNT,
    "accounts": AccountPage((ACCOUNT,), (("minh", 7),), has_next=True),
    "history": Page((CHANGE,), (Position(NOW, ROW_ID),), has_next=False),
    "reviews": ReviewPage((ENTRY,), (("minh", 7),), has_next=False),
}


@dataclass
class Door:
    """The route, and the services behind it."""

    api: Api
    officials: Officials

    def send(self, name: str, given: dict[str, Any], **options: Any) -> httpx.Response:
        """A mutation of the contract, its body signed unless `digest` says otherwise."""
        text = (OPERATIONS / f"{name}.graphql").read_text(encoding="utf-8")
        variables = {"input": {**given, "idempotencyKey": IDEMPOTENCY_KEY}}
        body = json.dumps({"query": text, "variables": variables}).encode()
        headers = {
            "content-type": "application/json",
            "accept": "application/graphql-response+json",
            "accept-language": "en",
            "authorization": f"DPoP {options.get('who', 'minh')}",
            "dpop": proof({"digest": options.get("digest", digest_of(body))}),
        }
        answer: httpx.Response = self.api.client.post("/graphql", content=body, headers=headers)
        return answer

    def answered(self, name: str, given: dict[str, Any], **options: Any) -> dict[str, Any]:
        """The payload."""
        body = self.send(name, given, **options).json()
        assert "errors" not in body
        payload: dict[str, Any] = body["data"][name[0].lower() + name[1:]]
        return payload


def proof(claims: dict[str, Any]) -> str:
    """What the gateway, which is a fake here, has checked."""
    parts = [json.dumps(part).encode() for part in ({"alg": "ES256"}, claims)] + [b"signature"]
    return ".".join(base64.urlsafe_b64encode(part).rstrip(b"=").decode() for part in parts)


@pytest.fixture(scope="module")
def _door() -> Iterator[Door]:
    officials = Officials()
    api = make_api(accounts=officials, account_changes=officials, resets=officials, reviews=officials)
    with api.client:
        yield Door(api, officials)


@pytest.fixture
def door(_door: Door) -> Door:
    """As if nobody had called yet."""
    _door.api.reset()
    _door.officials.calls.clear()
    _door.officials.refusal = None
    return _door


@pytest.mark.parametrize("name", [*INPUTS, *UNSIGNED])
def test_mutation_is_one_call_and_reads_the_official_again(door: Door, name: str) -> None:
    method, given, arguments = (INPUTS | UNSIGNED)[name]
    payload = door.answered(name, given)
    called, again = door.officials.calls
    assert (called[0], called[1 : 1 + len(arguments)], again) == (method, arguments, ("account", CODE))
    assert (payload["__typename"], payload["version"], payload["official"]["name"]) == (
        "OfficialChanged",
        3,
        "Trần Văn Minh",
    )


@pytest.mark.parametrize("name", INPUTS)
def test_what_the_device_sent_goes_to_the_service(door: Door, name: str) -> None:
    answer = door.send(name, INPUTS[name][1])
    asking = door.officials.calls[0][-2]
    assert (asking.body, asking.token) == (answer.request.content, "minh")


@pytest.mark.parametrize("digest", [None, "", digest_of(b"another body"), 7])
@pytest.mark.parametrize("name", INPUTS)
def test_body_that_the_device_did_not_sign_does_nothing(door: Door, name: str, digest: Any) -> None:
    payload = door.answered(name, INPUTS[name][1], digest=digest)
    assert (payload["code"], door.officials.calls) == ("identity.digest_required", [])
    assert door.api.gateway.codes == ["identity.digest_required"]


@pytest.mark.parametrize("name", FRESH)
def test_what_gives_something_wants_a_sign_in_of_15_minutes(door: Door, name: str) -> None:
    door.api.gateway.now = NOW + timedelta(minutes=15, seconds=1)
    answer = door.send(name, (INPUTS | UNSIGNED)[name][1])
    shown = answer.json()["errors"][0]["extensions"]
    assert (answer.status_code, shown["code"], shown["maxAge"]) == (401, "identity.step_up_required", 900)
    assert door.officials.calls == []


@pytest.mark.parametrize("name", ["SuspendOfficial", "EndOfficial", "ReviewOfficial"])
def test_what_takes_away_does_not_wait_for_a_fresh_sign_in(door: Door, name: str) -> None:
    door.api.gateway.now = NOW + timedelta(hours=9)
    assert door.answered(name, (INPUTS | UNSIGNED)[name][1])["__typename"] == "OfficialChanged"


@pytest.mark.parametrize("name", ["SuspendOfficial", "ReviewOfficial", "InviteOfficial"])
def test_citizen_is_told_to_step_up_and_reaches_no_service(door: Door, name: str) -> None:
    answer = door.send(name, (INPUTS | UNSIGNED)[name][1], who="lan")
    assert (answer.status_code, door.officials.calls) == (401, [])


@pytest.mark.parametrize(
    ("name", "refusal", "shown"), REFUSALS, ids=lambda value: getattr(value, "code", None)
)
def test_refusal_is_a_problem(door: Door, name: str, refusal: Refusal, shown: dict[str, Any]) -> None:
    door.officials.refusal = refusal
    payload = door.answered(name, (INPUTS | UNSIGNED)[name][1])
    assert {key: payload[key] for key in shown} == shown
    assert (payload["code"], payload["message"]) == (refusal.code, refusal.message("en"))


def test_one_official_is_shown_with_everything(door: Door) -> None:
    shown = door.api.run("Official", {"code": "0123-4567-89ab-cdef"}, who="minh")["official"]
    assert door.officials.calls == [("account", CODE)]
    assert (shown["shownCode"], shown["duties"][0]["fromDay"], shown["openReset"]["request"]) == (
        "0123-4567-89AB-CDEF",
        "2025-07-01",
        CODE,
    )
    assert shown["directoryRequests"] == [
        {
            "operation": "official.disable",
            "state": "waiting",
            "since": "2026-07-01T10:00:00+07:00",
            "endedAt": None,
            "error": "unavailable",
        }
    ]


def test_hidden_official_is_not_found(door: Door) -> None:
    door.officials.refusal = refusals.NotFound()
    shown = door.api.run("Official", {"code": CODE}, who="minh")["official"]
    assert shown["__typename"] == "NotFound"


def test_official_is_a_node(door: Door) -> None:
    listed = door.api.run("Officials", {"first": 1}, who="minh")["officials"]["edges"][0]["node"]
    node = door.api.post(
        "query Q($id: ID!) { node(id: $id) { id ... on OfficialAccount { name } } }",
        {"id": listed["id"]},
        who="minh",
    )
    assert node.json()["data"]["node"] == {"id": listed["id"], "name": "Trần Văn Minh"}


def test_list_is_asked_with_its_filters_and_goes_on_from_its_cursor(door: Door) -> None:
    given = {"search": "minh", "unit": "00070", "state": "ACTIVE", "first": 5}
    page = door.api.run("Officials", given, who="minh")["officials"]["pageInfo"]
    door.api.run("Officials", {**given, "after": page["endCursor"]}, who="minh")
    wanted = AccountFilter("minh", "00070", OfficialState.ACTIVE)
    assert door.officials.calls == [("accounts", wanted, 5, None), ("accounts", wanted, 5, ("minh", 7))]


def test_history_tells_who_and_why(door: Door) -> None:
    (edge,) = door.api.run("OfficialHistory", {"code": CODE}, who="minh")["officialHistory"]["edges"]
    assert (edge["node"]["kind"], edge["node"]["actor"], edge["node"]["note"]) == (
        "duty_given",
        "Nga",
        "QĐ 12",
    )


def test_review_tells_what_was_decided(door: Door) -> None:
    given = {"quarter": "2026Q3", "openOnly": True}
    (edge,) = door.api.run("Reviews", given, who="minh")["reviews"]["edges"]
    assert (edge["node"]["decision"], edge["node"]["reviewer"]) == ("KEEP", "Nga")
    assert door.officials.calls == [("reviews", "2026Q3", True, 20, None)]


@pytest.mark.parametrize("name", ["Officials", "Official", "OfficialHistory", "Reviews"])
def test_citizen_reads_no_official(door: Door, name: str) -> None:
    variables = {"Officials": {}, "Reviews": {"quarter": "2026Q3"}}.get(name, {"code": CODE})
    answer = door.api.post((OPERATIONS / f"{name}.graphql").read_text(), variables, who="lan")
    assert "common.forbidden" in answer.text
    assert (door.officials.calls, door.api.gateway.codes) == ([], ["common.forbidden"])


@pytest.mark.parametrize("day", ["2026-02-30", "yesterday", "", "2026-07-01T00:00:00Z", "10000-01-01"])
def test_day_that_is_none_runs_nothing(door: Door, day: str) -> None:
    given = {**STEP, "give": [{**GIFT, "fromDay": day}], "end": []}
    answer = door.send("ChangeDuties", given)
    assert (answer.status_code, door.officials.calls) == (400, [])
