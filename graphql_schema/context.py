"""What a resolver has at hand: who asks, the services, the codecs, the language."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any, TypeVar

import strawberry
import structlog

from backend.deadlines.types import ReportDeadlines
from backend.media.types import Media
from backend.reports.types import TimelineEntry
from backend.vault_gateway.types import NO_CREDENTIALS, Credentials
from backend.work.types import Work
from foundation.cursors import Cursors, NamePosition, Person, person_of
from foundation.directory_queue import Asking
from foundation.errors import Forbidden, NotFound, Refusal
from foundation.idempotency import Idempotency
from foundation.identity.body_proofs import DigestRequired, check_body
from foundation.identity.principal import CitizenPrincipal, OfficialPrincipal, Principal
from foundation.ids import GlobalIds
from foundation.paging import PageRequest, Position
from foundation.recording import AuditEvent
from graphql_schema.batches import Batch
from graphql_schema.services import Services

Record = Callable[[Principal, AuditEvent, Refusal], Awaitable[None]]

T = TypeVar("T")

DEFAULT_PAGE = 20

log = structlog.get_logger()


@dataclass(frozen=True, slots=True, kw_only=True)
class Codecs:
    """Seals of opaque ids and cursors."""

    global_ids: GlobalIds
    cursors: Cursors


@dataclass(frozen=True, slots=True, kw_only=True)
class GraphQLContext:
    """One request. Only the composition root and the HTTP handler build it."""

    principal: Principal
    services: Services
    codecs: Codecs
    language: str
    request_id: str
    body_digest: Callable[[], bytes]
    """SHA-256 of documentId ‖ RFC 8785 form of the variables without the key; raises InvalidInput."""
    record_refusal: Record
    unread: list[str] = field(default_factory=list)
    """Reads after a change that failed: the change stands, so the answer has no error, but says so."""
    seconds: float = 10.0
    """For the execution; after a commit, for each read."""
    sent: Asking | None = None
    """Body, token and proof as they came; None without them. Ask for `asking`, which checks them."""
    vault_credentials: Credentials = NO_CREDENTIALS
    """For the vault alone: copied unread."""
    timelines: Batch[tuple[TimelineEntry, ...]] = field(init=False)
    media: Batch[tuple[Media, ...]] = field(init=False)
    deadlines: Batch[ReportDeadlines] = field(init=False)
    work: Batch[Work] = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "timelines", Batch(self._read_timelines))
        object.__setattr__(self, "media", Batch(self._read_media))
        object.__setattr__(self, "deadlines", Batch(self._read_deadlines))
        object.__setattr__(self, "work", Batch(self._read_work))

    async def _read_timelines(self, codes: Sequence[str]) -> Mapping[str, tuple[TimelineEntry, ...]]:
        async with asyncio.timeout(self.seconds):
            return await self.services.reports.timelines(self.principal, codes)

    async def _read_media(self, codes: Sequence[str]) -> Mapping[str, tuple[Media, ...]]:
        async with asyncio.timeout(self.seconds):
            return await self.services.media.of_reports(self.principal, codes)

    async def _read_deadlines(self, codes: Sequence[str]) -> Mapping[str, ReportDeadlines]:
        async with asyncio.timeout(self.seconds):
            return await self.services.deadlines.reads.of_reports(self.principal, codes)

    async def _read_work(self, codes: Sequence[str]) -> Mapping[str, Work]:
        async with asyncio.timeout(self.seconds):
            return await self.services.work.reads.of_reports(self.principal, codes)

    @property
    def person(self) -> Person:
        """(iss, sub), what cursors are bound to."""
        return person_of(self.principal)

    @property
    def asking(self) -> Asking:
        """What the device signed for this very request. Raises DigestRequired when that is not its body."""
        if self.sent is None:
            raise DigestRequired
        check_body(self.sent.proof, self.sent.body)
        return self.sent

    def citizen(self) -> CitizenPrincipal:
        """The citizen who asks. Raises Forbidden for everybody else."""
        if not isinstance(self.principal, CitizenPrincipal):
            raise Forbidden
        return self.principal

    def official(self) -> OfficialPrincipal:
        """The official who asks. Raises Forbidden for everybody else."""
        if not isinstance(self.principal, OfficialPrincipal):
            raise Forbidden
        return self.principal

    def owner(self) -> CitizenPrincipal | OfficialPrincipal:
        """The person who asks. Raises Forbidden for everybody else."""
        if not isinstance(self.principal, CitizenPrincipal | OfficialPrincipal):
            raise Forbidden
        return self.principal

    def idempotency(self, key: str) -> Idempotency:
        """The key with the digest of this request's body. Raises InvalidInput."""
        return Idempotency(key, self.body_digest())

    def page(self, list_field: str, first: int, after: str | None) -> PageRequest:
        """A page of a list ordered by time. Raises InvalidInput or CursorExpired."""
        position = None if after is None else self.codecs.cursors.moment(list_field, self.person, after)
        return PageRequest(first, position)

    def named_page(self, list_field: str, first: int, after: str | None) -> tuple[int, NamePosition | None]:
        """A page of an alphabetical list. Raises InvalidInput or CursorExpired."""
        position = None if after is None else self.codecs.cursors.name(list_field, self.person, after)
        return PageRequest(first).first, position

    def cursor(self, list_field: str, position: Position | NamePosition) -> str:
        """The cursor of a row of `list_field` for this person."""
        if isinstance(position, Position):
            return self.codecs.cursors.of_moment(list_field, self.person, position)
        return self.codecs.cursors.of_name(list_field, self.person, position)

    async def read_after_change(self, read: Awaitable[T]) -> T | None:
        """What `read` gives, None when it fails: an answer with an error has changed nothing."""
        try:
            async with asyncio.timeout(self.seconds):
                return await read
        except NotFound:
            return None
        except Exception:
            log.exception("read_after_change_failed", request_id=self.request_id)
            self.unread.append("report")
            return None

    @asynccontextmanager
    async def parsing(self, action: str) -> AsyncIterator[None]:
        """Around what a resolver checks itself: a refusal is recorded here, for no service has seen it."""
        try:
            yield
        except Refusal as refusal:
            await self.record_refusal(self.principal, AuditEvent(action), refusal)
            raise


Info = strawberry.Info[GraphQLContext, Any]
