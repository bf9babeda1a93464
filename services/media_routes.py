"""`/media`: files of reports come in by POST; GET reads them, with token and proof or by a signed link."""

import asyncio
import re
import time
from collections import Counter
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from http import HTTPStatus
from typing import Any
from urllib.parse import parse_qsl, urlencode

import orjson
import structlog
from litestar import asgi
from litestar.handlers import ASGIRouteHandler
from litestar.types import HTTPScope, Receive, Scope, Send

from backend.media.content import HEAD, MEBIBYTE, check_size, content_of, largest_of
from backend.media.errors import BrokenOff, Busy, MediaRefusal, TooLarge, TooSlow
from backend.media.links import Link, LinkSigner
from backend.media.processing import Processor
from backend.media.queries import MediaQueries
from backend.media.scanner import ClamdScanner, NoScanner, Scanner
from backend.media.service import UPLOAD, MediaService
from backend.media.store import store_of
from backend.media.types import Content, Media, Opened, Size
from foundation.clock import Clock
from foundation.database.database import Database
from foundation.errors import Forbidden, IdempotencyMismatch, InvalidInput, NotFound, Refusal
from foundation.identity import apps
from foundation.identity.challenges import IdentityRefusal, Unauthenticated
from foundation.identity.principal import (
    AnonymousPrincipal,
    CitizenPrincipal,
    OfficialPrincipal,
    Origin,
    Principal,
)
from foundation.ids import GlobalIds, new_uuid
from foundation.keyring import KeyRing
from foundation.limits.refusals import LimitRefusal
from foundation.policy.engine import PolicyEngine
from foundation.recording import AuditEvent
from foundation.settings import ApiSettings, MediaSettings
from foundation.telemetry import metrics, traces
from graphql_schema import transport
from graphql_schema.errors import INTERNAL, INTERNAL_MESSAGES
from graphql_schema.execution.run import error_of
from graphql_schema.http import Seen
from graphql_schema.transport import Headers, RequestParts
from services.gateway import ApiGateway

PATH = "/media"
KIND = "Media"
UPLOAD_OPERATION = "uploadMedia"
READ_OPERATION, LINK_OPERATION = "readMedia", "linkMedia"
MEDIA_LABELS = frozenset({UPLOAD_OPERATION, READ_OPERATION, LINK_OPERATION})
MEDIA_OPERATIONS = frozenset({UPLOAD_OPERATION})
"""Names that limits may carry."""
AT_ONCE = 8
"""Uploads under way in one process: at most 20 MiB each in memory."""
AT_ONCE_OF_ONE = 3
LONGEST_QUERY = 1_024
_UNTIL = re.compile(r"[0-9]{1,12}")
_NAMES = {
    Content.JPEG: "jpg",
    Content.PDF: "pdf",
    Content.DOCX: "docx",
    Content.XLSX: "xlsx",
}
_CONTENTS = {name: content for content, name in _NAMES.items()}
_STATUS: dict[type[Refusal], int] = {
    NotFound: HTTPStatus.NOT_FOUND,
    Forbidden: HTTPStatus.FORBIDDEN,
    InvalidInput: HTTPStatus.BAD_REQUEST,
    IdempotencyMismatch: HTTPStatus.CONFLICT,
}

log = structlog.get_logger()


class MethodRefused(MediaRefusal):
    """Another method than the route has."""

    code = "media.method"
    status = 405
    vi = "Đường dẫn này không nhận phương thức đó."
    en = "This address does not take that method."


@dataclass(frozen=True, slots=True)
class _Reply:
    status: int
    body: bytes
    headers: Mapping[str, str] = field(default_factory=dict)


