"""Privacy through GraphQL: the app's documents, the second factor, the officer's desk."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import date, timedelta
from typing import Any

import pytest

from backend.privacy.errors import AlreadyOpen, OldText, WrongStep
from backend.privacy.types import (
    Answer,
    Consent,
    Ground,
    Kept,
    PrivacyRequest,
    Processing,
    RequestKind,
    RequestState,
    RetentionRule,
    Step,
)
from foundation.errors import Refusal
from foundation.paging import Page, Position
from tests.graphql_schema.conftest import IDEMPOTENCY_KEY, OPERATIONS, Api, make_api
from tests.graphql_schema.fakes import NOW, ROW_ID

REQUEST = PrivacyRequest(
    id=ROW_ID,
    kind=RequestKind.PROVIDE,
    state=RequestState.REFUSED,
    details="Tất cả.",
    asked_at=NOW,
    reply_due_at=NOW + timedelta(days=2),
    due_at=NOW + timedelta(days=10),
    extended=False,
    replied_at=NOW,
    answered_at=NOW,
    ground=Ground.INQUIRY,
    answer="Đang thanh tra.",
    version=2,
    kept=(Kept("report", "Các bước.", "Its steps.", "Decision 6372"),),
)
RULE = RetentionRule(
    "contact", 1, date(2026, 1, 1), "Liên hệ", "Contacts", "closed", 24, "delete", "Law 91", True, False, 7
)
PUSH = Consent("push", 2, "Đồng ý.", "Agreed.", given=True, of_version=1, since=NOW)
ENTRY = Processing("push", "Thông báo đẩy", "Push", "consent", "token", "30 days", "FCM", "abroad")
CALL = {"idempotencyKey": IDEMPOTENCY_KEY}


@dataclass
class Fake:
    """Both services: what they were asked, and one refusal."""

    calls: list[Any] = field(default_factory=list)
    refusal: Refusal | None = None

    def _called(self, *given: Any) -> None:
        self.calls.append(given)
        if self.refusal is not None:
            raise self.refusal

    async def consents(self, principal: Any) -> tuple[Consent, ...]:
        self._called("consents")
        return (PUSH,)

    async def give(self, principal: Any, purpose: str, version: int, idempotency: Any) -> None:
        self._called("give", purpose, version)

    async def withdraw(self, principal: Any, purpose: str, idempotency: Any) -> None:
        self._called("withdraw", purpose)

    async def requests(
        self, principal: Any, page: Any, *, only_open: bool | None = None
    ) -> Page[PrivacyRequest]:
        self._called("requests", page.first, only_open)
        return Page((REQUEST,), (Position(NOW, ROW_ID),), has_next=False)

    async def ask(self, principal: Any, kind: RequestKind, details: str | None, idempotency: Any) -> Any:
        self._called("ask", kind, details)
        return REQUEST

    async def register(self, principal: Any) -> tuple[Processing, ...]:
        self._called("register")
        return (ENTRY,)

    async def retention(self, principal: Any) -> tuple[RetentionRule, ...]:
        self._called("retention")
        return (RULE,)

    async def answer(self, principal: Any, request: Any, version: int, given: Answer, key: Any) -> Any:
        self._called("answer", request, version, given)
        return REQUEST


@pytest.fixture
def privacy() -> Fake:
    return Fake()


@pytest.fixture
def door(privacy: Fake) -> Iterator[Api]:
    api = make_api(privacy=privacy, privacy_desk=privacy)
    with api.client:
        yield api


def test_consents_are_shown_in_the_persons_language(door: Api) -> None:
    shown = [door.run("MyConsents", language=language)["myConsents"][0] for language in ("vi", "en")]
    assert [one["text"] for one in shown] == ["Đồng ý.", "Agreed."]
    assert (shown[0]["version"], shown[0]["ofVersion"], shown[0]["given"]) == (2, 1, True)


def test_consent_is_given_and_withdrawn(door: Api, privacy: Fake) -> None:
    said = door.run("GiveConsent", {"input": {"purpose": "push", "version": 2, **CALL}})["giveConsent"]
    assert (said["__typename"], said["given"]) == ("ConsentSaid", True)
    said = door.run("WithdrawConsent", {"input": {"purpose": "push", **CALL}})["withdrawConsent"]
    assert (said["__typename"], said["given"]) == ("ConsentSaid", False)
    assert privacy.calls == [("give", "push", 2), ("withdraw", "push")]


def test_old_wording_names_the_one_in_force(door: Api, privacy: Fake) -> None:
    privacy.refusal = OldText(3)
    said = door.run("GiveConsent", {"input": {"purpose": "push", "version": 2, **CALL}})["giveConsent"]
    assert (said["code"], said["currentVersion"]) == ("privacy.old_text", 3)


def test_password_alone_is_asked_for_the_second_factor_and_reaches_nothing(door: Api, privacy: Fake) -> None:
    document = (OPERATIONS / "RequestPrivacy.graphql").read_text()
    answer = door.post(document, {"input": {"kind": "DELETE", **CALL}})
    shown = answer.json()["errors"][0]["extensions"]
    assert (answer.status_code, shown["code"], shown["acrValues"]) == (
        401,
        "identity.step_up_required",
        "aal2",
    )
    assert privacy.calls == []


def test_own_requests_are_shown(door: Api, privacy: Fake) -> None:
    (edge,) = door.run("MyPrivacyRequests", {"first": 5})["myPrivacyRequests"]["edges"]
    assert privacy.calls == [("requests", 5, None)]
    node = edge["node"]
    assert (node["kind"], node["state"], node["ground"]) == ("PROVIDE", "REFUSED", "INQUIRY")
    assert door.codecs.global_ids.parse_uuid("PrivacyRequest", node["id"]) == ROW_ID
    assert node["kept"] == [{"code": "report", "data": "Its steps.", "basis": "Decision 6372"}]


def test_officer_lists_and_reads_the_register(door: Api, privacy: Fake) -> None:
    found = door.run("PrivacyRequests", {"onlyOpen": False}, who="minh")["privacyRequests"]
    assert [edge["node"]["version"] for edge in found["edges"]] == [2]
    register = door.run("ProcessingRegister", who="minh")["processingRegister"]
    assert (register[0]["purpose"], register[0]["transfer"]) == ("Push", "abroad")
    assert privacy.calls == [("requests", 20, False), ("register",)]


def test_officer_sees_the_rules_and_what_they_would_take(door: Api, privacy: Fake) -> None:
    (rule,) = door.run("RetentionRules", who="minh")["retentionRules"]
    assert (rule["data"], rule["months"], rule["assumed"], rule["due"]) == ("Contacts", 24, True, 7)
    assert privacy.calls == [("retention",)]


def answer_input(door: Api) -> dict[str, Any]:
    """A refusal of the request."""
    request = door.codecs.global_ids.of_uuid("PrivacyRequest", ROW_ID)
    given = {"id": request, "expectedVersion": 1, "step": "REFUSE", "text": "Không.", "ground": "INQUIRY"}
    return {"input": given | CALL}


def test_officer_answers(door: Api, privacy: Fake) -> None:
    done = door.run("AnswerPrivacyRequest", answer_input(door), who="minh")["answerPrivacyRequest"]
    assert (done["__typename"], done["request"]["state"]) == ("PrivacyRequestChanged", "REFUSED")
    assert privacy.calls == [("answer", ROW_ID, 1, Answer(Step.REFUSE, "Không.", Ground.INQUIRY))]


def test_step_that_was_taken_is_a_problem(door: Api, privacy: Fake) -> None:
    privacy.refusal = WrongStep()
    done = door.run("AnswerPrivacyRequest", answer_input(door), who="minh")["answerPrivacyRequest"]
    assert (done["__typename"], done["code"]) == ("PrivacyWrongStep", WrongStep.code)


@pytest.mark.parametrize(
    ("document", "who"),
    [
        ("MyConsents", "minh"),
        ("MyPrivacyRequests", "minh"),
        ("PrivacyRequests", "lan"),
        ("ProcessingRegister", "lan"),
        ("RetentionRules", "lan"),
    ],
)
def test_wrong_kind_of_person_reaches_nothing(door: Api, privacy: Fake, document: str, who: str) -> None:
    answer = door.post((OPERATIONS / f"{document}.graphql").read_text(), who=who).json()
    assert [error["extensions"]["code"] for error in answer["errors"]] == ["common.forbidden"]
    assert privacy.calls == []


def test_already_open_is_told_in_both_languages() -> None:
    assert AlreadyOpen().message("vi") != AlreadyOpen().message("en")
