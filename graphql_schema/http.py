"""`/graphql`: one request from its octets to its answer. Who calls is the gateway's word, never ours."""

import asyncio
import hashlib
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field
from datetime import timedelta
from functools import partial
from http import HTTPStatus
from typing import Any, Protocol

import orjson
import strawberry
import structlog
from litestar import asgi
from litestar.enums import ScopeType
from litestar.handlers import ASGIRouteHandler
from litestar.types import HTTPScope, Receive, Scope, Send, WebSocketScope

from backend.vault_gateway.types import Credentials
from foundation.deadline import deadline
from foundation.directory_queue import Asking
from foundation.errors import Refusal
from foundation.identity import apps
from foundation.identity.challenges import IdentityRefusal, StepUpRequired, Unauthenticated
from foundation.identity.principal import AnonymousPrincipal, Origin, Principal
from foundation.limits.refusals import LimitRefusal
from foundation.recording import Activity, AuditEvent
from foundation.telemetry import metrics, traces
from graphql_schema import transport
from graphql_schema.context import Codecs, GraphQLContext
from graphql_schema.errors import INTERNAL, INTERNAL_MESSAGES
from graphql_schema.execution.body_digest import body_digest
from graphql_schema.execution.documents import Document, DocumentInvalid, Documents, SubscriptionsElsewhere
from graphql_schema.execution.run import error_of, run
from graphql_schema.limits import Limits, RequestRefused, TimedOut, TooCostly, check_variables
from graphql_schema.services import Services
from graphql_schema.transport import GraphQLRequest, Headers, RequestParts

PATH = "/graphql"
ACTION = "graphql.request"
SHOWN_DETAILS = frozenset({"acrValues", "maxAge", "minimum", "recommended", "store"})
"""What a refusal of identity tells the app beside its code (RFC 9470; versions of apps)."""

log = structlog.get_logger()


class Gateway(Protocol):
    """Who calls and from where; and where refusals are recorded. The composition root implements it."""

    def origin_of(self, parts: RequestParts) -> Origin:
        """The request's id, network and language."""
        ...

    async def before_reading(self, parts: RequestParts, origin: Origin) -> None:
        """Raise a LimitRefusal, recorded, before the body is read."""
        ...

    def limited(self, principal: Principal, names: Sequence[str]) -> AbstractAsyncContextManager[None]:
        """Around the execution of root fields and a document. Raises a LimitRefusal, recorded, before it."""
        ...

    async def authenticate(self, parts: RequestParts, origin: Origin) -> Principal:
        """Who calls. Raises an IdentityRefusal or another Refusal, which it has recorded itself."""
        ...

    def check_step_up(self, principal: Principal, acr: str, max_age: timedelta | None) -> None:
        """Raise StepUpRequired unless the sign-in has this level and age."""
        ...

    async def refused(self, principal: Principal, intent: AuditEvent, refusal: Refusal) -> None:
        """Record a refusal that no unit of work has seen; those of anonymous callers are counted."""
        ...


@dataclass(frozen=True, slots=True)
class Reply:
    """One answer: status, body, headers of its own."""

    status: int
    body: bytes
    headers: Mapping[str, str] = field(default_factory=dict)


@dataclass(slots=True)
class Seen:
    """What the metrics are told of a request."""

    operation: str = metrics.OTHER
    outcome: str | None = None
    """"cut" or "fault" where the status alone does not say so."""

    def count(self, status: int, began: float) -> None:
        """The request was answered."""
        outcome = self.outcome or ("fault" if status >= 500 else "refused" if status >= 400 else "answered")
        operation = metrics.OPERATIONS.of(self.operation)
        metrics.REQUESTS.labels(operation, outcome).inc()
        metrics.REQUEST_SECONDS.labels(operation).observe(time.perf_counter() - began)


@dataclass(slots=True)
class _Call:
    """One request as it becomes known."""

    parts: RequestParts
    origin: Origin
    principal: Principal
    media_type: str = transport.JSON
    body: bytes = b""
    seen: Seen = field(default_factory=Seen)


