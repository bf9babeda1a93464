"""Whatever administrators send to the registers is done or refused, never a fault; nothing half-written."""

from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import date
from typing import Any

import pytest

from backend.deadlines.types import DayKind, Interval, SpecialDay
from backend.routing.types import RuleText
from backend.tenancy.types import NewUnit
from foundation.errors import Refusal
from foundation.identity.principal import OfficialPrincipal
from tests.backend.offices import Office
from tests.backend.world import CITY, CONSTRUCTION, key

NASTY = [
    "",
    " ",
    "\x00",
    "D0001\x00",
    "\ud800",
    "x" * 100_000,
    "D0001'; DROP TABLE tenancy.unit; --",
    "\u0660\u0660\u0660\u0660\u0664",
    "00004\n",
    "\uff24\uff10\uff10\uff10\uff11",
    "\u202eD0001",
    "{}",
    "%s",
]
DAY = date(2026, 11, 24)
COUNTS = (
    "SELECT (SELECT count(*) FROM tenancy.unit), (SELECT count(*) FROM routing.category),"
    " (SELECT count(*) FROM routing.rule), (SELECT count(*) FROM deadlines.day),"
    " (SELECT count(*) FROM deadlines.calendar), (SELECT count(*) FROM platform.history)"
)

Call = Callable[[Office, OfficialPrincipal, str], Awaitable[Any]]


def _day(name: str) -> SpecialDay:
    return SpecialDay(date(2027, 1, 1), DayKind.OFF, name, name)


CALLS: dict[str, Call] = {
    "unit.code": lambda o, tu, x: o.units.create(tu, NewUnit(x, "Tên", "ward", CITY), key()),
    "unit.name": lambda o, tu, x: o.units.create(tu, NewUnit("D0099", x, "department", "P0001"), key()),
    "unit.kind": lambda o, tu, x: o.units.create(tu, NewUnit("D0099", "Tên", x, CITY), key()),
    "unit.parent": lambda o, tu, x: o.units.create(tu, NewUnit("D0099", "Tên", "department", x), key()),
    "rename.code": lambda o, tu, x: o.units.rename(tu, x, 1, "Tên", key()),
    "rename.name": lambda o, tu, x: o.units.rename(tu, CONSTRUCTION, 9, x, key()),
    "move.parent": lambda o, tu, x: o.units.move(tu, CONSTRUCTION, 1, x, key()),
    "end.successor": lambda o, tu, x: o.units.end(tu, CONSTRUCTION, 1, x, key()),
    "category.code": lambda o, tu, x: o.categories.create(tu, x, "Tên", "Name", key()),
    "category.rename": lambda o, tu, x: o.categories.rename(tu, x, 1, "Tên", "Name", key()),
    "category.order": lambda o, tu, x: o.categories.order(tu, {x: 1}, key()),
    "category.end": lambda o, tu, x: o.categories.end(tu, x, 1, key()),
    "rule.code": lambda o, tu, x: o.rules.change(tu, 2, 1, [RuleText(x, "tree", CITY, None)], [], key()),
    "rule.category": lambda o, tu, x: o.rules.change(tu, 2, 1, [RuleText("r1", x, CITY, None)], [], key()),
    "rule.place": lambda o, tu, x: o.rules.change(tu, 2, 1, [RuleText("r1", "tree", x, None)], [], key()),
    "rule.target": lambda o, tu, x: o.rules.change(tu, 2, 1, [RuleText("r1", "tree", CITY, x)], [], key()),
    "rule.remove": lambda o, tu, x: o.rules.change(tu, 2, 1, [], [x], key()),
    "rule.supporting": lambda o, tu, x: o.rules.change(
        tu, 2, 1, [RuleText("r1", "tree", CITY, None, (x,))], [], key()
    ),
    "calendar.code": lambda o, tu, x: o.calendars.create(
        tu, x, "Tên", "Name", True, [Interval(1, 0, 60)], key()
    ),
    "calendar.rename": lambda o, tu, x: o.calendars.rename(tu, x, 1, "Tên", "Name", True, key()),
    "calendar.hours": lambda o, tu, x: o.calendars.set_hours(tu, x, 1, DAY, [Interval(1, 0, 60)], key()),
    "calendar.read": lambda o, tu, x: o.found_calendars.calendar(tu, x),
    "year.source": lambda o, tu, x: o.calendars.confirm_year(tu, 2027, 9, x, [], key()),
    "year.day": lambda o, tu, x: o.calendars.confirm_year(tu, 2027, 9, "Quyết định", [_day(x)], key()),
}
NUMBERS: dict[str, Callable[[Office, OfficialPrincipal, int], Awaitable[Any]]] = {
    "rule_set": lambda o, tu, n: o.routing.rule_set(tu, n),
    "trial": lambda o, tu, n: o.routing.trial(tu, n, n),
    "rules.first": lambda o, tu, n: o.routing.rules(tu, 1, n, None),
    "sets.first": lambda o, tu, n: o.routing.rule_sets(tu, n, None),
    "year": lambda o, tu, n: o.found_calendars.year(tu, n),
    "draft.copy": lambda o, tu, n: o.rules.draft(tu, n, "Sao chép", key()),
    "discard": lambda o, tu, n: o.rules.discard(tu, n, 1, key()),
    "activate": lambda o, tu, n: o.rules.activate(tu, 2, n, DAY, key()),
    "version": lambda o, tu, n: o.units.rename(tu, CONSTRUCTION, n, "Tên", key()),
    "confirm": lambda o, tu, n: o.calendars.confirm_year(tu, n, 0, "Quyết định", [], key()),
    "weekday": lambda o, tu, n: o.calendars.set_hours(tu, "office", 1, DAY, [Interval(n, 0, 60)], key()),
    "closes": lambda o, tu, n: o.calendars.set_hours(tu, "office", 1, DAY, [Interval(1, 0, n)], key()),
}


@pytest.fixture
async def counted(office: Office) -> AsyncIterator[None]:
    """There is a draft with the number 2; nothing has come or gone when the test is over."""
    await office.rules.draft(await office.administrator(), None, "Bản nháp", key())
    before = office.rows(COUNTS)
    yield
    assert office.rows(COUNTS) == before


async def _outcome(call: Awaitable[Any]) -> str:
    try:
        await call
    except Refusal:
        return "refused"
    except Exception as error:  # what this looks for
        return repr(error)[:200]
    return "done"


@pytest.mark.usefixtures("counted")
async def test_texts_that_are_nothing_are_refused(office: Office) -> None:
    tu = await office.administrator()
    outcomes = {
        (name, text): await _outcome(call(office, tu, text)) for name, call in CALLS.items() for text in NASTY
    }
    assert {place: outcome for place, outcome in outcomes.items() if outcome != "refused"} == {}


@pytest.mark.usefixtures("counted")
async def test_numbers_that_are_nothing_are_refused(office: Office) -> None:
    tu = await office.administrator()
    numbers = (-(2**31), -1, 0, 2**31 - 1)
    outcomes = {
        (name, n): await _outcome(call(office, tu, n)) for name, call in NUMBERS.items() for n in numbers
    }
    assert {place: outcome for place, outcome in outcomes.items() if outcome != "refused"} == {}
