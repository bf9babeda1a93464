"""Copies of one's data through GraphQL: the app's documents and the second factor."""

import base64
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

import pytest

from backend.privacy.copies import CopyState, DataCopy
from backend.privacy.errors import CopyGone, CopyTooSoon
from foundation.errors import Refusal
from tests.graphql_schema import fakes
from tests.graphql_schema.conftest import IDEMPOTENCY_KEY, OPERATIONS, Api, make_api
from tests.graphql_schema.fakes import NOW, ROW_ID

COPY = DataCopy(ROW_ID, CopyState.WAITING, 3, 13, NOW, NOW + timedelta(days=1))
CALL = {"idempotencyKey": IDEMPOTENCY_KEY}


@dataclass
class Fake:
    """The service: what it was asked, and one refusal."""

    calls: list[Any] = field(default_factory=list)
    refusal: Refusal | None = None

    def _called(self, *given: Any) -> None:
        self.calls.append(given)
        if self.refusal is not None:
            raise self.refusal

    async def ask(self, principal: Any, idempotency: Any) -> DataCopy:
        self._called("ask", principal.session.acr)
        return COPY

    async def mine(self, principal: Any) -> tuple[DataCopy, ...]:
        self._called("mine")
        return (COPY,)

    async def fetch(self, principal: Any, copy: Any, idempotency: Any) -> bytes:
        self._called("fetch", copy)
        return b"PK"


@pytest.fixture
def copies() -> Fake:
    return Fake()


@pytest.fixture
def door(copies: Fake) -> Iterator[Api]:
    api = make_api(privacy_copies=copies)
    with api.client:
        yield api


def copy_id(door: Api) -> str:
    """The copy as the app knows it."""
    return door.codecs.global_ids.of_uuid("DataCopy", ROW_ID)


def test_copies_are_listed_with_how_far_they_are(door: Api, copies: Fake) -> None:
    (shown,) = door.run("MyDataCopies")["myDataCopies"]
    assert (shown["id"], shown["state"], shown["done"], shown["parts"]) == (copy_id(door), "WAITING", 3, 13)
    assert copies.calls == [("mine",)]


@pytest.mark.parametrize("name", ["AskMyData", "FetchMyData"])
def test_password_alone_is_asked_for_the_second_factor_and_reaches_nothing(
    door: Api, copies: Fake, name: str
) -> None:
    given = CALL if name == "AskMyData" else {"id": copy_id(door), **CALL}
    answer = door.post((OPERATIONS / f"{name}.graphql").read_text(), {"input": given})
    assert answer.status_code == 401
    shown = answer.json()["errors"][0]["extensions"]
    assert (shown["code"], shown["acrValues"]) == ("identity.step_up_required", "aal2")
    assert copies.calls == []


@pytest.mark.parametrize("name", ["AskMyData", "FetchMyData", "MyDataCopies"])
def test_official_has_no_copy(door: Api, copies: Fake, name: str) -> None:
    given = {"MyDataCopies": {}, "AskMyData": {"input": CALL}}.get(
        name, {"input": {"id": copy_id(door), **CALL}}
    )
    answer = door.post((OPERATIONS / f"{name}.graphql").read_text(), given, who="minh")
    assert "common.forbidden" in answer.text
    assert copies.calls == []


@pytest.fixture
def stronger(monkeypatch: pytest.MonkeyPatch) -> None:
    """Everybody has signed in with a second factor."""
    weaker = fakes.session
    monkeypatch.setattr(fakes, "session", lambda sub, *_: weaker(sub))


@pytest.mark.usefixtures("stronger")
def test_copy_is_asked_for_and_fetched_with_the_second_factor(door: Api, copies: Fake) -> None:
    asked = door.run("AskMyData", {"input": CALL})["askMyData"]
    assert (asked["__typename"], asked["copy"]["id"]) == ("DataCopyAsked", copy_id(door))
    fetched = door.run("FetchMyData", {"input": {"id": copy_id(door), **CALL}})["fetchMyData"]
    assert (fetched["contentType"], base64.b64decode(fetched["content"])) == ("application/zip", b"PK")
    assert copies.calls == [("ask", "aal2"), ("fetch", ROW_ID)]


@pytest.mark.usefixtures("stronger")
def test_refusals_say_when_and_what(door: Api, copies: Fake) -> None:
    copies.refusal = CopyTooSoon(NOW)
    asked = door.run("AskMyData", {"input": CALL})["askMyData"]
    assert asked["code"] == "privacy.copy_too_soon"
    assert datetime.fromisoformat(asked["againAt"]) == NOW
    copies.refusal = CopyGone()
    fetched = door.run("FetchMyData", {"input": {"id": copy_id(door), **CALL}})["fetchMyData"]
    assert (fetched["__typename"], fetched["code"]) == ("DataCopyGone", "privacy.copy_gone")