class MediaEndpoint:
    """Answers everything under `/media`."""

    def __init__(
        self,
        *,
        settings: MediaSettings,
        service: MediaService,
        queries: MediaQueries,
        gateway: ApiGateway,
        global_ids: GlobalIds,
    ) -> None:
        self._settings = settings
        self._service = service
        self._queries = queries
        self._gateway = gateway
        self._ids = global_ids
        self._under_way: Counter[str] = Counter()

    def handlers(self) -> Sequence[ASGIRouteHandler]:
        """The routes for Litestar; every method comes here, so that every answer carries its request id."""

        # A mount: routes of this kind with parameters are not to be had.
        @asgi(PATH, is_mount=True, copy_scope=False)
        async def media(scope: Scope, receive: Receive, send: Send) -> None:
            await self._serve(scope, receive, send)  # type: ignore[arg-type]  # routes get HTTP scopes alone

        return [media]

    async def _serve(self, scope: HTTPScope, receive: Receive, send: Send) -> None:
        headers = Headers(tuple(scope["headers"]))
        began, parts = time.perf_counter(), _parts_of(scope, headers, str(new_uuid()))
        seen = Seen(_operation_of(parts))
        with (
            structlog.contextvars.bound_contextvars(request_id=parts.request_id),
            traces.root(
                "request",
                parts.traceparent,
                ioc_request_id=parts.request_id,
                ioc_operation=metrics.OPERATIONS.of(seen.operation),
            ) as span,
        ):
            try:
                reply = await self._reply(scope, receive, headers, parts)
            except Refusal as refusal:
                reply = _refused(refusal, parts)
            except Exception:
                log.exception("request_failed")
                error = error_of(INTERNAL, INTERNAL_MESSAGES[parts.language], parts.request_id)
                reply = _json(HTTPStatus.INTERNAL_SERVER_ERROR, {"errors": [error]})
            seen.count(reply.status, began)
            if seen.operation == UPLOAD_OPERATION:
                metrics.UPLOADS.labels("kept" if reply.status < 400 else "refused").inc()
            span.tell(http_response_status_code=reply.status)
        await _send(send, reply, parts.request_id, without_body=scope["method"] == "HEAD")

    async def _reply(
        self, scope: HTTPScope, receive: Receive, headers: Headers, parts: RequestParts
    ) -> _Reply:
        origin = self._gateway.origin_of(parts)
        query = _query(scope)
        await self._gateway.before_reading(parts, origin)
        match parts.method, parts.path.split("/")[2:]:
            case "POST", []:
                return await self._upload(receive, headers, parts, origin, query)
            case "GET" | "HEAD", [media_id]:
                return await self._open(parts, origin, media_id, query)
            case "POST", [media_id, "links"]:
                return await self._link(parts, origin, media_id, query)
            case _, [] | [_] | [_, "links"]:
                raise MethodRefused
        raise NotFound

    async def _upload(
        self,
        receive: Receive,
        headers: Headers,
        parts: RequestParts,
        origin: Origin,
        query: Mapping[str, str],
    ) -> _Reply:
        principal = await self._person(parts, origin)
        key = headers.one("idempotency-key") or ""
        code = query.get("report", "")
        async with self._gateway.limited(principal, (UPLOAD_OPERATION,)), self._turn(principal):
            await self._service.admit(principal, code, key)
            try:
                octets = await self._body(receive, headers)
            except Refusal as refusal:
                await self._gateway.refused(principal, UPLOAD, refusal)
                raise
            media = await self._service.upload(principal, code, octets, key)
        return _json(HTTPStatus.CREATED, {"media": self._shown(media)})

    async def _open(
        self, parts: RequestParts, origin: Origin, media_id: str, query: Mapping[str, str]
    ) -> _Reply:
        if "signature" in query:
            return await self._follow(origin, media_id, query)
        found = self._ids.parse_uuid(KIND, media_id)
        size = _size(query)
        principal: Principal = AnonymousPrincipal(origin)
        if parts.authorization:
            principal = await self._gateway.authenticate(parts, origin)
        try:
            async with self._gateway.limited(principal, ()):
                return _opened(await self._queries.open(principal, found, size))
        except NotFound:
            if isinstance(principal, AnonymousPrincipal):
                # Not released, or not there: whoever signs in is told more.
                await self._person(parts, origin)
            raise

    async def _follow(self, origin: Origin, media_id: str, query: Mapping[str, str]) -> _Reply:
        try:
            content, until = _CONTENTS.get(query.get("type", "")), query.get("until", "")
            if content is None or not _UNTIL.fullmatch(until):
                raise InvalidInput("type" if content is None else "until")
            link = Link(self._ids.parse_uuid(KIND, media_id), _size(query), content, int(until))
            return _opened(await self._queries.follow(link, query["signature"]))
        except Refusal as refusal:
            await self._gateway.refused(AnonymousPrincipal(origin), AuditEvent("media.follow"), refusal)
            raise

    async def _link(
        self, parts: RequestParts, origin: Origin, media_id: str, query: Mapping[str, str]
    ) -> _Reply:
        principal = await self._person(parts, origin)
        found, size = self._ids.parse_uuid(KIND, media_id), _size(query)
        async with self._gateway.limited(principal, ()):
            link, signature = await self._queries.link(principal, found, size)
        asked = {
            "size": size.value,
            "type": _NAMES[link.content],
            "until": link.until,
            "signature": signature,
        }
        ends = datetime.fromtimestamp(link.until, UTC).isoformat().replace("+00:00", "Z")
        shown = {"path": f"{PATH}/{media_id}?{urlencode(asked)}", "expiresAt": ends}
        return _json(HTTPStatus.CREATED, {"link": shown})

    async def _person(self, parts: RequestParts, origin: Origin) -> CitizenPrincipal | OfficialPrincipal:
        """Who calls, or an IdentityRefusal that names what is missing."""
        principal = await self._gateway.authenticate(parts, origin)
        if not isinstance(principal, CitizenPrincipal | OfficialPrincipal):
            raise Unauthenticated
        return principal

    @asynccontextmanager
    async def _turn(self, principal: CitizenPrincipal | OfficialPrincipal) -> AsyncIterator[None]:
        """One of the few uploads under way. Raises Busy, recorded."""
        person = f"{principal.session.iss}\n{principal.session.sub}"
        if self._under_way.total() >= AT_ONCE or self._under_way[person] >= AT_ONCE_OF_ONE:
            await self._gateway.refused(principal, UPLOAD, Busy())
            raise Busy
        self._under_way[person] += 1
        try:
            yield
        finally:
            self._under_way[person] -= 1
            if not self._under_way[person]:
                del self._under_way[person]

    async def _body(self, receive: Receive, headers: Headers) -> bytes:
        """The file. Raises TooLarge as soon as it is, UnsupportedType after its first octets, TooSlow."""
        announced = headers.one("content-length") or ""
        if announced.isdecimal() and int(announced) > largest_of(Content.PDF) * MEBIBYTE:
            raise TooLarge(largest_of(Content.PDF))
        octets = bytearray()
        try:
            async with asyncio.timeout(self._settings.upload_seconds):
                more = True
                while more:
                    async with asyncio.timeout(self._settings.idle_seconds):
                        message = await receive()
                    if message["type"] != "http.request":
                        raise BrokenOff
                    octets += message["body"]
                    more = message["more_body"]
                    if len(octets) >= HEAD or not more:
                        check_size(content_of(bytes(octets[:HEAD])), len(octets))
        except TimeoutError as error:
            raise TooSlow from error
        return bytes(octets)

    def _shown(self, media: Media) -> dict[str, Any]:
        return {
            "id": self._ids.of_uuid(KIND, media.id),
            "report": media.report_code,
            "kind": media.kind.value,
            "state": media.state.value,
            "contentType": media.content.value,
            "width": media.width,
            "height": media.height,
            "sizes": [size.value for size in media.sizes],
            "createdAt": media.created_at.isoformat(),
        }


