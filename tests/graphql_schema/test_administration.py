"""The registers at the schema's edge: what reaches the services, and how refusals come back."""

from collections.abc import Iterator
from datetime import date
from typing import Any

import pytest

from backend.administration.errors import AlreadyEnded, CodeTaken
from backend.administration.types import Difference, Done, HistoryEntry, HistoryKind
from backend.deadlines.errors import HoursOverlap
from backend.deadlines.types import (
    Calendar,
    CalendarAlarm,
    DayKind,
    HolidayYear,
    Interval,
    SpecialDay,
    WeeklyHours,
    YearState,
)
from backend.routing.errors import DoubleRule, IncompleteRules, NotADraft
from backend.routing.types import (
    Detour,
    Fault,
    FaultKind,
    RuleDifference,
    RuleSet,
    RuleSetState,
    RuleText,
    Trial,
)
from backend.tenancy.errors import UnitCycle, UnitInUse, WrongParent, WrongSuccessor
from backend.tenancy.types import NewUnit
from foundation.errors import Forbidden, VersionConflict
from foundation.ids import GlobalIds
from foundation.paging import Page, Position
from graphql_schema.register_services import Registers
from tests.graphql_schema.conftest import OPERATIONS, Api, make_api
from tests.graphql_schema.fakes import NOW, ROW_ID

KEY = "0123456789abcdef"
RULE = RuleText("drainage", "drainage", "C0001", "D0001", ("D0002",))
SET = RuleSet(2, RuleSetState.DRAFT, None, "Thử nghiệm", 4, 3, NOW, holds=False)
OFFICE = Calendar(
    "office", "Giờ hành chính", "Office", True, 2, (WeeklyHours(date(2026, 1, 1), (Interval(1, 480, 1440),)),)
)
TET = SpecialDay(date(2027, 2, 6), DayKind.OFF, "Tết", "New Year")
YEAR = HolidayYear(2027, YearState.PROPOSED, None, 0, None, (TET,))
FAULT = Fault(FaultKind.HOLE, "road", "00070")
ANSWERS: dict[str, Any] = {
    "history": Page(
        (
            HistoryEntry(
                2, NOW, "unit.rename", "Đặng Anh Tú", "C0001", (Difference("name", '"Cũ"', '"Mới"'),)
            ),
        ),
        (Position(NOW, ROW_ID),),
        has_next=False,
    ),
    "rule_sets": ((SET,), True),
    "rule_set": SET,
    "rules": ((RULE,), True),
    "compare": (RuleDifference("drainage", None, RULE),),
    "faults": (FAULT,) * 25,
    "trial": Trial(30, 10, 4, 0, (Detour("road", "00070", 4, "00070", "D0001"),)),
    "calendars": (OFFICE,),
    "calendar": OFFICE,
    "year": YEAR,
    "alarms": (CalendarAlarm(2027, date(2026, 12, 1)),),
}


class Told:
    """One service: remembers calls; a method that is not among the reads answers `done`."""

    def __init__(self) -> None:
        self.calls: list[tuple[Any, ...]] = []
        self.outcome: Any = Done("2", 4)

    def __getattr__(self, name: str) -> Any:
        async def called(*given: Any) -> Any:
            self.calls.append((name, *given[1:]))
            if isinstance(self.outcome, Exception):
                raise self.outcome
            return ANSWERS.get(name, self.outcome)

        return called


@pytest.fixture(scope="module")
def _served() -> Iterator[tuple[Api, Told]]:
    told: Any = Told()
    api = make_api(
        registers=Registers(
            units=told,
            categories=told,
            rules=told,
            rule_changes=told,
            calendars=told,
            calendar_changes=told,
            history=told,
            channels=told,
            channel_changes=told,
        )
    )
    with api.client:
        yield api, told


@pytest.fixture
def told(_served: tuple[Api, Told]) -> Told:
    """The service behind all registers."""
    told = _served[1]
    told.calls, told.outcome = [], Done("2", 4)
    return told


@pytest.fixture
def office(_served: tuple[Api, Told], told: Told) -> Api:
    """The route with one service for all registers."""
    _served[0].reset()
    return _served[0]


