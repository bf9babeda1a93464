"""Officers' lists by any filters together: candidates newest first, looked at in bounded work.

What one index can give (words, a person's hand, a unit's or the city's list, by state) gives the candidates,
some hundreds at a time; the other filters are asked of those alone. A list that has to pass over too many
says so and wants to be narrowed, instead of reading a unit's whole past for one page.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Protocol
from uuid import UUID

from backend.reports.types import Report, ReportState, report_resource
from backend.work.errors import TooBroad
from backend.work.filters import EARLIEST, Hand, ListFilter, Standing
from foundation.clock import Clock
from foundation.database.database import Database
from foundation.database.read_scope import ReadScope
from foundation.errors import InvalidInput
from foundation.identity.principal import OfficialPrincipal
from foundation.ids import is_unit_code, parse_report_code
from foundation.paging import Page, PageRequest, Position
from foundation.policy.engine import PolicyEngine
from foundation.policy.errors import PolicyDenied
from foundation.recording import Activity, AuditEvent
from foundation.vietnamese import words

BATCH = 500
MOST_LOOKED_AT = 10_000
"""Candidates for one page; for an export five times its rows."""
MOST_WORDS = 8
FOUND_AT_ONCE = 101
"""Of a search: reports.search_units gives no more."""
LAST = UUID(int=2**128 - 1)
_NOBODY = UUID(int=0)
AHEAD = {Standing.LATE: timedelta(), Standing.DAY: timedelta(days=1), Standing.WEEK: timedelta(days=7)}

_UNITS = "SELECT id FROM tenancy.unit WHERE code || '' = ANY($1::text[])"
_PERSON = "SELECT h.id FROM work.person_of($1::text) h(id)"
# As backend/reports/sql.py: LATERAL per unit, merged; `created_at > '-infinity'` names the partial index.
_OF_UNITS = """
SELECT DISTINCT x.created_at, x.report_id AS id FROM unnest($1::int[]) u(unit_id) CROSS JOIN LATERAL (
  SELECT v.created_at, v.report_id FROM reports.report_visibility v
  WHERE v.unit_id = u.unit_id AND {} AND (v.created_at, v.report_id) < ($2::timestamptz, $3::uuid)
    AND v.created_at >= $4
  ORDER BY v.created_at DESC, v.report_id DESC LIMIT $5) x
ORDER BY 1 DESC, 2 DESC LIMIT $5
"""
_OF_CITY = """
SELECT c.created_at, c.id FROM reports.report c
WHERE {} AND (c.created_at, c.id) < ($1::timestamptz, $2::uuid) AND c.created_at >= $3
ORDER BY c.created_at DESC, c.id DESC LIMIT $4
"""
UNIT_LIST, UNIT_STATE_LIST = _OF_UNITS.format("v.created_at > '-infinity'"), _OF_UNITS.format("v.state = $6")
CITY_LIST, CITY_STATE_LIST = _OF_CITY.format("c.created_at > '-infinity'"), _OF_CITY.format("c.state = $5")
IN_HAND = """
SELECT r.created_at, r.id FROM work.file f JOIN reports.report r ON r.id = f.report_id
WHERE f.assignee_id = $1 AND ($6::int[] IS NULL OR r.visible_units && $6::int[])
  AND (r.created_at, r.id) < ($2::timestamptz, $3::uuid) AND r.created_at >= $4
ORDER BY r.created_at DESC, r.id DESC LIMIT $5
"""
_SEARCH = """
SELECT r.created_at, r.id
FROM {}($1::int[], $2::text[], $3::text, $4::timestamptz, $5::uuid, $6) found(report_id)
JOIN reports.report r ON r.id = found.report_id ORDER BY r.created_at DESC, r.id DESC
"""
UNIT_SEARCH, CITY_SEARCH = _SEARCH.format("reports.search_units"), _SEARCH.format("reports.search_city")
FITTING = """
SELECT r.id, r.code, r.created_at FROM unnest($1::uuid[]) asked(id) JOIN reports.report r ON r.id = asked.id
LEFT JOIN work.file f ON f.report_id = r.id
WHERE ($2::text IS NULL OR r.state = $2) AND ($3::text IS NULL OR r.category = $3)
  AND ($4::text IS NULL OR r.ward_id = (SELECT w.id FROM tenancy.unit w WHERE w.code = $4))
  AND ($5::text IS NULL OR (f.assignee_id IS NULL) = ($5 = 'nobody'))
  AND ($6::timestamptz IS NULL OR EXISTS (SELECT FROM deadlines.clock c
    WHERE c.report_id = r.id AND c.stopped_at IS NULL AND c.due_at <= $6 AND c.due_at > $7))
  AND ($8::text IS NULL OR work.channel_of(r.id) = $8) AND ($9::uuid IS NULL OR f.assignee_id = $9)
