"""Reads of clocks: the public countdown of reports, and what is due in units, in constant work."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta
from typing import Any
from uuid import UUID

from backend.deadlines.facts import calendars, rows_of
from backend.deadlines.types import (
    Clock,
    ClockKind,
    ClockState,
    DueReport,
    DueScope,
    Forecast,
    Pause,
    PauseReason,
    PlaceName,
    ReportDeadlines,
    Urgency,
    length_of,
)
from backend.deadlines.working import WorkingTime
from backend.reports.types import report_resource
from foundation.clock import HANOI
from foundation.clock import Clock as Present
from foundation.database.database import Database
from foundation.database.read_scope import ReadScope
from foundation.errors import InvalidInput
from foundation.identity.principal import OfficialPrincipal, Principal
from foundation.ids import is_unit_code, parse_report_code
from foundation.paging import MAX_PAGE, Page, PageRequest, Position
from foundation.policy.engine import PolicyEngine
from foundation.policy.errors import PolicyDenied
from foundation.recording import Activity, AuditEvent

MAX_UNITS = 200
COUNTED = 1_000
"""Up to where a forecast counts: more is "many", and constant work."""
AWAITING = ("awaiting_citizen", "Chờ người dân trả lời", "Waiting for the citizen's reply")
_EVER = datetime(2000, 1, 1, tzinfo=UTC), datetime(2300, 1, 1, tzinfo=UTC)
_READ = "report.read"
_NOBODY = UUID(int=0)

CLOCKS = "SELECT * FROM deadlines.clocks_of($1::text[])"
PAUSES = "SELECT * FROM deadlines.pauses_of($1::text[])"
_REASONS = (
    "SELECT code, name_vi, name_en, longest FROM deadlines.pause_reason ORDER BY position, code LIMIT $1"
)
# As in backend/reports/sql.py: a hidden unit costs no page more than an absent one.
_UNITS = "SELECT id FROM tenancy.unit WHERE code || '' = ANY($1::text[])"
_CLOCK = """
c.report_id, c.kind, c.round, c.urgency, c.rule, c.calendar, c.started_at, c.due_at, c.paused_since,
c.paused_until, c.stopped_at, c.late
"""
_REPORT = """
r.code, r.citizen_id, r.category, r.ward_id, r.handler_id, r.participants, r.state, w.code AS ward_code,
w.name AS ward_name, h.code AS handler_code, h.name AS handler_name
"""
# All units are a few pages: read once, not looked up twice a row.
_UNITS_ONCE = "WITH units AS MATERIALIZED (SELECT id, code, name FROM tenancy.unit)"
_JOINED = """
JOIN reports.report r ON r.id = page.report_id JOIN units w ON w.id = r.ward_id
JOIN units h ON h.id = r.handler_id ORDER BY page.due_at, page.report_id
"""
_PATHS = "SELECT u.id, tenancy.path_of(u.id) AS path FROM unnest($1::int[]) u(id)"


@dataclass(frozen=True, slots=True)
class Listing:
    """A list by due time: its first page, and a page after a position (as backend/reports/sql.py)."""

    first: str
    after: str


def _of_units(begin: str, limit: int) -> str:
    """LATERAL per unit: as many index entries a unit as a page has rows, merged."""
    return f"""
    {_UNITS_ONCE} SELECT page.*, {_REPORT} FROM (
      SELECT x.* FROM unnest($1::int[]) u(unit_id) CROSS JOIN LATERAL (
        SELECT {_CLOCK} FROM deadlines.clock c
        WHERE c.unit_id = u.unit_id AND c.stopped_at IS NULL AND {begin} AND c.due_at <= $2
        ORDER BY c.due_at, c.report_id LIMIT ${limit}) x
      ORDER BY x.due_at, x.report_id LIMIT ${limit}) page
    {_JOINED}
    """  # noqa: S608 - constants of this file


def _of_city(begin: str, limit: int) -> str:
    return f"""
    {_UNITS_ONCE} SELECT page.*, {_REPORT} FROM (
      SELECT {_CLOCK} FROM deadlines.clock c
      WHERE c.stopped_at IS NULL AND {_EVERY} AND {begin} AND c.due_at <= $1
      ORDER BY c.due_at, c.report_id LIMIT ${limit}) page
    {_JOINED}
    """  # noqa: S608 - constants of this file


# Named by the partial index of the city's list: no other statement may walk it (migration 0023).
_EVERY = "c.due_at > '-infinity'"
# One lower bound, never two: of a moment and a row the index begins at the moment, and walks to the row.
_FROM, _AFTER = "c.due_at > ${}", "(c.due_at, c.report_id) > (${}::timestamptz, ${}::uuid)"
UNIT_DUE = Listing(_of_units(_FROM.format(3), 4), _of_units(_AFTER.format(3, 4), 5))
CITY_DUE = Listing(_of_city(_FROM.format(2), 3), _of_city(_AFTER.format(2, 3), 4))
UNIT_COUNT = """
SELECT count(*) AS many FROM (SELECT 1 FROM unnest($1::int[]) u(unit_id) CROSS JOIN LATERAL (
  SELECT 1 FROM deadlines.clock c
  WHERE c.unit_id = u.unit_id AND c.stopped_at IS NULL AND c.due_at > $2 AND c.due_at <= $3
  LIMIT $4) x LIMIT $4) y
