"""Figures at the schema's edge: who is asked about, rates that are not there, and the public's own."""

from datetime import date
from typing import Any

import pytest

from backend.reports.types import ReportState, UnitRef
from backend.statistics.types import (
    CategoryFigures,
    DayFigures,
    Figures,
    Period,
    PublicCategory,
    PublicFigures,
    PublicPlace,
    PublicUnit,
    PublicWard,
    Tally,
    UnitFigures,
    UnitFiguresPage,
    Wanted,
)
from foundation.errors import InvalidInput, NotFound
from graphql_schema.statistics_services import Statistics
from tests.graphql_schema.conftest import Api, make_api
from tests.graphql_schema.fakes import NOW

DAY = date(2026, 7, 1)
WARD = UnitRef("00070", "Phường Hoàn Kiếm")
PERIOD = Period(DAY, DAY)
FIGURES = Figures(
    period=PERIOD,
    before_period=PERIOD,
    standing={ReportState.RECEIVED: 3, ReportState.CLOSED: 9},
    now=Tally(received=4, closed=1, on_time=3, late=1, ratings=2, rating_sum=9),
    before=Tally(),
    categories=(CategoryFigures("waste", 3, Tally(received=4), Tally()),),
    days=(DayFigures(DAY, Tally(received=4)),),
)
OF = {"fromDay": "2026-07-01", "untilDay": "2026-07-31", "units": ["00070"], "category": "waste"}
PUBLIC = PublicFigures(
    made_at=NOW,
    categories=(PublicCategory("waste", "Rác", "Waste", 15, 10),),
    wards=(PublicWard(WARD, 5, 5),),
    places=(PublicPlace("00070", 1, 9, 21.02, 105.85, 5, 0),),
    units=(PublicUnit(WARD, None, 0, None, 0),),
)


class Told:
    """The services of figures: remembers what was wanted, answers or refuses."""

    def __init__(self) -> None:
        self.wanted: list[Any] = []
        self.refusal: Exception | None = None
        self.public = Public(self)

    async def figures(self, principal: Any, wanted: Wanted) -> Figures:
        self.asked(wanted)
        return FIGURES

    async def of_units(self, principal: Any, wanted: Wanted, first: int, after: Any) -> UnitFiguresPage:
        self.asked((wanted, first, after))
        return UnitFiguresPage((UnitFigures(WARD, 2, Tally()),), (("hoan kiem", 7),), has_next=True)

    def asked(self, wanted: Any) -> None:
        """Remember, and refuse if so told."""
        self.wanted.append(wanted)
        if self.refusal is not None:
            raise self.refusal


class Public:
    """What is read by anybody."""

    def __init__(self, told: Told) -> None:
        self._told = told

    async def figures(self, principal: Any, places: int) -> PublicFigures:
        self._told.asked(places)
        return PUBLIC


@pytest.fixture
def told() -> Told:
    """The services."""
    return Told()


@pytest.fixture
def office(told: Told) -> Any:
    """The route."""
    services: Any = told
    api = make_api(statistics=Statistics(officials=services, public=services.public))
    with api.client:
        yield api


def test_what_is_wanted_reaches_the_service(office: Api, told: Told) -> None:
    found = office.run("Figures", {"of": OF}, who="minh")["figures"]
    period = Period(date(2026, 7, 1), date(2026, 7, 31))
    assert told.wanted == [Wanted(period, ("00070",), below=True, category="waste")]
    assert (found["open"], found["now"]["onTimeRate"], found["now"]["satisfaction"]) == (3, 0.75, 4.5)


def test_rate_of_nothing_is_not_there(office: Api) -> None:
    found = office.run("Figures", {"of": OF}, who="minh")["figures"]
    assert (found["before"]["onTimeRate"], found["before"]["satisfaction"]) == (None, None)


def test_every_state_is_there_also_with_nothing_in_it(office: Api) -> None:
    found = office.run("Figures", {"of": OF}, who="minh")["figures"]["states"]
    assert {one["state"]: one["reports"] for one in found} == {
        **{state.name: 0 for state in ReportState},
        "RECEIVED": 3,
        "CLOSED": 9,
    }


@pytest.mark.parametrize(
    ("refusal", "typename"), [(NotFound(), "NotFound"), (InvalidInput("untilDay"), "InvalidInput")]
)
def test_refusal_is_a_member_of_the_union(office: Api, told: Told, refusal: Exception, typename: str) -> None:
    told.refusal = refusal
    assert office.run("Figures", {"of": OF}, who="minh")["figures"]["__typename"] == typename


def test_citizen_sees_no_figures_of_officials(office: Api, told: Told) -> None:
    assert office.run("Figures", {"of": OF}, who="lan")["figures"]["__typename"] == "Forbidden"
    answer = office.post(
        "query($of: FiguresInput!) { unitFigures(of: $of) { edges { cursor } } }", {"of": OF}
    )
    assert answer.json()["errors"][0]["extensions"]["code"] == "common.forbidden"
    assert told.wanted == []


def test_page_goes_on_after_its_cursor(office: Api, told: Told) -> None:
    first = office.run("UnitFigures", {"of": OF, "first": 1}, who="minh")["unitFigures"]
    after = first["pageInfo"]["endCursor"]
    office.run("UnitFigures", {"of": OF, "first": 1, "after": after}, who="minh")
    assert [(count, position) for _, count, position in told.wanted] == [(1, None), (1, ("hoan kiem", 7))]


def test_anybody_sees_the_public_figures_with_their_trend(office: Api, told: Told) -> None:
    found = office.run("PublicFigures", {"places": 3}, who=None)["publicFigures"]
    assert told.wanted == [3]
    trends = [found[name][0]["trend"] for name in ("categories", "wards", "places")]
    assert trends == ["UP", "STEADY", "NEW"]
    assert found["units"][0]["onTimePercent"] is None


def test_before_the_first_hour_there_is_nothing(office: Api, told: Told) -> None:
    told.refusal = NotFound()
    found = office.run("PublicFigures", who=None)["publicFigures"]
    assert (found["__typename"], found["code"]) == ("NotFound", "common.not_found")