ORDER BY r.created_at DESC, r.id DESC
"""


class Reports(Protocol):
    """backend.reports.queries.ReportQueries."""

    async def by_codes(self, principal: OfficialPrincipal, codes: Sequence[str]) -> Mapping[str, Report]:
        """The reports among these that may be read, by canonical code."""
        ...


class Finder:
    """Lists by filters. Row-level security is the wall; each report shown is decided by the policies."""

    def __init__(self, database: Database, policy: PolicyEngine, clock: Clock, reports: Reports) -> None:
        self._database = database
        self._policy = policy
        self._clock = clock
        self._reports = reports

    async def find(self, principal: OfficialPrincipal, wanted: ListFilter, page: PageRequest) -> Page[Report]:
        """Reports of the official's units that fit, newest first.

        Raises InvalidInput, TooBroad when too many are passed over, Forbidden for whom the policies bar.
        """
        places, has_next = await self.places(principal, wanted, page.first, page.after)
        found = await self._reports.by_codes(principal, [code for code, _ in places]) if places else {}
        shown = [(found[code], position) for code, position in places if code in found]
        return Page(
            items=tuple(report for report, _ in shown),
            positions=tuple(position for _, position in shown),
            has_next=has_next,
        )

    async def places(
        self, principal: OfficialPrincipal, wanted: ListFilter, first: int, after: Position | None
    ) -> tuple[list[tuple[str, Position]], bool]:
        """Codes with their positions, and whether more follow. Raises as `find`."""
        intent = AuditEvent("report.list", activity=Activity.READ, unit=principal.unit_code)
        async with self._database.read_scope(principal, intent) as scope:
            wanted = wanted.checked()
            self._check(principal)
            walk = _Walk(scope, principal, wanted, self._clock.now())
            await walk.begin()
            found = await walk.until(first + 1, after)
        return found[:first], len(found) > first

    def _check(self, principal: OfficialPrincipal) -> None:
        """Raise Forbidden when a policy bars the person from every report."""
        unit = min(principal.units, default=0)
        probe = report_resource(_NOBODY, _NOBODY, (unit,), (), unit, ReportState.RECEIVED)
        try:
            self._policy.authorise(principal, "report.read", probe, now=self._clock.now())
        except PolicyDenied as refusal:
            # Nothing allows it and nothing forbids it: an official without units lists nothing.
            if refusal.policies:
                raise


class _Walk:
    """One list as it is looked through."""

    def __init__(
        self, scope: ReadScope, principal: OfficialPrincipal, wanted: ListFilter, now: datetime
    ) -> None:
        self._scope = scope
        self._principal = principal
        self._wanted = wanted
        self._now = now
        self._units: list[int] | None = None
        self._person: UUID | None = None
        self._words: list[str] = []

    async def begin(self) -> None:
        """Look up units and people that are named. What may not be seen is left out without a word."""
        wanted, principal = self._wanted, self._principal
        if wanted.units is not None:
            codes = [code for code in wanted.units if is_unit_code(code)]
            found = {row["id"] for row in await self._scope.rows(_UNITS, codes)}
            self._units = sorted(found if principal.city_level else found & principal.units)
        elif not principal.city_level:
            self._units = sorted(principal.units)
        if wanted.hand is Hand.MINE:
            self._person = principal.official_id
        elif wanted.assignee is not None:
            row = await self._scope.row(_PERSON, parse_report_code(wanted.assignee))
            self._person = _NOBODY if row is None or row["id"] is None else row["id"]
        if wanted.search is not None:
            self._words = list(words(wanted.search))
            if not 1 <= len(self._words) <= MOST_WORDS:
                raise InvalidInput("search")

    async def until(self, many: int, after: Position | None) -> list[tuple[str, Position]]:
        """The first `many` that fit, after a position. Raises TooBroad."""
        begin, end = self._wanted.bounds()
        at, last = end, _NOBODY
        if after is not None and after.at < end:
            at, last = after.at, after.id
        found: list[tuple[str, Position]] = []
        looked_at = 0
        while len(found) < many:
            candidates = await self._candidates(at, last, begin)
            if not candidates:
                break
            at, last = candidates[-1]
            within = [report for moment, report in candidates if moment >= begin]
            found += await self._fitting(within)
            looked_at += len(candidates)
            if len(within) < len(candidates):
                break
            if looked_at >= max(MOST_LOOKED_AT, 5 * many if many > 1_000 else 0) and len(found) < many:
                raise TooBroad
        return found[:many]

    async def _candidates(self, at: datetime, last: UUID, begin: datetime) -> list[tuple[datetime, UUID]]:
        scope, state, units = self._scope, self._wanted.state, self._units
        by_state = () if state is None else (state,)
        if self._words:
            name = CITY_SEARCH if self._principal.city_level else UNIT_SEARCH
            rows = await scope.rows(name, units, self._words, state, at, last, FOUND_AT_ONCE)
        elif self._person is not None:
            rows = await scope.rows(IN_HAND, self._person, at, last, begin, BATCH, units)
        elif units is None:
            statement = CITY_LIST if state is None else CITY_STATE_LIST
            rows = await scope.rows(statement, at, last, begin, BATCH, *by_state)
        else:
            statement = UNIT_LIST if state is None else UNIT_STATE_LIST
            rows = await scope.rows(statement, units, at, last, begin, BATCH, *by_state)
        return [(row["created_at"], row["id"]) for row in rows]

    async def _fitting(self, candidates: list[UUID]) -> list[tuple[str, Position]]:
        wanted = self._wanted
        hand = wanted.hand if wanted.hand in {Hand.NOBODY, Hand.SOMEBODY} else None
        until = None if wanted.standing is None else self._now + AHEAD[wanted.standing]
        since = EARLIEST if wanted.standing is Standing.LATE else self._now
        rows = await self._scope.rows(
            FITTING,
            candidates,
            wanted.state,
            wanted.category,
            wanted.ward,
            hand,
            until,
            since,
            wanted.channel,
            self._person,
        )
        return [(row["code"], Position(row["created_at"], row["id"])) for row in rows]