class GraphQLEndpoint:
    """Answers `/graphql`. `handler()` is the route for Litestar."""

    def __init__(
        self,
        *,
        schema: strawberry.Schema,
        documents: Documents,
        services: Services,
        codecs: Codecs,
        gateway: Gateway,
        new_request_id: Callable[[], str],
        limits: Limits,
        websocket: Callable[[WebSocketScope, Receive, Send], Awaitable[None]] | None = None,
    ) -> None:
        self._websocket = websocket
        self._schema = schema
        self._documents = documents
        self._services = services
        self._codecs = codecs
        self._gateway = gateway
        self._new_request_id = new_request_id
        self._limits = limits

    def handler(self) -> ASGIRouteHandler:
        """The route: every method comes here, so that every answer carries its request id."""

        @asgi(PATH, copy_scope=False)
        async def graphql(scope: Scope, receive: Receive, send: Send) -> None:
            if scope["type"] == ScopeType.HTTP:
                await self._serve(scope, receive, send)
            elif scope["type"] == ScopeType.WEBSOCKET and self._websocket is not None:
                await self._websocket(scope, receive, send)

        return graphql

    async def _serve(self, scope: HTTPScope, receive: Receive, send: Send) -> None:
        headers = Headers(tuple(scope["headers"]))
        began, seen = time.perf_counter(), Seen()
        parts = parts_of(scope, headers, self._new_request_id(), PATH)
        with (
            structlog.contextvars.bound_contextvars(request_id=parts.request_id),
            traces.root("request", parts.traceparent, ioc_request_id=parts.request_id) as span,
        ):
            try:
                reply = await self._reply(scope, receive, headers, parts, seen)
            except Exception:
                log.exception("request_failed")
                reply = refusal_reply(
                    HTTPStatus.INTERNAL_SERVER_ERROR,
                    [error_of(INTERNAL, INTERNAL_MESSAGES[parts.language], parts.request_id)],
                )
            seen.count(reply.status, began)
            span.tell(
                ioc_operation=metrics.OPERATIONS.of(seen.operation), http_response_status_code=reply.status
            )
        await send_reply(send, reply, parts.request_id, without_body=scope["method"] == "HEAD")

    async def _reply(
        self, scope: HTTPScope, receive: Receive, headers: Headers, parts: RequestParts, seen: Seen
    ) -> Reply:
        origin = self._gateway.origin_of(parts)
        call = _Call(parts, origin, AnonymousPrincipal(origin), seen=seen)
        try:
            call.media_type = transport.media_type_of(headers.one("accept"))
            await self._gateway.before_reading(parts, origin)
            request = await self._request(scope, receive, headers, call)
            check_variables(request.variables, self._limits)
            if parts.authorization:
                with traces.span("authentication"):
                    call.principal = await self._gateway.authenticate(parts, origin)
            with traces.span("document") as span:
                document = self._documents.find(request.query, request.document_id)
                span.tell(ioc_document=document.id)
            if document.roots:  # `{ __typename }` has none of ours
                seen.operation = document.roots[0]
            if document.is_subscription:
                raise SubscriptionsElsewhere
            await self._admit(call, document)
            async with self._gateway.limited(call.principal, (*document.roots, document.id)):
                return await self._answer(call, document, request, headers)
        except RequestRefused as refusal:
            await self._gateway.refused(call.principal, AuditEvent(ACTION, activity=Activity.READ), refusal)
            shown = shown_of(refusal, parts)
            return _request_error(call, refusal.status, [shown], in_200=refusal.in_200)
        except DocumentInvalid as invalid:
            errors = [error_of(invalid.code, error.message, parts.request_id) for error in invalid.errors]
            return _request_error(call, HTTPStatus.BAD_REQUEST, errors)
        except TimedOut as cut:
            # No refusal of a person, and the log's database may be what is slow: not recorded.
            log.warning("request_timed_out", seconds=self._limits.seconds)
            seen.outcome = "cut"
            return refusal_reply(cut.status, [shown_of(cut, parts)], {"retry-after": "1"})
        except Refusal as refusal:
            return not_let_in(refusal, parts)

    async def _request(
        self, scope: HTTPScope, receive: Receive, headers: Headers, call: _Call
    ) -> GraphQLRequest:
        if scope["method"] == "GET":
            if len(scope["query_string"]) > self._limits.body_octets:
                raise transport.RequestTooLarge
            return transport.request_of_query(scope)
        if scope["method"] != "POST":
            raise transport.MethodRefused
        transport.check_content_type(headers)
        try:
            async with asyncio.timeout(self._limits.body_seconds):
                call.body = await transport.read_body(receive, self._limits.body_octets)
        except TimeoutError as error:
            raise transport.BodyTooSlow from error
        return transport.request_of_body(call.body)

    async def _admit(self, call: _Call, document: Document) -> None:
        """The document may run for this caller, or an IdentityRefusal. Nothing has run yet."""
        needed = document.requirement
        if call.parts.method == "GET" and not needed.public:
            raise transport.GetIsPublic
        if isinstance(call.principal, AnonymousPrincipal) and not needed.public:
            # Without credentials this names what is missing.
            call.principal = await self._gateway.authenticate(call.parts, call.origin)
            if isinstance(call.principal, AnonymousPrincipal):
                raise Unauthenticated
        if needed.acr is None and needed.max_age is None:
            return
        try:
            self._gateway.check_step_up(call.principal, needed.acr or "aal1", needed.max_age)
        except StepUpRequired as refusal:
            intent = AuditEvent(ACTION, activity=Activity.READ, resource=_resource(document))
            await self._gateway.refused(call.principal, intent, refusal)
            raise

    async def _answer(
        self, call: _Call, document: Document, request: GraphQLRequest, headers: Headers
    ) -> Reply:
        _check_operation_name(document, request.operation_name)
        cost = document.cost.of(request.variables)
        if cost > self._limits.cost:
            raise TooCostly(cost, self._limits.cost)
        context = GraphQLContext(
            principal=call.principal,
            services=self._services,
            codecs=self._codecs,
            language=call.parts.language,
            request_id=call.parts.request_id,
            body_digest=partial(body_digest, document.id, request.variables),
            record_refusal=self._gateway.refused,
            seconds=self._limits.seconds,
            sent=_sent(call),
            vault_credentials=call.parts.vault,
        )
        try:
            async with deadline(self._limits.seconds):
                with traces.span("execution", ioc_principal=kind_of(call.principal)):
                    answer = await run(self._schema, document, request.variables, context)
        except TimeoutError as error:
            raise TimedOut from error
        if not answer.executed:
            return _request_error(call, HTTPStatus.BAD_REQUEST, answer.body["errors"])
        if any(error["extensions"]["code"] == INTERNAL for error in answer.body.get("errors", ())):
            call.seen.outcome = "fault"
        body = orjson.dumps(answer.body)
        shown = {"content-type": _content_type(call.media_type)}
        if call.parts.method == "GET" and not call.parts.authorization and "errors" not in answer.body:
            return _cacheable(body, shown, headers.one("if-none-match"))
        return Reply(HTTPStatus.OK, body, shown)


