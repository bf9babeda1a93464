"""Officials' figures: of the units that are theirs, at most two seconds old."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any

from backend.reports.types import ReportState, UnitRef
from backend.statistics import sql
from backend.statistics.limits import MOST_UNITS, before, checked_category, checked_period, months_within
from backend.statistics.types import (
    DONE,
    CategoryFigures,
    DayFigures,
    Figures,
    Period,
    Tally,
    UnitFigures,
    UnitFiguresPage,
    Wanted,
)
from foundation.clock import Clock
from foundation.database.database import Database
from foundation.database.read_scope import ReadScope
from foundation.errors import Forbidden, InvalidInput, NotFound
from foundation.identity.principal import OfficialPrincipal
from foundation.ids import is_unit_code
from foundation.paging import PageRequest
from foundation.policy.engine import PolicyEngine
from foundation.policy.entities import Resource, unit_refs
from foundation.recording import Activity, AuditEvent

READ = AuditEvent("statistics.read", activity=Activity.READ)
WHOLE_CITY = [0]
"""What the sums of all units stand under."""


@dataclass(frozen=True, slots=True)
class _Asked:
    units: list[int]
    everything: bool

    @property
    def summed(self) -> list[int]:
        return WHOLE_CITY if self.everything else self.units


class StatisticsQueries:
    """Reads of the sums, with what is not summed up yet. Row-level security is the wall behind the policy."""

    def __init__(self, database: Database, policy: PolicyEngine, clock: Clock) -> None:
        self._database = database
        self._policy = policy
        self._clock = clock

    async def figures(self, principal: OfficialPrincipal, wanted: Wanted) -> Figures:
        """The figures of the wanted units together.

        Raises InvalidInput for a period, a number of units or a category outside the limits, NotFound for a
        unit that is not the official's, hidden and absent alike, Forbidden for who has no unit.
        """
        async with self._database.read_scope(principal, READ) as scope:
            period, category = checked_period(wanted.period), checked_category(wanted.category)
            asked = await self._asked(scope, principal, wanted)
            earlier = before(period)
            rows = await scope.rows(
                sql.FIGURES, asked.summed, category, earlier.from_day, period.from_day, period.until_day
            )
            standing = await scope.rows(sql.STANDING, asked.summed, category)
        return _figures(period, earlier, rows, standing)

    async def of_units(
        self, principal: OfficialPrincipal, wanted: Wanted, first: int, after: tuple[str, int] | None
    ) -> UnitFiguresPage:
        """The figures of each wanted unit, in alphabetical order. Raises as `figures`."""
        async with self._database.read_scope(principal, READ) as scope:
            period, category = checked_period(wanted.period), checked_category(wanted.category)
            size = PageRequest(first).first
            asked = await self._asked(scope, principal, wanted)
            months = months_within(period)
            place = after or (None, None)
            rows = await scope.rows(
                sql.UNITS if category is None else sql.UNITS_OF_CATEGORY,
                asked.units,
                category,
                period.from_day,
                period.until_day,
                *months,
                *place,
                size + 1,
            )
        shown = rows[:size]
        return UnitFiguresPage(
            items=tuple(
                UnitFigures(UnitRef(row["code"], row["name"]), row["open"], _tally(row)) for row in shown
            ),
            keys=tuple((row["name_key"], row["id"]) for row in shown),
            has_next=len(rows) > size,
        )

    async def _asked(self, scope: ReadScope, principal: OfficialPrincipal, wanted: Wanted) -> _Asked:
        if wanted.units is None:
            units = set(principal.units)
            root = await scope.row(sql.ROOT, sorted(units)) is not None
        else:
            units, root = await _named(scope, wanted.units, wanted.below)
        if not units:
            raise Forbidden
        if not units <= principal.units:
            raise NotFound
        resource = Resource("Figures", principal.unit_code, {"units": unit_refs(frozenset(units))})
        self._policy.authorise(principal, READ.action, resource, now=self._clock.now())
        return _Asked(sorted(units), everything=root)


async def _named(scope: ReadScope, codes: Sequence[str], below: bool) -> tuple[set[int], bool]:
    """Inner ids of the units of these codes, and whether the city's root is among them."""
    if not 1 <= len(codes) <= MOST_UNITS:
        raise InvalidInput("units")
    known = sorted({code for code in codes if is_unit_code(code)})
    rows = await scope.rows(sql.ASKED, known, below)
    if {row["code"] for row in rows} - {None} != set(codes):
        raise NotFound
    return {row["id"] for row in rows}, any(row["root"] for row in rows)


def _figures(period: Period, earlier: Period, rows: Iterable[Any], standing: Iterable[Any]) -> Figures:
    whole: dict[bool, Tally] = {}
    categories: dict[tuple[str, bool], Tally] = {}
    days: dict[date, Tally] = {}
    for row in rows:
        if row["category"] is not None:
            categories[row["category"], row["now"]] = _tally(row)
        elif row["day"] is not None:
            days[row["day"]] = _tally(row)
        else:
            whole[row["now"]] = _tally(row)
    states: dict[ReportState, int] = {}
    still_open: dict[str, int] = {}
    for row in standing:
        state = ReportState(row["state"])
        states[state] = states.get(state, 0) + row["reports"]
        if state not in DONE:
            still_open[row["category"]] = still_open.get(row["category"], 0) + row["reports"]
    names = sorted({category for category, _ in categories} | set(still_open))
    nothing = Tally()
    return Figures(
        period=period,
        before_period=earlier,
        standing=states,
        now=whole.get(True, nothing),
        before=whole.get(False, nothing),
        categories=tuple(
            CategoryFigures(
                name,
                still_open.get(name, 0),
                categories.get((name, True), nothing),
                categories.get((name, False), nothing),
            )
            for name in names
        ),
        days=tuple(DayFigures(day, days.get(day, nothing)) for day in _days(period)),
    )


def _days(period: Period) -> Iterable[date]:
    for number in range((period.until_day - period.from_day).days + 1):
        yield period.from_day + timedelta(days=number)


def _tally(row: Any) -> Tally:
    return Tally(**{name: row[name] for name in sql.TALLY})