def run(office: Api, name: str, /, **given: Any) -> dict[str, Any]:
    """What a mutation answers an official."""
    answer = office.run(name, {"input": {**given, "idempotencyKey": KEY}}, who="minh")
    (payload,) = answer.values()
    return dict(payload)


STEP = {"code": "D0001", "expectedVersion": 3}
CHANGES = {
    "CreateUnit": (
        {"code": "D0099", "name": "Sở", "kind": "DEPARTMENT", "parentCode": "C0001"},
        ("create", NewUnit("D0099", "Sở", "department", "C0001")),
    ),
    "RenameUnit": ({**STEP, "name": "Sở"}, ("rename", "D0001", 3, "Sở")),
    "MoveUnit": ({**STEP, "parentCode": "C0001"}, ("move", "D0001", 3, "C0001")),
    "EndUnit": ({**STEP, "successorCode": "D0002"}, ("end", "D0001", 3, "D0002")),
    "CreateCategory": (
        {"code": "parks", "nameVi": "Công viên", "nameEn": "Parks"},
        ("create", "parks", "Công viên", "Parks"),
    ),
    "RenameCategory": (
        {"code": "tree", "expectedVersion": 1, "nameVi": "Cây", "nameEn": "Trees"},
        ("rename", "tree", 1, "Cây", "Trees"),
    ),
    "OrderCategories": (
        {"categories": [{"code": "b", "expectedVersion": 1}, {"code": "a", "expectedVersion": 2}]},
        ("order", {"b": 1, "a": 2}),
    ),
    "EndCategory": ({"code": "tree", "expectedVersion": 1}, ("end", "tree", 1)),
    "DraftRoutingRules": ({"note": "Vì sao"}, ("draft", None, "Vì sao")),
    "ChangeRoutingRules": (
        {
            "number": 2,
            "expectedVersion": 1,
            "put": [
                {
                    "code": "drainage",
                    "categoryCode": "drainage",
                    "placeCode": "C0001",
                    "targetCode": "D0001",
                    "supportingCodes": ["D0002"],
                }
            ],
            "remove": ["old"],
        },
        ("change", 2, 1, [RULE], ["old"]),
    ),
    "ActivateRoutingRules": (
        {"number": 2, "expectedVersion": 1, "fromDay": "2026-12-01"},
        ("activate", 2, 1, date(2026, 12, 1)),
    ),
    "DiscardRoutingRules": ({"number": 2, "expectedVersion": 1}, ("discard", 2, 1)),
    "CreateCalendar": (
        {
            "code": "night",
            "nameVi": "Ca đêm",
            "nameEn": "Night",
            "hours": [{"weekday": 1, "opens": "08:00", "closes": "24:00"}],
        },
        ("create", "night", "Ca đêm", "Night", True, [Interval(1, 480, 1440)]),
    ),
    "RenameCalendar": (
        {
            "code": "office",
            "expectedVersion": 1,
            "nameVi": "Giờ",
            "nameEn": "Hours",
            "observesHolidays": False,
        },
        ("rename", "office", 1, "Giờ", "Hours", False),
    ),
    "SetWorkingHours": (
        {
            "code": "office",
            "expectedVersion": 1,
            "fromDay": "2027-01-01",
            "hours": [{"weekday": 5, "opens": "07:30", "closes": "11:30"}],
        },
        ("set_hours", "office", 1, date(2027, 1, 1), [Interval(5, 450, 690)]),
    ),
    "ConfirmHolidayYear": (
        {
            "year": 2027,
            "expectedVersion": 0,
            "source": "Quyết định",
            "days": [{"day": "2027-02-06", "kind": "OFF", "nameVi": "Tết", "nameEn": "New Year"}],
        },
        ("confirm_year", 2027, 0, "Quyết định", [TET]),
    ),
}


@pytest.mark.parametrize("name", CHANGES)
def test_change_reaches_its_service_with_its_key(office: Api, told: Told, name: str) -> None:
    given, wanted = CHANGES[name]
    payload = run(office, name, **given)
    assert told.calls[0][:-1] == wanted
    assert (told.calls[0][-1].key, payload["version"]) == (KEY, 4)


