"""Reads of reports: lists in constant work, one report, its timeline, and what anybody may follow."""

import random
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from uuid import UUID

import asyncpg

from backend.reports.filters import ReportFilter
from backend.reports.joined import joined_of
from backend.reports.limits import checked_search
from backend.reports.sql import (
    CITY_LIST,
    CITY_MANY,
    CITY_ONE,
    CITY_SEARCH,
    CITY_STATE_LIST,
    LEGAL_REASONS,
    MANY,
    MINE,
    ONE,
    PUBLIC,
    PUBLIC_TIMELINE,
    TIMELINE,
    TIMELINES,
    UNIT_IDS,
    UNIT_LIST,
    UNIT_SEARCH,
    UNIT_STATE_LIST,
    Listing,
    since_of,
)
from backend.reports.types import (
    ClosingReason,
    LegalReason,
    OpenedReport,
    Openings,
    PublicReport,
    PublicTimelineEntry,
    Report,
    ReportState,
    ReportStep,
    TimelineEntry,
    UnitRef,
    readers_of,
    report_resource,
)
from foundation.clock import HANOI, Clock
from foundation.database.database import Database
from foundation.database.read_scope import ReadScope
from foundation.errors import InvalidInput, NotFound, Refusal
from foundation.identity.principal import CitizenPrincipal, OfficialPrincipal, Principal
from foundation.ids import is_unit_code, parse_report_code
from foundation.paging import MAX_PAGE, Page, PageRequest, Position
from foundation.policy.engine import PolicyEngine
from foundation.recording import Activity, AuditEvent

MAX_UNITS_ASKED = 200
# Of a search: its work grows with the units (docs/decisions/0005-visibility-table.md).
MAX_UNITS_SEARCHED = 20
MAX_TIMELINE = 1_000
MAX_LEGAL_REASONS = 50
# Notes between officers: the citizen sees that a report went on, not what one office wrote to another.
INTERNAL_STEPS = frozenset({ReportStep.FORWARDED, ReportStep.MERGED, ReportStep.UNMERGED})


