"""Which files a report has: no octets, so no store."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any
from uuid import UUID

from backend.media import sql
from backend.media.access import media_of, released_resource, resource_of
from backend.media.queries import READ
from backend.media.types import MOST_FILES, Media
from backend.reports.types import readers_of
from foundation.clock import Clock
from foundation.database.database import Database
from foundation.database.read_scope import ReadScope
from foundation.errors import InvalidInput, NotFound, Refusal
from foundation.identity.principal import OfficialPrincipal, Principal
from foundation.ids import parse_report_code
from foundation.paging import MAX_PAGE
from foundation.policy.engine import PolicyEngine
from foundation.recording import Activity, AuditEvent


class MediaListing:
    """The files of reports, for who may read them, and of one report for anybody."""

    def __init__(self, database: Database, policy: PolicyEngine, clock: Clock) -> None:
        self._database = database
        self._policy = policy
        self._clock = clock

    async def of_reports(self, principal: Principal, codes: Sequence[str]) -> Mapping[str, tuple[Media, ...]]:
        """The files of these reports by canonical code, in the order of coming, in one transaction.

        A report that may not be read is left out, and the refusal recorded. Raises InvalidInput for what is
        no code, and for more than a page of codes.
        """
        if len(codes) > MAX_PAGE:
            raise InvalidInput("codes")
        refused: dict[str, Refusal] = {}
        async with self._database.read_scope(principal, READ) as scope:
            parsed = sorted({parse_report_code(code) for code in codes})
            reports = {row["code"]: row for row in await _reports(scope, principal, parsed)}
            seen: dict[UUID, str] = {}
            for code in parsed:
                try:
                    seen[self._inside(principal, reports.get(code))] = code
                except Refusal as refusal:
                    refused[code] = refusal
            rows = await scope.rows(sql.OF_REPORTS, list(seen), MOST_FILES)
        for code, why in refused.items():
            await self._database.record_refusal(principal, replace(READ, resource=f"report:{code}"), why)
        found: dict[str, list[Media]] = {code: [] for code in seen.values()}
        for row in rows:
            code = seen[row["report_id"]]
            found[code].append(media_of(row, code))
        return {code: tuple(files) for code, files in found.items()}

    async def released(self, principal: Principal, code: str) -> tuple[Media, ...]:
        """What an officer released of a report, for anybody; nothing for an absent one."""
        parsed = parse_report_code(code)
        intent = AuditEvent("media.follow", activity=Activity.READ, resource=f"report:{parsed}")
        async with self._database.read_scope(principal, intent) as scope:
            rows = await scope.rows(sql.RELEASED, parsed)
            for row in rows:
                self._policy.authorise(
                    principal, "media.follow", released_resource(row), now=self._clock.now()
                )
        return tuple(media_of(row, parsed) for row in rows)

    def _inside(self, principal: Principal, report: Any) -> UUID:
        """The report's id, when its files may be read. Raises NotFound, Forbidden."""
        if report is None:
            raise NotFound
        self._policy.authorise(principal, READ.action, resource_of(report), now=self._clock.now())
        found: UUID = report["report_id"]
        return found


async def _reports(scope: ReadScope, principal: Principal, codes: Sequence[str]) -> Sequence[Any]:
    if isinstance(principal, OfficialPrincipal) and principal.city_level:
        return await scope.rows(sql.CITY_REPORTS, codes)
    return await scope.rows(sql.REPORTS, codes, list(readers_of(principal)))