def media_routes(
    settings: ApiSettings, database: Database, clock: Clock, gateway: ApiGateway, processor: Processor
) -> Sequence[ASGIRouteHandler]:
    """The routes of a process; none when its settings say nothing of media."""
    if settings.media is None:
        return []
    policy = PolicyEngine.load(settings.policies_folder)
    store = store_of(settings.media)
    service = MediaService(
        database=database,
        policy=policy,
        store=store,
        processor=processor,
        scanner=scanner_of(settings.media),
        clock=clock,
        new_id=new_uuid,
    )
    link_keys, id_keys = KeyRing.read(settings.media.link_key_file), KeyRing.read(settings.opaque_id_key_file)
    queries = MediaQueries(
        database=database,
        policy=policy,
        store=store,
        links=LinkSigner(link_keys.newest, link_keys.accepted),
        clock=clock,
    )
    endpoint = MediaEndpoint(
        settings=settings.media,
        service=service,
        queries=queries,
        gateway=gateway,
        global_ids=GlobalIds(id_keys.newest, id_keys.accepted),
    )
    return endpoint.handlers()


def scanner_of(settings: MediaSettings) -> Scanner:
    """The scanner that the settings name."""
    if settings.scanner_socket is None:
        return NoScanner()
    return ClamdScanner(settings.scanner_socket, required=settings.scan_required)