class ReportQueries:
    """Reads of reports. Row-level security is the wall; the policy decides single objects as well.

    Of the lists a share `recheck` (0 to 1) is decided again, row by row; `draw` gives numbers in [0, 1).
    What an official gets to see is told to `openings` first; None: nobody keeps it.
    """

    def __init__(
        self,
        database: Database,
        policy: PolicyEngine,
        clock: Clock,
        recheck: float = 1.0,
        draw: Callable[[], float] = random.random,
        openings: Openings | None = None,
    ) -> None:
        self._database = database
        self._policy = policy
        self._clock = clock
        self._openings = openings
        self._filter = ReportFilter(database, policy, clock, recheck, draw)

    async def mine(self, principal: CitizenPrincipal, page: PageRequest) -> Page[Report]:
        """The citizen's own reports, newest first."""
        intent = AuditEvent("report.list_own", activity=Activity.READ)
        async with self._database.read_scope(principal, intent) as scope:
            self._filter.own(principal)
            rows = await _listed(scope, MINE, page, principal.citizen_id)
            await self._filter.recheck(scope, principal, rows)
        return _page(rows, page, principal)

    async def of_units(
        self,
        principal: OfficialPrincipal,
        page: PageRequest,
        units: tuple[str, ...] | None,
        state: ReportState | None,
        search: str | None = None,
    ) -> Page[Report]:
        """Reports that the official's units handle or handled, newest first.

        `units` narrows to these units; what the official may not see is left out without a word. `search`
        narrows to reports whose text, place or code has all its words, with or without diacritics, the last
        word also begun only. Raises InvalidInput for more than 200 units (20 with a search) and as
        `checked_search`, Forbidden for whom the policies bar from every report.
        """
        intent = AuditEvent("report.list", activity=Activity.READ, unit=principal.unit_code)
        async with self._database.read_scope(principal, intent) as scope:
            wanted = _wanted(search, units)
            asked = await self._asked(scope, principal, units)
            if wanted is None:
                rows = await _unit_rows(scope, asked, state, page)
            else:
                rows = await _found_rows(scope, principal, asked, wanted, state, page)
            await self._filter.recheck(scope, principal, rows)
        await self._opened(principal, rows[: page.first], listed=True)
        return _page(rows, page, principal)

    async def one(self, principal: Principal, code: str) -> Report:
        """One report. Raises NotFound for hidden and absent alike, InvalidInput for no code at all."""
        async with self._database.read_scope(principal, _read()) as scope:
            row = await self._authorised(scope, principal, code)
        await self._opened(principal, [row])
        return _report(row, principal)

    async def timeline(self, principal: Principal, code: str) -> tuple[TimelineEntry, ...]:
        """Everything that happened to one report, oldest first. Raises as `one`."""
        async with self._database.read_scope(principal, _read()) as scope:
            row = await self._authorised(scope, principal, code)
            rows = await scope.rows(TIMELINE, row["id"], MAX_TIMELINE, since_of(row["id"]))
        await self._opened(principal, [row])
        official = isinstance(principal, OfficialPrincipal)
        return tuple(_entry(entry, shows_internal=official) for entry in rows)

    async def legal_reasons(self, principal: Principal) -> tuple[LegalReason, ...]:
        """The grounds on which a report may be refused today, in the order in which they are shown."""
        async with self._database.read_scope(principal, _read()) as scope:
            today = self._clock.now().astimezone(HANOI).date()
            rows = await scope.rows(LEGAL_REASONS, today, MAX_LEGAL_REASONS)
        return tuple(
            LegalReason(
                row["code"],
                ClosingReason(row["closing_reason"]),
                row["name_vi"],
                row["name_en"],
                row["basis"],
            )
            for row in rows
        )

    async def timelines(
        self, principal: Principal, codes: Sequence[str]
    ) -> Mapping[str, tuple[TimelineEntry, ...]]:
        """The timelines of these reports by canonical code, in one transaction whatever their number.

        A report that may not be read is left out, and the refusal recorded. Raises InvalidInput for what is
        no code, and for more than a page of codes.
        """
        if len(codes) > MAX_PAGE:
            raise InvalidInput("codes")
        refused: dict[str, Refusal] = {}
        async with self._database.read_scope(principal, _read()) as scope:
            parsed = sorted({parse_report_code(code) for code in codes})
            rows = {row["code"]: row for row in await _rows_of(scope, principal, parsed)}
            seen: dict[UUID, str] = {}
            for code in parsed:
                try:
                    seen[self._decided(principal, rows.get(code))["id"]] = code
                except Refusal as refusal:
                    refused[code] = refusal
            entries = await scope.rows(TIMELINES, list(seen), MAX_TIMELINE, [since_of(id) for id in seen])
        for code, why in refused.items():
            intent = replace(_read(), resource=f"report:{code}")
            await self._database.record_refusal(principal, intent, why)
        await self._opened(principal, [rows[code] for code in seen.values()])
        official = isinstance(principal, OfficialPrincipal)
        found: dict[str, list[TimelineEntry]] = {code: [] for code in seen.values()}
        for entry in entries:
            found[seen[entry["report_id"]]].append(_entry(entry, shows_internal=official))
        return {code: tuple(timeline) for code, timeline in found.items()}

    async def by_codes(self, principal: OfficialPrincipal, codes: Sequence[str]) -> Mapping[str, Report]:
        """These reports by canonical code; what may not be read is left out, and the refusal recorded.

        Raises InvalidInput for what is no code, and for more than a page of codes.
        """
        if len(codes) > MAX_PAGE:
            raise InvalidInput("codes")
        refused: dict[str, Refusal] = {}
        allowed: list[asyncpg.Record] = []
        async with self._database.read_scope(principal, _read()) as scope:
            parsed = sorted({parse_report_code(code) for code in codes})
            for row in await _rows_of(scope, principal, parsed):
                try:
                    allowed.append(self._decided(principal, row))
                except Refusal as refusal:
                    refused[row["code"]] = refusal
        for code, why in refused.items():
            await self._database.record_refusal(principal, replace(_read(), resource=f"report:{code}"), why)
        await self._opened(principal, allowed, listed=True)
        return {row["code"]: _report(row, principal) for row in allowed}

    async def track(self, principal: Principal, code: str) -> PublicReport:
        """What anybody who has the code may see: no text, no exact place. Raises as `one`."""
        intent = AuditEvent("report.track", activity=Activity.READ)
        async with self._database.read_scope(principal, intent) as scope:
            parsed = parse_report_code(code)
            scope.intent = replace(intent, resource=f"report:{parsed}")
            row = await scope.row(PUBLIC, parsed)
            if row is None:
                raise NotFound
            entries = await scope.rows(PUBLIC_TIMELINE, parsed, MAX_TIMELINE)
        return _public_report(row, entries)

    async def _opened(
        self, principal: Principal, rows: Sequence[asyncpg.Record], *, listed: bool = False
    ) -> None:
        """Raises what makes keeping it impossible: what nobody can account for is not shown."""
        if self._openings is None or not isinstance(principal, OfficialPrincipal):
            return
        opened = [OpenedReport(row["id"], row["code"]) for row in rows]
        await self._openings.note(principal, opened, listed=listed)

    async def _authorised(self, scope: ReadScope, principal: Principal, code: str) -> asyncpg.Record:
        parsed = parse_report_code(code)
        scope.intent = replace(scope.intent, resource=f"report:{parsed}")
        return self._decided(principal, await _one_row(scope, principal, parsed))

    def _decided(self, principal: Principal, row: asyncpg.Record | None) -> asyncpg.Record:
        """The row, when the policies let it be read. Raises NotFound or Forbidden."""
        if row is None:
            raise NotFound
        resource = report_resource(
            row["id"],
            row["citizen_id"],
            tuple(row["handler_path"]),
            tuple(row["participants"]),
            row["ward_id"],
            row["state"],
        )
        self._policy.authorise(principal, "report.read", resource, now=self._clock.now())
        return row

    async def _asked(
        self, scope: ReadScope, principal: OfficialPrincipal, codes: tuple[str, ...] | None
    ) -> list[int] | None:
        """Inner ids of the units to list; None for the whole city. Raises as `ReportFilter.of_units`."""
        listable = self._filter.of_units(principal)
        if codes is None:
            return None if listable.everything else sorted(listable.units)
        if len(codes) > MAX_UNITS_ASKED:
            raise InvalidInput("units")
        rows = await scope.rows(UNIT_IDS, [code for code in codes if is_unit_code(code)])
        found = {row["id"] for row in rows}
        return sorted(found if listable.everything else found & listable.units)


