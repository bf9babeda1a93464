"""Deadlines at the schema's edge: the countdown as it is shown, what is due, changes and their refusals."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from backend.deadlines.errors import NotPaused, NotRunning, TooManyPauses
from backend.deadlines.types import (
    Clock,
    ClockKind,
    ClockState,
    DueReport,
    DueScope,
    Forecast,
    Length,
    LengthUnit,
    Pause,
    Paused,
    PauseReason,
    PlaceName,
    ReportDeadlines,
    Urgency,
)
from foundation.errors import Forbidden, NotFound
from foundation.paging import Page, Position
from graphql_schema.deadline_services import Deadlines
from tests.graphql_schema.conftest import IDEMPOTENCY_KEY, Api, make_api
from tests.graphql_schema.fakes import CODE, NOW, ROW_ID

SHOWN_CODE = "-".join(CODE[at : at + 4] for at in range(0, 16, 4))
HANDLE = Clock(
    kind=ClockKind.HANDLE,
    round=1,
    urgency=Urgency.HIGH,
    rule="standard",
    state=ClockState.PAUSED,
    started_at=NOW,
    due_at=NOW + timedelta(days=2),
    paused_since=NOW,
    paused_until=NOW + timedelta(days=1),
    stopped_at=None,
    remaining_minutes=90,
    late_minutes=0,
)
WAITING = Pause("materials", "Chờ vật tư", "Waiting for material", NOW, NOW + timedelta(days=1), None)
COUNTDOWN = ReportDeadlines(Urgency.HIGH, (replace(HANDLE, kind=ClockKind.RECEIVE), HANDLE), (WAITING,))
DUE = DueReport(
    CODE, "waste", PlaceName("00070", "Hoàn Kiếm"), PlaceName("D0001", "Sở Xây dựng"), "in_progress", HANDLE
)
REASON = PauseReason("materials", "Chờ vật tư", "Waiting for material", Length(5, LengthUnit.DAYS))
STEP = {"code": SHOWN_CODE.lower(), "idempotencyKey": IDEMPOTENCY_KEY}


class Told:
    """The services of deadlines: remembers calls, answers or refuses."""

    def __init__(self) -> None:
        self.calls: list[tuple[Any, ...]] = []
        self.refusal: Exception | None = None
        self.countdown: dict[str, ReportDeadlines] = {CODE: COUNTDOWN}

    async def of_reports(self, principal: Any, codes: Any) -> dict[str, ReportDeadlines]:
        return self.countdown

    async def due(self, principal: Any, units: Any, scope: DueScope, page: Any) -> Page[DueReport]:
        self.calls.append(("due", units, scope, page.first))
        return Page((DUE,), (Position(NOW, ROW_ID),), has_next=True)

    async def forecast(self, principal: Any, units: Any) -> Forecast:
        self.calls.append(("forecast", units))
        return Forecast(late=3, today=2, week=1)

    async def pause_reasons(self, principal: Any) -> tuple[PauseReason, ...]:
        return (REASON,)

    async def pause(self, principal: Any, code: str, reason: str, idempotency: Any) -> Paused:
        return self._changed("pause", code, reason)

    async def resume(self, principal: Any, code: str, idempotency: Any) -> Paused:
        return self._changed("resume", code)

    async def set_urgency(self, principal: Any, code: str, urgency: Urgency, idempotency: Any) -> Paused:
        return self._changed("set_urgency", code, urgency)

    def _changed(self, *call: Any) -> Paused:
        self.calls.append(call)
        if self.refusal is not None:
            raise self.refusal
        return Paused(CODE)


@pytest.fixture(scope="module")
def _served() -> Iterator[tuple[Api, Told]]:
    told: Any = Told()
    api = make_api(deadlines=Deadlines(reads=told, changes=told, rules=told, rule_changes=told))
    with api.client:
        yield api, told


@pytest.fixture
def told(_served: tuple[Api, Told]) -> Told:
    """The services."""
    _served[1].__init__()  # type: ignore[misc]  # as new for each test
    return _served[1]


@pytest.fixture
def office(_served: tuple[Api, Told], told: Told) -> Api:
    """The route."""
    _served[0].reset()
    return _served[0]


def change(office: Api, name: str, who: str = "minh", **given: Any) -> dict[str, Any]:
    """What a mutation answers."""
    (payload,) = office.run(name, {"input": {**STEP, **given}}, who=who).values()
    return dict(payload)


def test_changed_deadline_is_answered_as_it_is_now(office: Api, told: Told) -> None:
    answer = change(office, "PauseDeadline", reasonCode="materials")
    assert told.calls == [("pause", CODE, "materials")]
    assert answer["deadlines"]["urgency"] == "HIGH"
    assert [one["kind"] for one in answer["deadlines"]["deadlines"]] == ["RECEIVE", "HANDLE"]
    assert answer["deadlines"]["deadlines"][1]["pausedUntil"] == "2026-07-02T10:00:00+07:00"


def test_reason_of_a_pause_is_in_the_language_of_the_request(office: Api, told: Told) -> None:
    seen = [
        office.run(
            "PauseDeadline",
            {"input": {**STEP, "reasonCode": "materials"}},
            who="minh",
            language=language,
        )["pauseDeadline"]["deadlines"]["pauses"][0]["reason"]
        for language in ("vi", "en")
    ]
    assert seen == ["Chờ vật tư", "Waiting for material"]


def test_change_that_nobody_has_reckoned_yet_has_no_countdown(office: Api, told: Told) -> None:
    told.countdown = {}
    assert change(office, "ResumeDeadline") == {
        "__typename": "DeadlinesChanged",
        "code": CODE,
        "deadlines": None,
    }


def test_urgency_reaches_the_service(office: Api, told: Told) -> None:
    change(office, "SetUrgency", urgency="URGENT")
    assert told.calls == [("set_urgency", CODE, Urgency.URGENT)]


@pytest.mark.parametrize(
    ("refusal", "name", "given", "typename", "code"),
    [
        (NotRunning(), "PauseDeadline", {"reasonCode": "x"}, "DeadlineNotRunning", "deadlines.not_running"),
        (
            TooManyPauses(3),
            "PauseDeadline",
            {"reasonCode": "x"},
            "TooManyPauses",
            "deadlines.too_many_pauses",
        ),
        (NotPaused(), "ResumeDeadline", {}, "NotPaused", "deadlines.not_paused"),
        (NotFound(), "SetUrgency", {"urgency": "HIGH"}, "NotFound", "common.not_found"),
        (Forbidden(), "SetUrgency", {"urgency": "NORMAL"}, "Forbidden", "common.forbidden"),
    ],
)
def test_refusal_is_a_member_of_the_union(
    office: Api, told: Told, refusal: Exception, name: str, given: dict[str, Any], typename: str, code: str
) -> None:
    told.refusal = refusal
    answer = change(office, name, **given)
    assert (answer["__typename"], answer["code"]) == (typename, code)


@pytest.mark.parametrize("name", ["PauseDeadline", "ResumeDeadline", "SetUrgency"])
def test_citizen_changes_no_deadline(office: Api, told: Told, name: str) -> None:
    given = {"PauseDeadline": {"reasonCode": "x"}, "SetUrgency": {"urgency": "HIGH"}}.get(name, {})
    assert change(office, name, who="lan", **given)["__typename"] == "Forbidden"
    assert told.calls == []


def test_code_that_is_none_is_refused_before_the_service(office: Api, told: Told) -> None:
    answer = change(office, "ResumeDeadline", code="not-a-code")
    assert (answer["__typename"], told.calls) == ("InvalidInput", [])


def test_due_reports_come_with_their_deadline(office: Api, told: Told) -> None:
    variables = {"scope": "TODAY", "units": ["00070"], "first": 5}
    found = office.run("DueReports", variables, who="minh")["dueReports"]
    assert told.calls == [("due", ("00070",), DueScope.TODAY, 5)]
    node = found["edges"][0]["node"]
    assert (node["shownCode"], node["wardName"], node["state"]) == (SHOWN_CODE, "Hoàn Kiếm", "IN_PROGRESS")
    assert (node["deadline"]["remainingMinutes"], found["pageInfo"]["hasNextPage"]) == (90, True)


def test_forecast_without_units_is_of_all(office: Api, told: Told) -> None:
    found = office.run("DeadlineForecast", {}, who="minh")["deadlineForecast"]
    assert (found, told.calls) == ({"late": 3, "today": 2, "week": 1}, [("forecast", None)])


def test_anybody_reads_the_reasons_of_pauses(office: Api, told: Told) -> None:
    (reason,) = office.run("PauseReasons", who=None, language="vi")["pauseReasons"]
    assert reason == {"code": "materials", "name": "Chờ vật tư", "longest": {"amount": 5, "unit": "DAYS"}}
