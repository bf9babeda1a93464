"""Reads of media: the files of a report, one form of one file, and links to it."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any
from uuid import UUID

import structlog

from backend.media import sql
from backend.media.access import media_of, released_resource, resource_of
from backend.media.links import Link, LinkSigner
from backend.media.store import MediaStore, ObjectAbsent
from backend.media.types import MOST_FILES, Media, MediaState, Opened, Size
from backend.reports.types import readers_of
from foundation.clock import Clock
from foundation.database.database import Database
from foundation.database.read_scope import ReadScope
from foundation.errors import InvalidInput, NotFound, Refusal
from foundation.identity.principal import OfficialPrincipal, Principal
from foundation.ids import parse_report_code
from foundation.paging import MAX_PAGE
from foundation.policy.engine import Decision, PolicyEngine
from foundation.recording import Activity, AuditEvent

READ = AuditEvent("media.read", activity=Activity.READ)
LINK = AuditEvent("media.link", activity=Activity.READ)

log = structlog.get_logger()


class MediaQueries:
    """Who may read the report reads its files; anybody reads what an officer released."""

    def __init__(
        self, *, database: Database, policy: PolicyEngine, store: MediaStore, links: LinkSigner, clock: Clock
    ) -> None:
        self._database = database
        self._policy = policy
        self._store = store
        self._links = links
        self._clock = clock

    async def of_reports(
        self, principal: Principal, codes: Sequence[str]
    ) -> Mapping[str, tuple[Media, ...]]:
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

    async def open(self, principal: Principal, media_id: UUID, size: Size) -> Opened:
        """The octets of one form. Raises NotFound for hidden and absent alike, and Forbidden."""
        async with self._database.read_scope(principal, replace(READ, resource=f"media:{media_id}")) as scope:
            row, _ = await self._readable(scope, principal, media_id, size)
        return Opened(row.content, await self._octets(media_id, size))

    async def link(self, principal: Principal, media_id: UUID, size: Size) -> tuple[Link, str]:
        """A link to one form for 60 s, with its signature; an event. Raises as `open`."""
        intent = replace(LINK, resource=f"media:{media_id}")
        async with self._database.read_scope(principal, intent) as scope:
            media, decision = await self._readable(scope, principal, media_id, size)
        async with self._database.unit_of_work(principal, intent) as work:
            await work.record(replace(intent, policies=decision.policies))
            await work.commit()
        return self._links.sign(media_id, size, media.content, self._clock.now())

    async def follow(self, link: Link, signature: str) -> Opened:
        """The octets that a link names. Raises LinkInvalid, NotFound."""
        self._links.check(link, signature, self._clock.now())
        return Opened(link.content, await self._octets(link.media_id, link.size))

    async def _readable(
        self, scope: ReadScope, principal: Principal, media_id: UUID, size: Size
    ) -> tuple[Media, Decision]:
        row = await scope.row(sql.ONE, media_id)
        if row is None:
            raise NotFound
        decision = self._decided(principal, row)
        media = media_of(row, row["code"] or "")
        if size not in media.sizes:
            raise NotFound
        return media, decision

    def _inside(self, principal: Principal, report: Any) -> UUID:
        """The report's id, when its files may be read. Raises NotFound, Forbidden."""
        if report is None:
            raise NotFound
        self._policy.authorise(principal, READ.action, resource_of(report), now=self._clock.now())
        found: UUID = report["report_id"]
        return found

    def _decided(self, principal: Principal, row: Any) -> Decision:
        now = self._clock.now()
        if row["report_id"] is not None:
            return self._policy.authorise(principal, READ.action, resource_of(row), now=now)
        # Row-level security shows a file without its report only when it is released; asked once more.
        if row["state"] != MediaState.RELEASED:
            raise NotFound
        return self._policy.authorise(principal, "media.follow", released_resource(row), now=now)

    async def _octets(self, media_id: UUID, size: Size) -> bytes:
        try:
            return await self._store.get(media_id, size)
        except ObjectAbsent as error:
            log.error("media_object_absent", media=str(media_id), size=size.value)
            raise NotFound from error


async def _reports(scope: ReadScope, principal: Principal, codes: Sequence[str]) -> Sequence[Any]:
    if isinstance(principal, OfficialPrincipal) and principal.city_level:
        return await scope.rows(sql.CITY_REPORTS, codes)
    return await scope.rows(sql.REPORTS, codes, list(readers_of(principal)))