def _wanted(search: str | None, units: tuple[str, ...] | None) -> list[str] | None:
    """The words of a search, None without one. Raises InvalidInput."""
    if search is None:
        return None
    if units is not None and len(units) > MAX_UNITS_SEARCHED:
        raise InvalidInput("units")
    return checked_search(search)


async def _unit_rows(
    scope: ReadScope, asked: list[int] | None, state: ReportState | None, page: PageRequest
) -> Sequence[asyncpg.Record]:
    if asked is None:
        if state is None:
            return await _listed(scope, CITY_LIST, page)
        return await _listed(scope, CITY_STATE_LIST, page, state)
    if state is None:
        return await _listed(scope, UNIT_LIST, page, asked)
    return await _listed(scope, UNIT_STATE_LIST, page, asked, state)


async def _found_rows(
    scope: ReadScope,
    principal: OfficialPrincipal,
    asked: list[int] | None,
    words: list[str],
    state: ReportState | None,
    page: PageRequest,
) -> Sequence[asyncpg.Record]:
    if principal.city_level:
        return await _listed(scope, CITY_SEARCH, page, asked, words, state)
    units = sorted(principal.units) if asked is None else asked
    return await _listed(scope, UNIT_SEARCH, page, units, words, state)


async def _listed(
    scope: ReadScope, listing: Listing, page: PageRequest, *filters: object
) -> Sequence[asyncpg.Record]:
    """One row more than the page, to know whether more follow."""
    if page.after is None:
        return await scope.rows(listing.first, *filters, page.first + 1)
    return await scope.rows(listing.after, *filters, page.after.at, page.after.id, page.first + 1)