def _parts_of(scope: HTTPScope, headers: Headers, request_id: str) -> RequestParts:
    return RequestParts(
        method=scope["method"],
        path=_path(scope),
        authorization=headers.all("authorization"),
        dpop=headers.all("dpop"),
        forwarded_for=headers.all("x-forwarded-for"),
        peer=scope["client"][0] if scope["client"] else None,
        language=transport.language_of(headers.one("accept-language")),
        request_id=request_id,
        app=headers.all(apps.HEADER),
        traceparent=headers.one("traceparent"),
    )


def _operation_of(parts: RequestParts) -> str:
    if parts.method != "POST":
        return READ_OPERATION
    return LINK_OPERATION if parts.path.endswith("/links") else UPLOAD_OPERATION


def _path(scope: HTTPScope) -> str:
    """The whole path as proofs name it; the mount leaves `/<rest>/` of `/media/<rest>`, of `/mediax` `x/`."""
    rest = scope["path"].removesuffix("/")
    return f"{PATH}{rest}" if rest.startswith("/") or not rest else f"{PATH}//{rest}"


def _query(scope: HTTPScope) -> dict[str, str]:
    """The query's parameters. Raises InvalidInput when one is there twice, or there are too many."""
    try:
        octets = scope["query_string"]
        if len(octets) > LONGEST_QUERY:
            raise InvalidInput("query")
        pairs = parse_qsl(octets.decode("ascii"), keep_blank_values=True, max_num_fields=6, errors="strict")
    except ValueError as error:
        raise InvalidInput("query") from error
    if len(dict(pairs)) != len(pairs):
        raise InvalidInput("query")
    return dict(pairs)


def _size(query: Mapping[str, str]) -> Size:
    try:
        return Size(query.get("size", Size.LARGE))
    except ValueError as error:
        raise InvalidInput("size") from error


def _opened(opened: Opened) -> _Reply:
    """Shown as a picture or kept as a file; a browser neither guesses its type nor runs what is in it."""
    shown = "inline" if opened.content is Content.JPEG else "attachment"
    headers = {
        "content-type": opened.content.value,
        "content-disposition": f'{shown}; filename="media.{_NAMES[opened.content]}"',
        "x-content-type-options": "nosniff",
        "content-security-policy": "default-src 'none'; sandbox; frame-ancestors 'none'",
        "cross-origin-resource-policy": "same-origin",
        "referrer-policy": "no-referrer",
    }
    return _Reply(HTTPStatus.OK, opened.octets, headers)


def _refused(refusal: Refusal, parts: RequestParts) -> _Reply:
    """The same shape as on `/graphql` (RFC 6585, 6750, 9449, 9470)."""
    extensions: dict[str, str | int | None] = {}
    headers: dict[str, str] = {}
    status = next((code for kind, code in _STATUS.items() if isinstance(refusal, kind)), HTTPStatus.FORBIDDEN)
    match refusal:
        case InvalidInput():
            extensions["field"] = refusal.field
        case LimitRefusal():
            status, extensions["retryAfterSeconds"] = refusal.status, refusal.retry_after
            headers["retry-after"] = str(refusal.retry_after)
        case IdentityRefusal():
            status = refusal.status
            extensions = {k: v for k, v in refusal.details.items() if k in {"acrValues", "maxAge"}}
            headers = {"www-authenticate": refusal.www_authenticate} if refusal.www_authenticate else {}
        case MethodRefused():
            status, headers["allow"] = refusal.status, "GET, POST"
        case MediaRefusal():
            status, extensions = refusal.status, dict(refusal.details)
            headers = {"retry-after": "5"} if status == HTTPStatus.SERVICE_UNAVAILABLE else {}
    error = error_of(refusal.code, refusal.message(parts.language), parts.request_id, **extensions)
    return _json(status, {"errors": [error]}, headers)


def _json(status: int, body: Mapping[str, Any], headers: Mapping[str, str] | None = None) -> _Reply:
    content_type = {"content-type": "application/json; charset=utf-8"}
    return _Reply(status, orjson.dumps(body), {**content_type, **(headers or {})})


async def _send(send: Send, reply: _Reply, request_id: str, *, without_body: bool) -> None:
    headers = {"cache-control": "no-store", **reply.headers, "x-request-id": request_id}
    headers["content-length"] = str(len(reply.body))
    pairs = [(name.encode("ascii"), value.encode("ascii")) for name, value in headers.items()]
    await send({"type": "http.response.start", "status": int(reply.status), "headers": pairs})
    body = b"" if without_body else reply.body
    await send({"type": "http.response.body", "body": body, "more_body": False})
