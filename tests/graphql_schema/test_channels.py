"""Channels at the schema's edge: what reaches the services, secrets in the answer, what was given up."""

from collections.abc import Iterator
from typing import Any
from uuid import UUID

import pytest

from backend.administration.errors import CodeTaken
from backend.administration.types import Done
from backend.channels.types import (
    Channel,
    ChannelKind,
    ChannelState,
    Delivery,
    DeliveryState,
    NewChannel,
    Secrets,
    ShownKey,
)
from foundation.errors import Forbidden
from foundation.paging import Page, Position
from graphql_schema.register_services import Registers
from tests.graphql_schema.conftest import Api, make_api
from tests.graphql_schema.fakes import CODE, NOW, ROW_ID

KEY = "0123456789abcdef"
HOTLINE = Channel(
    "1022",
    ChannelKind.WEBHOOK,
    "Tổng đài 1022",
    ChannelState.ACTIVE,
    "https://hook.example.vn/x",
    None,
    60,
    60,
    4,
    (ShownKey("in", NOW, None),),
)
DEAD = Delivery(ROW_ID, "1022", CODE, 2, "in_progress", 11, "http_503", DeliveryState.DEAD, NOW, NOW)
NOW_TEXT = "2026-07-01T10:00:00+07:00"
STEP = {"code": "1022", "expectedVersion": 3}


class Told:
    """Both services: remembers calls."""

    def __init__(self) -> None:
        self.calls: list[tuple[Any, ...]] = []
        self.refusal: Exception | None = None

    def __getattr__(self, name: str) -> Any:
        answers: dict[str, Any] = {
            "channels": (HOTLINE,),
            "dead": Page((DEAD,), (Position(NOW, ROW_ID),), has_next=False),
            "resend": 1,
            "create": (Done("1022", 1), Secrets("whsec_a", "whsec_b")),
            "rotate": (Done("1022", 4), Secrets("whsec_c", None)),
        }

        async def called(*given: Any) -> Any:
            self.calls.append((name, *given[1:]))
            if self.refusal is not None:
                raise self.refusal
            return answers.get(name, Done("1022", 4))

        return called


@pytest.fixture(scope="module")
def _served() -> Iterator[tuple[Api, Told]]:
    told: Any = Told()
    names = ("units", "categories", "rules", "rule_changes", "calendars", "calendar_changes", "history")
    registers = Registers(**dict.fromkeys((*names, "channels", "channel_changes"), told))
    api = make_api(registers=registers)
    with api.client:
        yield api, told


@pytest.fixture
def told(_served: tuple[Api, Told]) -> Told:
    """The services."""
    told = _served[1]
    told.calls, told.refusal = [], None
    return told


@pytest.fixture
def office(_served: tuple[Api, Told], told: Told) -> Api:
    """The route."""
    _served[0].reset()
    return _served[0]


def run(office: Api, name: str, /, **given: Any) -> dict[str, Any]:
    """What a mutation answers an official."""
    (payload,) = office.run(name, {"input": {**given, "idempotencyKey": KEY}}, who="minh").values()
    return dict(payload)


def test_new_channel_answers_with_its_secrets(office: Api, told: Told) -> None:
    answer = run(office, "CreateChannel", code="1022", kind="WEBHOOK", name="Tổng đài 1022")
    assert (answer["sendSecret"], answer["receiveSecret"]) == ("whsec_a", "whsec_b")
    assert told.calls[0][:2] == (
        "create",
        NewChannel("1022", ChannelKind.WEBHOOK, "Tổng đài 1022", None, None, None),
    )


@pytest.mark.parametrize(
    ("name", "given", "call"),
    [
        (
            "RotateChannelKey",
            {**STEP, "purpose": "IN", "overlapHours": 24},
            ("rotate", "1022", 3, "in", 24, None),
        ),
        (
            "ChangeChannel",
            {**STEP, "name": "x", "callbackUrl": None, "rateAmount": 5, "rateSeconds": 6},
            ("change", "1022", 3, "x", None, 5, 6),
        ),
        ("SuspendChannel", STEP, ("suspend", "1022", 3)),
        ("ResumeChannel", STEP, ("resume", "1022", 3)),
    ],
)
def test_change_reaches_the_service(
    office: Api, told: Told, name: str, given: dict[str, Any], call: tuple[Any, ...]
) -> None:
    answer = run(office, name, **given)
    assert answer["channel"]["keys"] == [{"purpose": "IN", "fromAt": NOW_TEXT, "untilAt": None}]
    assert told.calls[0][:-1] == call


def test_refusal_is_a_member_of_the_union(office: Api, told: Told) -> None:
    told.refusal = CodeTaken()
    assert run(office, "CreateChannel", code="1022", kind="WEBHOOK", name="x")["__typename"] == "CodeTaken"
    told.refusal = Forbidden()
    assert run(office, "SuspendChannel", **STEP)["__typename"] == "Forbidden"


def test_what_was_given_up_is_sent_again_by_its_id(office: Api, told: Told) -> None:
    found = office.run("ChannelDeliveries", {}, who="minh")["channelDeliveries"]["edges"][0]["node"]
    assert (found["channelCode"], found["fault"], found["attempts"]) == ("1022", "http_503", 11)
    assert run(office, "ResendChannelDeliveries", deliveries=[found["id"]])["count"] == 1
    assert told.calls[-1][:2] == ("resend", [UUID(int=ROW_ID.int)])