async def _one_row(scope: ReadScope, principal: Principal, code: str) -> asyncpg.Record | None:
    if isinstance(principal, OfficialPrincipal) and principal.city_level:
        return await scope.row(CITY_ONE, code)
    return await scope.row(ONE, code, list(readers_of(principal)))


async def _rows_of(scope: ReadScope, principal: Principal, codes: Sequence[str]) -> Sequence[asyncpg.Record]:
    if isinstance(principal, OfficialPrincipal) and principal.city_level:
        return await scope.rows(CITY_MANY, codes)
    return await scope.rows(MANY, codes, list(readers_of(principal)))


def _read() -> AuditEvent:
    return AuditEvent("report.read", activity=Activity.READ)


def _page(rows: Sequence[asyncpg.Record], page: PageRequest, principal: Principal) -> Page[Report]:
    shown = rows[: page.first]
    return Page(
        items=tuple(_report(row, principal) for row in shown),
        positions=tuple(Position(row["created_at"], row["id"]) for row in shown),
        has_next=len(rows) > page.first,
    )


def _report(row: asyncpg.Record, principal: Principal) -> Report:
    return Report(
        code=row["code"],
        category=row["category"],
        ward=UnitRef(row["ward_code"], row["ward_name"]),
        handler=UnitRef(row["handler_code"], row["handler_name"]),
        place=row["place"],
        body=row["body"],
        state=ReportState(row["state"]),
        answer=row["answer"],
        closing_reason=_closing(row),
        routing_reason=row["routing_rule"],
        version=row["version"],
        created_at=row["created_at"],
        updated_at=row["updated_at"],
        mine=isinstance(principal, CitizenPrincipal) and row["citizen_id"] == principal.citizen_id,
        legal_reason=row["legal_reason"],
        closed_at=row["closed_at"],
        reopened_at=row["reopened_at"],
        joined=None if row["joined"] is None else joined_of(row["joined"]),
        merged_count=row["merged_count"] if isinstance(principal, OfficialPrincipal) else 0,
    )


def _entry(row: asyncpg.Record, *, shows_internal: bool) -> TimelineEntry:
    step = ReportStep(row["kind"])
    hidden = step in INTERNAL_STEPS and not shows_internal
    return TimelineEntry(
        version=row["version"],
        at=row["at"],
        step=step,
        from_state=None if row["from_state"] is None else ReportState(row["from_state"]),
        to_state=ReportState(row["to_state"]),
        unit=UnitRef(row["unit_code"], row["unit_name"]),
        actor=row["actor_kind"],
        note=None if hidden else row["note"],
        stars=row["stars"],
    )


def _public_report(row: asyncpg.Record, entries: Sequence[asyncpg.Record]) -> PublicReport:
    return PublicReport(
        code=row["code"],
        category=row["category"],
        ward=UnitRef(row["ward_code"], row["ward_name"]),
        handler=UnitRef(row["handler_code"], row["handler_name"]),
        state=ReportState(row["state"]),
        closing_reason=_closing(row),
        created_at=row["created_at"],
        updated_at=row["updated_at"],
        timeline=tuple(
            PublicTimelineEntry(
                version=entry["version"],
                at=entry["at"],
                step=ReportStep(entry["kind"]),
                to_state=ReportState(entry["to_state"]),
                unit=UnitRef(entry["unit_code"], entry["unit_name"]),
            )
            for entry in entries
        ),
        merged_into=row["merged_into"],
    )


def _closing(row: asyncpg.Record) -> ClosingReason | None:
    return None if row["closing_reason"] is None else ClosingReason(row["closing_reason"])
