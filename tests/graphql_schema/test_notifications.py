"""Notices at the schema's edge: marks, wishes, tokens of devices, and what a push told of."""

from collections.abc import Iterator
from datetime import time
from typing import Any
from uuid import UUID

import pytest

from backend.notifications.errors import NoAddress
from backend.notifications.types import (
    NIGHT,
    Fallback,
    InboxItem,
    Platform,
    Preferences,
    PushToken,
    QuietHours,
    RecipientKind,
    usual,
)
from foundation.errors import IdempotencyMismatch
from foundation.paging import Page, Position
from tests.graphql_schema.conftest import IDEMPOTENCY_KEY, Api, make_api
from tests.graphql_schema.fakes import CODE, NOW, ROW_ID

PUSH = UUID("25373e00-9c69-414c-807a-0a86ce59cf98")
WISH = {"push": True, "sms": "URGENT", "email": "NEVER", "quietHours": {"begin": "21:30", "end": "06:00"}}


class Told:
    """The inbox and its changes: remembers calls, answers or refuses."""

    def __init__(self) -> None:
        self.calls: list[tuple[Any, ...]] = []
        self.answers: dict[str, Any] = {}

    def __getattr__(self, name: str) -> Any:
        async def called(principal: Any, *given: Any) -> Any:
            self.calls.append((name, *given))
            answer = self.answers.get(name)
            if isinstance(answer, Exception):
                raise answer
            return answer

        return called

    def given(self, name: str) -> Any:
        """What the one call of a method was given first, after the person."""
        (call,) = [call for call in self.calls if call[0] == name]
        return call[1]


@pytest.fixture
def told() -> Told:
    """The services."""
    return Told()


@pytest.fixture
def api(told: Told) -> Iterator[Api]:
    """The route."""
    services: Any = told
    api = make_api(inbox=services, inbox_changes=services)
    with api.client:
        yield api


def change(api: Api, name: str, **given: Any) -> dict[str, Any]:
    """What a mutation answers Lan."""
    (payload,) = api.run(name, {"input": {**given, "idempotencyKey": IDEMPOTENCY_KEY}}).values()
    return dict(payload)


def shown_id(api: Api, told: Told) -> str:
    """The id of a notice as the inbox shows it."""
    item = InboxItem(ROW_ID, "report.accepted", f"report:{CODE}", 2, NOW)
    told.answers["inbox"] = Page((item,), (Position(NOW, ROW_ID),), has_next=False)
    shown: str = api.run("Inbox", {"first": 5})["inbox"]["edges"][0]["node"]["id"]
    told.calls.clear()
    return shown


def test_wishes_reach_the_service_as_they_were_meant(api: Api, told: Told) -> None:
    wanted = Preferences(True, Fallback.URGENT, Fallback.NEVER, QuietHours(time(21, 30), time(6)))
    told.answers["prefer"] = wanted
    answer = change(api, "SetNotificationPreferences", **WISH)
    assert told.given("prefer") == wanted
    assert answer["preferences"] == WISH


def test_no_quiet_hours_are_none(api: Api, told: Told) -> None:
    wanted = Preferences(False, Fallback.NEVER, Fallback.NEVER, None)
    told.answers["prefer"] = wanted
    answer = change(
        api, "SetNotificationPreferences", push=False, sms="NEVER", email="NEVER", quietHours=None
    )
    assert (told.given("prefer"), answer["preferences"]["quietHours"]) == (wanted, None)


@pytest.mark.parametrize("begin", ["24:00", "7:00", "07:60", "07:00:00", "", "ba giờ", "０7:00"])
def test_hour_that_is_none_is_refused_by_name(api: Api, told: Told, begin: str) -> None:
    wish = {**WISH, "quietHours": {"begin": begin, "end": "06:00"}}
    answer = change(api, "SetNotificationPreferences", **wish)
    assert (answer["__typename"], answer["code"]) == ("InvalidInput", "common.invalid_input")
    assert told.calls == []