"""
CITY_COUNT = """
SELECT count(*) AS many FROM (SELECT 1 FROM deadlines.clock c
  WHERE c.stopped_at IS NULL AND c.due_at > '-infinity' AND c.due_at > $1 AND c.due_at <= $2 LIMIT $3) x
"""


class DeadlineQueries:
    """Reads of deadlines."""

    def __init__(self, database: Database, policy: PolicyEngine, clock: Present) -> None:
        self._database = database
        self._policy = policy
        self._clock = clock

    async def of_reports(self, principal: Principal, codes: Sequence[str]) -> Mapping[str, ReportDeadlines]:
        """The countdown of these reports by canonical code, for anybody who has the codes.

        A report that nothing is known of yet is left out. Raises InvalidInput for what is no code, and for
        more than a page of codes.
        """
        if len(codes) > MAX_PAGE:
            raise InvalidInput("codes")
        now = self._clock.now()
        async with self._database.read_scope(principal, _reading("deadline.track")) as scope:
            parsed = sorted({parse_report_code(code) for code in codes})
            clocks = await scope.rows(CLOCKS, parsed)
            pauses = await scope.rows(PAUSES, parsed)
            working = await _calendars(scope, clocks)
        found: dict[str, list[Any]] = {}
        for row in clocks:
            found.setdefault(row["code"], []).append(row)
        return {
            code: ReportDeadlines(
                urgency=Urgency(rows[0]["level"]),
                clocks=tuple(clock_of(row, working[row["calendar"]], now) for row in rows),
                pauses=_pauses(rows, [row for row in pauses if row["code"] == code], now),
            )
            for code, rows in found.items()
        }

    async def due(
        self, principal: OfficialPrincipal, units: tuple[str, ...] | None, scope: DueScope, page: PageRequest
    ) -> Page[DueReport]:
        """Running deadlines of the official's units by due time, the earliest first.

        `units` narrows to these. Raises InvalidInput for more than 200, Forbidden for whom the policies bar
        from every report.
        """
        now = self._clock.now()
        intent = _reading("deadline.list", principal.unit_code)
        async with self._database.read_scope(principal, intent) as reading:
            asked = await self._asked(reading, principal, units)
            listing, which = (CITY_DUE, ()) if asked is None else (UNIT_DUE, (asked,))
            low, high = _bounds(scope, now)
            # A cursor may be older than the scope's beginning.
            if page.after is None or page.after.at <= low:
                rows = await reading.rows(listing.first, *which, high, low, page.first + 1)
            else:
                place = (page.after.at, page.after.id)
                rows = await reading.rows(listing.after, *which, high, *place, page.first + 1)
            await self._decide(reading, principal, rows)
            shown = rows[: page.first]
            working = await _calendars(reading, shown)
        return Page(
            items=tuple(_due_report(row, working[row["calendar"]], now) for row in shown),
            positions=tuple(Position(row["due_at"], row["report_id"]) for row in shown),
            has_next=len(rows) > page.first,
        )

    async def forecast(self, principal: OfficialPrincipal, units: tuple[str, ...] | None) -> Forecast:
        """How many deadlines of the official's units are over or run out soon. Raises as `due`."""
        now = self._clock.now()
        intent = _reading("deadline.forecast", principal.unit_code)
        async with self._database.read_scope(principal, intent) as reading:
            asked = await self._asked(reading, principal, units)
            statement, which = (CITY_COUNT, ()) if asked is None else (UNIT_COUNT, (asked,))
            counts = []
            for scope in (DueScope.LATE, DueScope.TODAY, DueScope.WEEK):
                row = await reading.row(statement, *which, *_bounds(scope, now), COUNTED)
                counts.append(0 if row is None else int(row["many"]))
        return Forecast(*counts)

    async def pause_reasons(self, principal: Principal) -> tuple[PauseReason, ...]:
        """Why an officer may pause, in the order in which people should see them."""
        async with self._database.read_scope(principal, _reading("deadline.reasons")) as reading:
            rows = await reading.rows(_REASONS, MAX_PAGE)
        return tuple(
            PauseReason(row["code"], row["name_vi"], row["name_en"], length_of(row["longest"]))
            for row in rows
        )

    async def _asked(
        self, reading: ReadScope, principal: OfficialPrincipal, codes: tuple[str, ...] | None
    ) -> list[int] | None:
        """Inner ids of the units to list; None for the whole city. As backend/reports/filters.py."""
        everything = self._sees_everything(principal)
        if codes is None:
            return None if everything else sorted(principal.units)
        if len(codes) > MAX_UNITS:
            raise InvalidInput("units")
        rows = await reading.rows(_UNITS, [code for code in codes if is_unit_code(code)])
        found = {row["id"] for row in rows}
        return sorted(found if everything else found & principal.units)

    def _sees_everything(self, principal: OfficialPrincipal) -> bool:
        """Whether every report may be read. Raises PolicyDenied when a forbid bars from all."""
        try:
            self._policy.authorise(principal, _READ, _probe(0), now=self._clock.now())
        except PolicyDenied as refusal:
            if refusal.policies:
                raise
        else:
            return True
        if principal.units:
            self._policy.authorise(principal, _READ, _probe(min(principal.units)), now=self._clock.now())
        return False

    async def _decide(self, reading: ReadScope, principal: OfficialPrincipal, rows: Sequence[Any]) -> None:
        """Every row again: a report in the list that may not be read refuses the whole answer."""
        handlers = sorted({row["handler_id"] for row in rows})
        paths = {row["id"]: tuple(row["path"] or ()) for row in await reading.rows(_PATHS, handlers)}
        reports = [
            report_resource(
                row["report_id"],
                row["citizen_id"],
                paths[row["handler_id"]] or (row["handler_id"],),
                tuple(row["participants"]),
                row["ward_id"],
                row["state"],
            )
            for row in rows
        ]
        if reports:
            self._policy.authorise_many(principal, _READ, reports, now=self._clock.now())


