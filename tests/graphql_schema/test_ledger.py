"""The access ledger through GraphQL: its own citizen, after a fresh sign-in."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import date, timedelta
from typing import Any

import pytest

from backend.ledger.types import Entry, Purpose, Role, Subject
from foundation.errors import NotFound, Refusal
from foundation.paging import Page, Position
from tests.graphql_schema.conftest import OPERATIONS, Api, make_api
from tests.graphql_schema.fakes import CODE, HOAN_KIEM, NOW, ROW_ID

ENTRY = Entry(
    3, CODE, Subject.CONTACT, Role.HANDLER, HOAN_KIEM, date(2026, 7, 1), Purpose.VISIT, "inspection"
)
DOCUMENT = (OPERATIONS / "MyLedger.graphql").read_text()


@dataclass
class Shown:
    """One entry, or a refusal."""

    calls: list[Any] = field(default_factory=list)
    refusal: Refusal | None = None

    async def mine(self, principal: Any, page: Any, code: str | None = None) -> Page[Entry]:
        self.calls.append((page.first, code))
        if self.refusal is not None:
            raise self.refusal
        return Page((ENTRY,), (Position(NOW, ROW_ID),), has_next=False)


@pytest.fixture
def ledger() -> Shown:
    return Shown()


@pytest.fixture
def door(ledger: Shown) -> Iterator[Api]:
    api = make_api(ledger=ledger)
    with api.client:
        yield api


def test_entry_is_shown_with_all_that_the_app_asks(door: Api, ledger: Shown) -> None:
    shown = door.run("MyLedger", {"code": CODE, "first": 5})["myLedger"]
    assert ledger.calls == [(5, CODE)]
    assert [edge["node"] for edge in shown["edges"]] == [
        {
            "number": 3,
            "reportCode": CODE,
            "subject": "CONTACT",
            "role": "HANDLER",
            "unit": {"code": "00070", "name": "Phường Hoàn Kiếm"},
            "day": "2026-07-01",
            "purpose": "VISIT",
            "delayRule": "inspection",
        }
    ]


def test_sign_in_older_than_15_minutes_is_asked_for_again_and_reaches_nothing(
    door: Api, ledger: Shown
) -> None:
    door.gateway.now = NOW + timedelta(minutes=15, seconds=1)
    answer = door.post(DOCUMENT)
    shown = answer.json()["errors"][0]["extensions"]
    assert (answer.status_code, shown["code"], shown["maxAge"]) == (401, "identity.step_up_required", 900)
    assert ledger.calls == []


def test_official_reads_no_ledger(door: Api, ledger: Shown) -> None:
    answer = door.post(DOCUMENT, who="minh").json()
    assert answer["data"] == {"myLedger": None}
    assert ([error["extensions"]["code"] for error in answer["errors"]], ledger.calls) == (
        ["common.forbidden"],
        [],
    )


def test_another_citizens_report_is_not_found(door: Api, ledger: Shown) -> None:
    ledger.refusal = NotFound()
    answer = door.post(DOCUMENT, {"code": CODE}).json()
    assert [error["extensions"]["code"] for error in answer["errors"]] == [NotFound.code]
