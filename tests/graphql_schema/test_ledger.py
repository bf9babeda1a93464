"""The access ledger through GraphQL: its own citizen, after a fresh sign-in."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import date, timedelta
from typing import Any

import pytest

from backend.ledger.errors import DelayOver, OwnUnit, SecondOperatorNeeded
from backend.ledger.types import (
    Delay,
    DelayChanged,
    DelayRule,
    DelayState,
    Entry,
    Month,
    Purpose,
    Role,
    Subject,
)
from foundation.errors import NotFound, Refusal
from foundation.paging import Page, Position
from tests.graphql_schema.conftest import IDEMPOTENCY_KEY, OPERATIONS, Api, make_api
from tests.graphql_schema.fakes import CODE, HOAN_KIEM, NOW, ROW_ID

ENTRY = Entry(
    3, CODE, Subject.CONTACT, Role.HANDLER, HOAN_KIEM, date(2026, 7, 1), Purpose.VISIT, "inspection"
)
DELAY = Delay(
    CODE, CODE, HOAN_KIEM, "inspection", "12/TT", DelayState.ASKED, "Trần Đức Quang", NOW, NOW, None
)
ORDERED = {"code": CODE, "unit": "00070", "rule": "inspection", "days": 30, "caseNumber": "12/TT"}
CHANGED = {"delay": CODE}
DELAYING = {"OrderLedgerDelay": ORDERED, "ConfirmLedgerDelay": CHANGED, "LiftLedgerDelay": CHANGED}
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

    async def months(self, principal: Any) -> tuple[Month, ...]:
        return (Month(date(2026, 3, 1), 7, "ab" * 32),)

    async def rules(self, principal: Any) -> tuple[DelayRule, ...]:
        return (DelayRule("inspection", "Thanh tra", "Inspection", "Luật Thanh tra", 60),)

    async def listed(self, principal: Any, page: Any) -> Page[Delay]:
        return Page((DELAY,), (Position(NOW, ROW_ID),), has_next=False)

    async def order(self, principal: Any, *given: Any) -> DelayChanged:
        return self._done(given, DelayState.ASKED)

    async def confirm(self, principal: Any, *given: Any) -> DelayChanged:
        return self._done(given, DelayState.IN_FORCE)

    async def lift(self, principal: Any, *given: Any) -> DelayChanged:
        return self._done(given, DelayState.LIFTED)

    def _done(self, given: tuple[Any, ...], state: DelayState) -> DelayChanged:
        self.calls.append(given[:-1])
        if self.refusal is not None:
            raise self.refusal
        return DelayChanged(CODE, state)


@pytest.fixture
def ledger() -> Shown:
    return Shown()


@pytest.fixture
def door(ledger: Shown) -> Iterator[Api]:
    api = make_api(ledger=ledger, ledger_delays=ledger)
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


def changed(door: Api, name: str) -> dict[str, Any]:
    """The payload of one of the three changes of a delay, as an official."""
    given = DELAYING[name] | {"idempotencyKey": IDEMPOTENCY_KEY}
    (payload,) = door.run(name, {"input": given}, who="minh").values()
    return dict(payload)


@pytest.mark.parametrize(
    ("name", "given", "state"),
    [
        ("OrderLedgerDelay", (CODE, "00070", "inspection", 30, "12/TT"), "ASKED"),
        ("ConfirmLedgerDelay", (CODE,), "IN_FORCE"),
        ("LiftLedgerDelay", (CODE,), "LIFTED"),
    ],
)
def test_delay_is_changed(door: Api, ledger: Shown, name: str, given: tuple[Any, ...], state: str) -> None:
    assert changed(door, name) == {"__typename": "LedgerDelayChanged", "delay": CODE, "state": state}
    assert ledger.calls == [given]


@pytest.mark.parametrize(
    ("name", "refusal"),
    [
        ("OrderLedgerDelay", OwnUnit()),
        ("ConfirmLedgerDelay", SecondOperatorNeeded()),
        ("ConfirmLedgerDelay", OwnUnit()),
        ("ConfirmLedgerDelay", DelayOver()),
        ("LiftLedgerDelay", DelayOver()),
    ],
)
def test_refusal_of_a_delay_is_a_problem(door: Api, ledger: Shown, name: str, refusal: Refusal) -> None:
    ledger.refusal = refusal
    payload = changed(door, name)
    assert (payload["__typename"], payload["code"]) == (type(refusal).__name__, refusal.code)


@pytest.mark.parametrize("name", ["OrderLedgerDelay", "ConfirmLedgerDelay"])
def test_delaying_wants_a_sign_in_of_15_minutes(door: Api, ledger: Shown, name: str) -> None:
    door.gateway.now = NOW + timedelta(minutes=15, seconds=1)
    given = DELAYING[name] | {"idempotencyKey": IDEMPOTENCY_KEY}
    answer = door.post((OPERATIONS / f"{name}.graphql").read_text(), {"input": given}, who="minh")
    assert (answer.status_code, answer.json()["errors"][0]["extensions"]["maxAge"]) == (401, 900)
    assert ledger.calls == []


def test_citizen_orders_no_delay(door: Api, ledger: Shown) -> None:
    given = ORDERED | {"idempotencyKey": IDEMPOTENCY_KEY}
    text = (OPERATIONS / "OrderLedgerDelay.graphql").read_text()
    answer = door.post(text, {"input": given}, who="lan")
    assert (answer.status_code, ledger.calls) == (401, [])


def test_delays_are_shown_to_officials(door: Api) -> None:
    (edge,) = door.run("LedgerDelays", who="minh")["ledgerDelays"]["edges"]
    assert (edge["node"]["state"], edge["node"]["orderedBy"]) == ("ASKED", "Trần Đức Quang")


def test_rules_and_months_are_public(door: Api) -> None:
    rules = door.run("LedgerDelayRules", who=None)["ledgerDelayRules"]
    months = door.run("LedgerMonths", who=None)["ledgerMonths"]
    assert [(rule["name"], rule["mostDays"]) for rule in rules] == [("Inspection", 60)]
    assert months == [{"month": "2026-03-01", "entries": 7, "digest": "ab" * 32}]
