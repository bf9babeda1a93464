"""Reads of media: one form of one file, and links to it."""

from dataclasses import replace
from typing import Any
from uuid import UUID

import structlog

from backend.media import sql
from backend.media.access import media_of, released_resource, resource_of
from backend.media.links import Link, LinkSigner
from backend.media.store import MediaStore, ObjectAbsent
from backend.media.types import Media, MediaState, Opened, Size
from foundation.clock import Clock
from foundation.database.database import Database
from foundation.database.read_scope import ReadScope
from foundation.errors import NotFound
from foundation.identity.principal import Principal
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