def parts_of(scope: HTTPScope | WebSocketScope, headers: Headers, request_id: str, path: str) -> RequestParts:
    """What identity needs of a request. A WebSocket's handshake is a GET (RFC 6455, 4.1)."""
    return RequestParts(
        method=scope["method"] if scope["type"] == ScopeType.HTTP else "GET",
        path=path,
        authorization=headers.all("authorization"),
        dpop=headers.all("dpop"),
        forwarded_for=headers.all("x-forwarded-for"),
        peer=scope["client"][0] if scope["client"] else None,
        language=transport.language_of(headers.one("accept-language")),
        request_id=request_id,
        app=headers.all(apps.HEADER),
        traceparent=headers.one("traceparent"),
        vault=Credentials(headers.all("vault-authorization"), headers.all("vault-dpop")),
    )


def kind_of(principal: Principal) -> str:
    """What kind of caller, as traces tell it: nobody by name."""
    return type(principal).__name__.removesuffix("Principal").lower()


def _sent(call: _Call) -> Asking | None:
    """What the caller sent, which was let in by exactly these headers."""
    if not (call.parts.authorization and call.parts.dpop):
        return None
    token = call.parts.authorization[0].split()[-1]
    return Asking(body=call.body, token=token, proof=call.parts.dpop[0])