def test_sms_without_a_number_is_refused(api: Api, told: Told) -> None:
    told.answers["prefer"] = NoAddress("sms")
    assert change(api, "SetNotificationPreferences", **WISH)["__typename"] == "NoAddress"


def test_token_reaches_the_service_and_is_not_answered(api: Api, told: Told) -> None:
    answer = change(api, "RegisterPushToken", platform="IOS", token="abc:def")
    assert told.given("register") == PushToken(Platform.IOS, "abc:def")
    assert answer == {"__typename": "PushTokenRegistered", "platform": "IOS"}


def test_same_key_for_another_token_is_told(api: Api, told: Told) -> None:
    told.answers["register"] = IdempotencyMismatch()
    assert change(api, "RegisterPushToken", platform="IOS", token="x")["code"] == "idempotency.mismatch"


def test_device_is_forgotten(api: Api, told: Told) -> None:
    assert change(api, "ForgetPushToken") == {"__typename": "PushTokenForgotten", "forgotten": True}


def test_marking_takes_back_the_ids_that_the_inbox_showed(api: Api, told: Told) -> None:
    told.answers["unread"] = 4
    shown = shown_id(api, told)
    assert change(api, "MarkInboxRead", notices=[shown])["unread"] == 4
    assert told.given("mark_read") == [ROW_ID]


def test_no_ids_mark_all(api: Api, told: Told) -> None:
    told.answers["unread"] = 0
    change(api, "MarkInboxRead", notices=None)
    assert told.given("mark_read") is None


def test_more_than_a_hundred_or_somebodys_guess_mark_nothing(api: Api, told: Told) -> None:
    shown = shown_id(api, told)
    answers = [
        change(api, "MarkInboxRead", notices=notices)["__typename"]
        for notices in ([shown] * 101, [str(ROW_ID)], ["TWVkaWE6MQ"])
    ]
    assert answers == ["InvalidInput"] * 3
    assert told.calls == []


def test_push_opens_its_notices_by_its_id(api: Api, told: Told) -> None:
    told.answers["pushed"] = (InboxItem(ROW_ID, "account.phone", "account:1", 1, NOW),)
    (notice,) = api.run("PushedNotices", {"push": str(PUSH)})["pushedNotices"]
    assert told.given("pushed") == PUSH
    assert (notice["kind"], notice["subjectId"]) == ("account.phone", None)


def test_notice_of_a_privacy_request_names_it_as_its_list_does(api: Api, told: Told) -> None:
    told.answers["pushed"] = (InboxItem(ROW_ID, "privacy.done", f"privacy:{ROW_ID}", 3, NOW),)
    (notice,) = api.run("PushedNotices", {"push": str(PUSH)})["pushedNotices"]
    assert api.codecs.global_ids.parse_uuid("PrivacyRequest", notice["subjectId"]) == ROW_ID


def test_id_of_a_push_that_is_none_is_refused(api: Api, told: Told) -> None:
    answer = api.post('{ pushedNotices(push: "no") { id } }').json()
    assert answer["errors"][0]["extensions"]["code"] == "common.invalid_input"
    assert told.calls == []


def test_wishes_of_who_chose_nothing(api: Api, told: Told) -> None:
    told.answers["preferences"] = usual(RecipientKind.CITIZEN)
    found = api.run("NotificationPreferences")["notificationPreferences"]
    assert found["quietHours"] == {"begin": f"{NIGHT.begin:%H:%M}", "end": f"{NIGHT.end:%H:%M}"}


def test_subject_of_a_notice_is_the_report_that_node_opens(api: Api, told: Told) -> None:
    told.answers["pushed"] = (InboxItem(ROW_ID, "report.asked", f"report:{CODE}", 3, NOW),)
    (notice,) = api.run("PushedNotices", {"push": str(PUSH)})["pushedNotices"]
    found = api.run("Node", {"id": notice["subjectId"]})["node"]
    assert found["code"] == CODE
