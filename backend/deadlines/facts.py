"""What clocks are reckoned from, as it lies in the database: calendars, rules, steps, pauses, urgency."""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from datetime import date, datetime, timedelta
from typing import Any
from uuid import UUID

from backend.deadlines.clocks import OfficerPause, Reckoned, Step, Terms, reckon
from backend.deadlines.hours import intervals_of
from backend.deadlines.rules import Table, indexed, rule_for
from backend.deadlines.types import DayKind, Rule, SpecialDay, Urgency, WeeklyHours, length_of
from backend.deadlines.working import WorkingTime
from foundation.clock import HANOI
from foundation.database.read_scope import ReadScope
from foundation.database.unit_of_work import UnitOfWork

Rows = Callable[..., Awaitable[Sequence[Any]]]
"""A statement with parameters $n, and their values."""

_HOURS = """
SELECT c.code, c.observes_holidays, h.from_day, lower(r) AS low, upper(r) AS high
FROM deadlines.calendar c JOIN deadlines.hours h ON h.calendar = c.code, unnest(h.week) r
WHERE c.code = ANY($1::text[]) ORDER BY 1, 3, 4
"""
_DAYS = "SELECT day, kind, name_vi, name_en, like_weekday FROM deadlines.day WHERE day >= $1"
_SETS = """
SELECT number, from_day FROM deadlines.rule_set WHERE state = 'active' AND from_day <= $1
ORDER BY from_day DESC, number DESC
"""
RULES = """
SELECT set_number, code, category, urgency, place_id, calendar, receive, handle, wait, escalate
FROM deadlines.rule WHERE set_number = ANY($1::int[]) ORDER BY set_number, code
"""
_PATH = "SELECT tenancy.path_of($1) AS path"
# As backend/reports/sql.py: entries are not older than the report, nor newer than tomorrow.
_STEPS = """
SELECT at, to_state, to_unit_id FROM reports.timeline
WHERE report_id = $1 AND id >= $2
  AND id < (lpad(to_hex(((extract(epoch FROM now()) + 86400) * 1000)::bigint), 12, '0')
    || repeat('0', 20))::uuid
ORDER BY version LIMIT 1000
"""
_PAUSES = (
    "SELECT started_at, until_at, ended_at FROM deadlines.pause WHERE report_id = $1 ORDER BY started_at"
)
_LEVELS = "SELECT at, urgency FROM deadlines.urgency_change WHERE report_id = $1 ORDER BY at, id"
BEFORE = timedelta(days=40)
"""How long before the first moment days off are read: taking time back goes that far."""


class NoRule(Exception):
    """No set of rules says what a report owes: no set that is in force lacks one, so the data is broken."""


def rows_of(source: UnitOfWork | ReadScope) -> Rows:
    """Statements in either kind of transaction."""
    if isinstance(source, ReadScope):
        return source.rows
    work = source

    async def rows(statement: str, *values: object) -> Sequence[Any]:
        result = await work.connection.exec_driver_sql(statement, values)
        return result.mappings().all()

    return rows


async def calendars(rows: Rows, codes: Sequence[str], since: datetime) -> Mapping[str, WorkingTime]:
    """Calendars by code, with the days off from some weeks before `since` on."""
    special = {
        row["day"]: SpecialDay(
            row["day"], DayKind(row["kind"]), row["name_vi"], row["name_en"], row["like_weekday"]
        )
        for row in await rows(_DAYS, (since - BEFORE).astimezone(HANOI).date())
    }
    spans: dict[str, dict[date, list[tuple[int, int]]]] = {}
    observes: dict[str, bool] = {}
    for row in await rows(_HOURS, sorted(set(codes))):
        observes[row["code"]] = row["observes_holidays"]
        spans.setdefault(row["code"], {}).setdefault(row["from_day"], []).append((row["low"], row["high"]))
    return {
        code: WorkingTime(
            [WeeklyHours(day, intervals_of(ranges)) for day, ranges in of_days.items()],
            special,
            observes[code],
        )
        for code, of_days in spans.items()
    }


def rule_of_row(row: Any) -> Rule:
    """A rule from a row of `RULES`."""
    return Rule(
        code=row["code"],
        category=row["category"],
        urgency=None if row["urgency"] is None else Urgency(row["urgency"]),
        place=row["place_id"],
        calendar=row["calendar"],
        receive=length_of(row["receive"]),
        handle=length_of(row["handle"]),
        wait=length_of(row["wait"]),
        escalate=length_of(row["escalate"]),
    )


class Facts:
    """Reckons the clocks of reports in one transaction; rules and calendars are read once in it."""

    def __init__(self, rows: Rows, now: datetime) -> None:
        self._rows = rows
        self._now = now
        self._sets: Sequence[tuple[int, date]] | None = None
        self._tables: dict[int, Table] = {}
        self._calendars: dict[str, WorkingTime] = {}
        self._since: datetime | None = None

    async def clocks(self, report_id: UUID, category: str, ward_id: int) -> tuple[Reckoned, ...]:
        """The clocks of a report. Raises NoRule."""
        steps = [
            Step(row["at"], row["to_state"], row["to_unit_id"])
            for row in await self._rows(_STEPS, report_id, _since(report_id))
        ]
        pauses = [
            OfficerPause(row["started_at"], row["ended_at"] or row["until_at"], row["ended_at"] is None)
            for row in await self._rows(_PAUSES, report_id)
        ]
        levels = [(row["at"], Urgency(row["urgency"])) for row in await self._rows(_LEVELS, report_id)]
        path = list((await self._rows(_PATH, ward_id))[0]["path"])
        await self._prepare(steps[0].at)

        def terms_of(at: datetime, urgency: Urgency) -> Terms:
            number = self._holding(at.astimezone(HANOI).date())
            rule = rule_for(category, urgency, path, self._tables[number])
            if rule is None:
                raise NoRule(f"set {number}: {category}, {urgency}")
            return Terms(number, rule, self._calendars[rule.calendar])

        return reckon(steps, pauses, levels, terms_of)

    def _holding(self, day: date) -> int:
        """The set that holds for what comes in on a day; before the first set, that one."""
        sets = self._sets or ()
        for number, from_day in sets:
            if from_day <= day:
                return number
        if not sets:
            raise NoRule("no set of rules is in force")
        return sets[-1][0]

    async def _prepare(self, since: datetime) -> None:
        """Rules of every set that may hold since a moment, with their calendars."""
        if self._since is not None and self._since <= since:
            return
        self._since = since
        today = self._now.astimezone(HANOI).date()
        self._sets = [(row["number"], row["from_day"]) for row in await self._rows(_SETS, today)]
        first = since.astimezone(HANOI).date()
        newer = [number for number, from_day in self._sets if from_day > first]
        needed = {*newer, self._holding(first)}
        rules: dict[int, list[Rule]] = {number: [] for number in needed}
        for row in await self._rows(RULES, sorted(needed)):
            rules[row["set_number"]].append(rule_of_row(row))
        self._tables = {number: indexed(of_set) for number, of_set in rules.items()}
        codes = {rule.calendar for of_set in rules.values() for rule in of_set}
        self._calendars = dict(await calendars(self._rows, sorted(codes), since))


def _since(report_id: UUID) -> UUID:
    """The least id that a step of this report can have (uuidv7), with a day for clocks that differ."""
    return UUID(int=max((report_id.int >> 80) - 86_400_000, 0) << 80)