def _check_operation_name(document: Document, name: str | None) -> None:
    operation = document.operation.name
    if name and (operation is None or operation.value != name):
        raise transport.MalformedRequest


def _resource(document: Document) -> str:
    return f"document:{document.id.removeprefix('sha256:')}"


def shown_of(refusal: Refusal, parts: RequestParts) -> dict[str, Any]:
    """The member of `errors`: beside its code what the app needs, as the seconds that it must wait."""
    details: Mapping[str, str | int | None] = {}
    if isinstance(refusal, LimitRefusal | RequestRefused):
        details = refusal.details
    elif isinstance(refusal, IdentityRefusal):
        details = {name: value for name, value in refusal.details.items() if name in SHOWN_DETAILS}
    return error_of(refusal.code, refusal.message(parts.language), parts.request_id, **details)


def _content_type(media_type: str) -> str:
    return f"{media_type}; charset=utf-8"


def _request_error(call: _Call, status: int, errors: list[dict[str, Any]], *, in_200: bool = True) -> Reply:
    """Nothing ran. In `application/json` the answer to a well-formed request has status 200 even then."""
    legacy = in_200 and call.media_type == transport.JSON
    shown = {"content-type": _content_type(call.media_type)}
    if status == HTTPStatus.METHOD_NOT_ALLOWED:
        shown["allow"] = "GET, POST"
    return Reply(HTTPStatus.OK if legacy else status, orjson.dumps({"errors": errors}), shown)


def not_let_in(refusal: Refusal, parts: RequestParts) -> Reply:
    """Identity or a limit said no: the same answer whatever the media type (RFC 6585, 6750, 9449, 9470)."""
    errors = [shown_of(refusal, parts)]
    if isinstance(refusal, LimitRefusal):
        return refusal_reply(refusal.status, errors, {"retry-after": str(refusal.retry_after)})
    if not isinstance(refusal, IdentityRefusal):
        return refusal_reply(HTTPStatus.FORBIDDEN, errors)
    challenge = refusal.www_authenticate
    shown = {} if challenge is None else {"www-authenticate": challenge}
    return refusal_reply(refusal.status, errors, shown)


def refusal_reply(
    status: int, errors: list[dict[str, Any]], headers: Mapping[str, str] | None = None
) -> Reply:
    """Errors alone, as `application/json`."""
    content_type = {"content-type": _content_type(transport.JSON)}
    return Reply(status, orjson.dumps({"errors": errors}), {**content_type, **(headers or {})})


def _cacheable(body: bytes, headers: Mapping[str, str], if_none_match: str | None) -> Reply:
    """A public answer: may be kept, is asked for again each time."""
    etag = transport.etag_of(hashlib.sha256(body).hexdigest())
    shown = {
        **headers,
        "etag": etag,
        "cache-control": "public, no-cache",
        "vary": "Accept, Accept-Language, Authorization",
    }
    known = {tag.strip().removeprefix("W/") for tag in (if_none_match or "").split(",")}
    if etag in known or "*" in known:
        return Reply(HTTPStatus.NOT_MODIFIED, b"", shown)
    return Reply(HTTPStatus.OK, body, shown)


async def send_reply(send: Send, reply: Reply, request_id: str, *, without_body: bool = False) -> None:
    """Send it all."""
    headers = {"cache-control": "no-store", **reply.headers, "x-request-id": request_id}
    if reply.status != HTTPStatus.NOT_MODIFIED:
        headers["content-length"] = str(len(reply.body))
    pairs = [(name.encode("ascii"), value.encode("ascii")) for name, value in headers.items()]
    await send({"type": "http.response.start", "status": int(reply.status), "headers": pairs})
    body = b"" if without_body else reply.body
    await send({"type": "http.response.body", "body": body, "more_body": False})