@pytest.mark.parametrize("name", CHANGES)
def test_citizen_is_refused_before_any_service(office: Api, told: Told, name: str) -> None:
    """Her level is not enough; with a higher one she is no official."""
    given = {"input": {**CHANGES[name][0], "idempotencyKey": KEY}}
    answer = office.post((OPERATIONS / f"{name}.graphql").read_text(), given, who="lan")
    assert (answer.status_code, told.calls) == (401, [])


@pytest.mark.parametrize("name", CHANGES)
def test_policy_s_no_is_a_member_of_the_payload(office: Api, told: Told, name: str) -> None:
    told.outcome = Forbidden()
    assert run(office, name, **CHANGES[name][0])["__typename"] == "Forbidden"


@pytest.mark.parametrize(
    ("name", "refusal", "told_back"),
    [
        ("CreateUnit", CodeTaken(), {"code": "administration.code_taken"}),
        ("CreateUnit", WrongParent(), {"code": "tenancy.wrong_parent"}),
        ("RenameUnit", AlreadyEnded(), {"code": "administration.already_ended"}),
        ("RenameUnit", VersionConflict(7), {"code": "common.version_conflict", "currentVersion": 7}),
        ("MoveUnit", UnitCycle(), {"code": "tenancy.unit_cycle"}),
        (
            "EndUnit",
            UnitInUse(1, 2, 3, 4, 5),
            {
                "code": "tenancy.unit_in_use",
                "openReports": 1,
                "people": 2,
                "duties": 3,
                "children": 4,
                "rules": 5,
            },
        ),
        ("EndUnit", WrongSuccessor(), {"code": "tenancy.wrong_successor"}),
        ("ChangeRoutingRules", NotADraft(), {"code": "routing.not_a_draft"}),
        (
            "ChangeRoutingRules",
            DoubleRule("a", "b"),
            {"code": "routing.double_rule", "first": "a", "second": "b"},
        ),
        ("SetWorkingHours", HoursOverlap(3), {"code": "deadlines.hours_overlap", "weekday": 3}),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_refusal_is_told_with_what_it_is_about(
    office: Api, told: Told, name: str, refusal: Exception, told_back: dict[str, Any]
) -> None:
    told.outcome = refusal
    payload = run(office, name, **CHANGES[name][0])
    assert {field: payload[field] for field in told_back} == told_back


def test_gaps_of_a_set_are_counted_and_the_first_20_named(office: Api, told: Told) -> None:
    told.outcome = IncompleteRules((FAULT,) * 1134)
    payload = run(office, "ActivateRoutingRules", **CHANGES["ActivateRoutingRules"][0])
    assert (payload["count"], len(payload["faults"])) == (1134, 20)
    assert payload["faults"][0] == {
        "kind": "HOLE",
        "categoryCode": "road",
        "placeCode": "00070",
        "ruleCode": None,
    }


@pytest.mark.parametrize("time", ["8:00", "24:01", "25:00", ""])
def test_time_that_is_none_is_refused_and_recorded(office: Api, told: Told, time: str) -> None:
    given = {**CHANGES["SetWorkingHours"][0], "hours": [{"weekday": 1, "opens": time, "closes": "24:00"}]}
    payload = run(office, "SetWorkingHours", **given)
    assert (payload["field"], told.calls) == ("hours.opens", [])
    assert [intent.action for _, intent, _ in office.gateway.refusals] == ["calendar.hours"]


def test_category_named_twice_is_no_order(office: Api, told: Told) -> None:
    twice = [{"code": "a", "expectedVersion": 1}, {"code": "a", "expectedVersion": 2}]
    run(office, "OrderCategories", categories=twice)
    assert told.calls[0][1] == {}


@pytest.mark.parametrize(
    ("kind", "code", "wanted"),
    [
        ("Unit", "00070", HistoryKind.UNIT),
        ("Category", "tree", HistoryKind.CATEGORY),
        ("RoutingRules", "2", HistoryKind.ROUTING_RULES),
        ("WorkingCalendar", "office", HistoryKind.CALENDAR),
        ("HolidayYear", "2027", HistoryKind.HOLIDAY_YEAR),
    ],
)
def test_history_is_asked_by_global_id(
    office: Api, told: Told, kind: str, code: str, wanted: HistoryKind
) -> None:
    found = office.run("History", {"of": GlobalIds.of_code(kind, code)}, who="minh")["history"]
    assert told.calls[0][1:3] == (wanted, code)
    assert found["edges"][0]["node"]["differences"] == [{"field": "name", "before": '"Cũ"', "after": '"Mới"'}]


@pytest.mark.parametrize(
    "of", [GlobalIds.of_code("Report", "x"), "nonsense", GlobalIds.of_code("Unit", "\n")]
)
def test_history_of_what_has_none_is_refused(office: Api, told: Told, of: str) -> None:
    answer = office.post((OPERATIONS / "History.graphql").read_text(), {"of": of}, who="minh").json()
    assert (answer["errors"][0]["extensions"]["code"], told.calls) == ("common.invalid_input", [])


def test_sets_come_in_pages_by_number(office: Api, told: Told) -> None:
    page = office.run("RoutingRuleSets", {"first": 1}, who="minh")["routingRuleSets"]
    office.run("RoutingRuleSets", {"first": 1, "after": page["pageInfo"]["endCursor"]}, who="minh")
    assert [call[1:] for call in told.calls] == [(1, None), (1, 2)]


def test_rules_come_in_pages_by_code(office: Api, told: Told) -> None:
    page = office.run("RoutingRules", {"number": 2, "first": 1}, who="minh")["routingRules"]
    after = page["pageInfo"]["endCursor"]
    office.run("RoutingRules", {"number": 2, "first": 1, "after": after}, who="minh")
    assert [call[1:] for call in told.calls] == [(2, 1, None), (2, 1, "drainage")]


def test_trial_tells_counts_and_the_first_faults(office: Api) -> None:
    found = office.run("TryRoutingRules", {"number": 2}, who="minh")["tryRoutingRules"]
    assert (found["elsewhere"], found["faultCount"], len(found["faults"])) == (4, 25, 20)


def test_comparison_has_both_sides(office: Api) -> None:
    (found,) = office.run("CompareRoutingRules", {"before": 1, "after": 2}, who="minh")["compareRoutingRules"]
    assert (found["before"], found["after"]["supportingCodes"]) == (None, ["D0002"])


def test_calendars_say_times_as_people_do(office: Api) -> None:
    (found,) = office.run("WorkingCalendars", who="minh")["workingCalendars"]
    assert found["hours"][0]["intervals"] == [{"weekday": 1, "opens": "08:00", "closes": "24:00"}]


def test_proposed_year_says_so(office: Api) -> None:
    found = office.run("HolidayYear", {"year": 2027}, who="minh")["holidayYear"]
    assert (found["state"], found["version"], found["days"][0]["day"]) == ("PROPOSED", 0, "2027-02-06")


def test_alarm_names_the_year(office: Api) -> None:
    assert office.run("CalendarAlarms", who="minh")["calendarAlarms"] == [
        {"year": 2027, "since": "2026-12-01"}
    ]


@pytest.mark.parametrize(
    ("kind", "code"), [("RoutingRules", "2"), ("WorkingCalendar", "office"), ("HolidayYear", "2027")]
)
def test_node_finds_what_the_id_names(office: Api, kind: str, code: str) -> None:
    document = "query ($id: ID!) { node(id: $id) { __typename id } }"
    global_id = GlobalIds.of_code(kind, code)
    answer = office.post(document, {"id": global_id}, who="minh").json()
    assert answer["data"]["node"] == {"__typename": kind, "id": global_id}


def test_ended_units_and_categories_are_listed_on_demand(api: Api) -> None:
    api.run("AllUnits", who=None)
    api.run("AllCategories", who=None)
    assert [call[-1] for call in api.services.calls] == [True, True]