def clock_of(row: Any, working: WorkingTime, now: datetime) -> Clock:
    """A clock as people see it at a moment."""
    due, stopped = row["due_at"], row["stopped_at"]
    pause = [] if row["paused_since"] is None else [(row["paused_since"], row["paused_until"])]
    remaining = timedelta(0)
    if stopped is None:
        remaining = working.between(max(now, row["started_at"]), due, pause)
    over = working.between(due, stopped or now)
    return Clock(
        kind=ClockKind(row["kind"]),
        round=row["round"],
        urgency=Urgency(row["urgency"]),
        rule=row["rule"],
        state=_state(row, now),
        started_at=row["started_at"],
        due_at=due,
        paused_since=row["paused_since"],
        paused_until=row["paused_until"],
        stopped_at=stopped,
        # Whoever has 30 seconds left has a minute, not none.
        remaining_minutes=-(-remaining // timedelta(minutes=1)),
        late_minutes=-(-over // timedelta(minutes=1)),
    )


def _state(row: Any, now: datetime) -> ClockState:
    if row["stopped_at"] is not None:
        return ClockState.MISSED if row["late"] else ClockState.MET
    if row["due_at"] <= now:
        return ClockState.OVERDUE
    if row["paused_until"] is not None and row["paused_until"] > now:
        return ClockState.PAUSED
    return ClockState.WAITING if now < row["started_at"] else ClockState.RUNNING


def _pauses(clocks: Iterable[Any], rows: Iterable[Any], now: datetime) -> tuple[Pause, ...]:
    """Pauses by officers, and for the citizen's reply, in order."""
    found = [
        Pause(
            row["reason"],
            row["name_vi"],
            row["name_en"],
            row["started_at"],
            row["until_at"],
            row["ended_at"] or _past(row["until_at"], now),
        )
        for row in rows
    ]
    for clock in clocks:
        waited = iter(clock["waited"])
        found += [
            Pause(*AWAITING, begin, end, _past(end, now)) for begin, end in zip(waited, waited, strict=True)
        ]
    return tuple(sorted(found, key=lambda pause: pause.started_at))


def _past(moment: datetime, now: datetime) -> datetime | None:
    return moment if moment <= now else None


def _due_report(row: Any, working: WorkingTime, now: datetime) -> DueReport:
    return DueReport(
        report_code=row["code"],
        category=row["category"],
        ward=PlaceName(row["ward_code"], row["ward_name"]),
        handler=PlaceName(row["handler_code"], row["handler_name"]),
        report_state=row["state"],
        clock=clock_of(row, working, now),
    )


async def _calendars(scope: ReadScope, clocks: Sequence[Any]) -> Mapping[str, WorkingTime]:
    if not clocks:
        return {}
    first = min(row["started_at"] for row in clocks)
    return await calendars(rows_of(scope), [row["calendar"] for row in clocks], first)


def _bounds(scope: DueScope, now: datetime) -> tuple[datetime, datetime]:
    """After which moment and up to which a deadline lies."""
    match scope:
        case DueScope.LATE:
            return _EVER[0], now
        case DueScope.TODAY:
            day = now.astimezone(HANOI).date() + timedelta(days=1)
            return now, datetime.combine(day, time(), HANOI)
        case DueScope.WEEK:
            return now, now + timedelta(days=7)
        case DueScope.ALL:
            return _EVER


def _probe(handler: int) -> Any:
    """A report that is not there, of nobody and handled by this unit."""
    return report_resource(_NOBODY, _NOBODY, (handler,), (), handler, "received")


def _reading(action: str, unit: str | None = None) -> AuditEvent:
    return AuditEvent(action, activity=Activity.READ, unit=unit)
