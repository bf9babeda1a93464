"""The figures put together: officials' own, the public's, and `/public/map.geojson`."""

from collections.abc import Callable, Mapping
from http import HTTPStatus

import orjson
import structlog
from litestar import asgi
from litestar.handlers import ASGIRouteHandler
from litestar.types import HTTPScope, Receive, Scope, Send

from backend.statistics.public import PublicFigureQueries
from backend.statistics.publishing import MAP
from backend.statistics.queries import StatisticsQueries
from foundation.clock import Clock
from foundation.database.database import Database
from foundation.errors import NotFound
from foundation.identity.apps import AppRefusal
from foundation.identity.principal import AnonymousPrincipal
from foundation.limits.refusals import LimitRefusal
from foundation.policy.engine import PolicyEngine
from graphql_schema import transport
from graphql_schema.errors import INTERNAL, INTERNAL_MESSAGES
from graphql_schema.execution.run import error_of
from graphql_schema.http import parts_of
from graphql_schema.statistics_services import Statistics
from graphql_schema.transport import Headers, RequestParts
from services.gateway import ApiGateway

PATH = "/public/map.geojson"
GEOJSON = "application/geo+json"
JSON = "application/json; charset=utf-8"
FRESH_SECONDS = 300
"""Made once an hour: whoever asks within five minutes again is told nothing new."""

log = structlog.get_logger()

Reply = tuple[int, bytes, Mapping[str, str]]


def statistics_of(database: Database, policy: PolicyEngine, clock: Clock) -> Statistics:
    """What resolvers of figures call."""
    return Statistics(
        officials=StatisticsQueries(database, policy, clock),
        public=PublicFigureQueries(database, policy, clock),
    )


def public_map(
    queries: PublicFigureQueries, gateway: ApiGateway, new_request_id: Callable[[], str]
) -> ASGIRouteHandler:
    """GET and HEAD of the map (RFC 7946), without a token, under the limit of strangers."""

    @asgi(PATH, copy_scope=False)
    async def serve(scope: Scope, receive: Receive, send: Send) -> None:
        await _serve(scope, send)  # type: ignore[arg-type]  # routes get HTTP scopes alone

    async def _serve(scope: HTTPScope, send: Send) -> None:
        headers = Headers(tuple(scope["headers"]))
        parts = parts_of(scope, headers, new_request_id(), PATH)
        with structlog.contextvars.bound_contextvars(request_id=parts.request_id):
            try:
                reply = await _reply(queries, gateway, parts, headers)
            except Exception:
                log.exception("request_failed")
                reply = _error(parts, HTTPStatus.INTERNAL_SERVER_ERROR, INTERNAL, INTERNAL_MESSAGES)
        await _send(send, reply, parts)

    return serve


async def _reply(
    queries: PublicFigureQueries, gateway: ApiGateway, parts: RequestParts, headers: Headers
) -> Reply:
    if parts.method not in ("GET", "HEAD"):
        status, body, _ = _error(parts, HTTPStatus.METHOD_NOT_ALLOWED, "graphql.method", _METHOD)
        return status, body, {"content-type": JSON, "allow": "GET, HEAD"}
    origin = gateway.origin_of(parts)
    try:
        await gateway.before_reading(parts, origin)
        document = await queries.document(AnonymousPrincipal(origin), MAP)
    except (LimitRefusal, AppRefusal) as refusal:
        wait = {"retry-after": str(refusal.retry_after)} if isinstance(refusal, LimitRefusal) else {}
        status, body, shown = _error(
            parts, refusal.status, refusal.code, {parts.language: refusal.message(parts.language)}
        )
        return status, body, {**shown, **wait}
    except NotFound as refusal:
        return _error(
            parts, HTTPStatus.NOT_FOUND, refusal.code, {parts.language: refusal.message(parts.language)}
        )
    etag = transport.etag_of(document.digest)
    shown = {
        "content-type": GEOJSON,
        "etag": etag,
        "cache-control": f"public, max-age={FRESH_SECONDS}",
        "access-control-allow-origin": "*",
        "x-content-type-options": "nosniff",
    }
    asked = (headers.one("if-none-match") or "").split(",")
    if etag in {tag.strip().removeprefix("W/") for tag in asked}:
        return HTTPStatus.NOT_MODIFIED, b"", shown
    return HTTPStatus.OK, document.octets, shown


_METHOD = {
    "vi": "Đường dẫn này chỉ nhận GET và HEAD.",
    "en": "This address takes GET and HEAD alone.",
}


def _error(parts: RequestParts, status: int, code: str, messages: Mapping[str, str]) -> Reply:
    body = {"errors": [error_of(code, messages[parts.language], parts.request_id)]}
    return status, orjson.dumps(body), {"content-type": JSON}


async def _send(send: Send, reply: Reply, parts: RequestParts) -> None:
    status, body, given = reply
    headers = {"cache-control": "no-store", **given, "x-request-id": parts.request_id}
    if status != HTTPStatus.NOT_MODIFIED:
        headers["content-length"] = str(len(body))
    pairs = [(name.encode("ascii"), value.encode("ascii")) for name, value in headers.items()]
    await send({"type": "http.response.start", "status": int(status), "headers": pairs})
    body = b"" if parts.method == "HEAD" else body
    await send({"type": "http.response.body", "body": body, "more_body": False})
