"""What both transports share: who follows, which document, how many at once, and how it ends."""

import asyncio
import random
from collections import Counter
from collections.abc import AsyncGenerator, AsyncIterator, Mapping
from contextlib import asynccontextmanager
from inspect import isawaitable
from typing import Any, NoReturn, Protocol

import strawberry
import structlog
from graphql import ExecutionResult, subscribe
from graphql.execution import Executor, create_source_event_stream

from foundation.cursors import person_of
from foundation.errors import Refusal
from foundation.identity.challenges import IdentityUnavailable, StepUpRequired, Unauthenticated
from foundation.identity.principal import (
    AnonymousPrincipal,
    CitizenPrincipal,
    OfficialPrincipal,
    Origin,
    Principal,
)
from foundation.limits.refusals import LimitRefusal
from foundation.recording import Activity, AuditEvent
from foundation.telemetry import metrics, traces
from graphql_schema.context import Codecs, GraphQLContext
from graphql_schema.execution.documents import Document, Documents
from graphql_schema.execution.run import formatted
from graphql_schema.http import Gateway
from graphql_schema.limits import Limits, RequestRefused, check_variables
from graphql_schema.live.ends import ConnectAgain, NoLonger, code_of
from graphql_schema.live.selections import compiled
from graphql_schema.services import Services
from graphql_schema.transport import GraphQLRequest, RequestParts

ACTION = "graphql.subscribe"
MAX_FOLLOWING = 5_000
MAX_OF_PERSON = 10
WATCH_SECONDS = 3.5
"""How often it is asked anew whether who follows still may. Ends that are noted end a connection sooner."""
ANSWER_SECONDS = 1.5
"""What can't be answered within this ends the connection: both together are the 5 s in which an end works."""
SPREAD_SECONDS = 5.0
"""Over so long those are told to connect again who end at once: a database that stalls ends everybody."""

log = structlog.get_logger()


class SubscriptionsOnly(RequestRefused):
    """Queries and mutations are sent to /graphql."""

    code = "graphql.subscriptions_only"


class TooManyFollowing(Refusal):
    """The person, or the process, follows too much at once."""

    code = "limits.too_many_following"
    vi = "Quá nhiều kết nối theo dõi. Hãy đóng bớt rồi thử lại."
    en = "Too many live connections. Please close some and try again."


class LiveGateway(Gateway, Protocol):
    """A gateway that is asked again while a connection lasts."""

    async def again(self, parts: RequestParts, origin: Origin) -> Principal:
        """Who asks for one more thing on a connection that `authenticate` let in. Raises as that."""
        ...

    async def stays(self, parts: RequestParts, principal: Principal) -> None:
        """Return when who was let in may still be, with the same duties.

        Raises the Refusal that a new connection would meet, or ConnectAgain.
        """
        ...


class LiveOperations:
    """Starts subscriptions. One a process."""

    def __init__(
        self,
        *,
        schema: strawberry.Schema,
        documents: Documents,
        services: Services,
        codecs: Codecs,
        gateway: LiveGateway,
        limits: Limits,
    ) -> None:
        self._schema = schema
        self._documents = documents
        self._services = services
        self._codecs = codecs
        self._gateway = gateway
        self._limits = limits
        self._following: Counter[tuple[str, str]] = Counter()

    async def authenticate(self, parts: RequestParts) -> Principal:
        """Who follows. Raises a Refusal, recorded. Nobody follows without a token."""
        origin = self._gateway.origin_of(parts)
        await self._gateway.before_reading(parts, origin)
        principal = await self._gateway.authenticate(parts, origin)
        if isinstance(principal, AnonymousPrincipal):
            raise Unauthenticated
        return principal

    async def refused(self, principal: Principal, refusal: Refusal) -> None:
        """Record a refusal that no service has seen."""
        await self._gateway.refused(principal, AuditEvent(ACTION, activity=Activity.READ), refusal)

    async def again(self, parts: RequestParts) -> Principal:
        """Who follows one thing more on a connection that was let in. Raises a Refusal, recorded.

        The connection may have been quiet for long: session, token, duties and limits are as they are now.
        """
        return await self._gateway.again(parts, self._gateway.origin_of(parts))

    async def watch(self, parts: RequestParts, principal: Principal) -> NoReturn:
        """Until this connection must end. Raises NoLonger (token or session over), or ConnectAgain.

        Whoever can't be asked about is ended as surely, but told to connect again and not to sign in.
        """
        if not isinstance(principal, CitizenPrincipal | OfficialPrincipal):
            raise NoLonger(Unauthenticated.code)
        noted = asyncio.create_task(self._noted(principal))
        asked = asyncio.create_task(self._asked_again(parts, principal))
        try:
            done, _ = await asyncio.wait((noted, asked), return_when=asyncio.FIRST_COMPLETED)
        finally:
            for task in (noted, asked):
                task.cancel()
            await asyncio.gather(noted, asked, return_exceptions=True)
        (noted if noted in done else asked).result()

    async def _noted(self, principal: CitizenPrincipal | OfficialPrincipal) -> NoReturn:
        raise NoLonger(code_of(await self._services.feed.ended(principal)))

    async def _asked_again(self, parts: RequestParts, principal: Principal) -> NoReturn:
        """First at once: what was let in may rest on an old answer. Counted from question to question."""
        while True:
            begun = asyncio.get_running_loop().time()
            try:
                async with asyncio.timeout(ANSWER_SECONDS):
                    await self._gateway.stays(parts, principal)
            except (IdentityUnavailable, LimitRefusal, TimeoutError) as error:
                raise ConnectAgain from error
            except Refusal as refusal:
                raise NoLonger(refusal.code) from refusal
            except ConnectAgain:
                raise
            except Exception as error:
                log.exception("follower_not_asked")
                raise ConnectAgain from error
            await asyncio.sleep(max(0.0, begun + WATCH_SECONDS - asyncio.get_running_loop().time()))

    def pause(self) -> float:
        """Seconds before who is to connect again is told so: not all in the same instant."""
        return random.uniform(0, SPREAD_SECONDS)  # noqa: S311 - a pause, no secret

    async def moved(self) -> None:
        """Return when this process is about to end, not all at once: who follows goes to another one."""
        await self._services.feed.moved()

    @asynccontextmanager
    async def counted(self, principal: Principal) -> AsyncIterator[None]:
        """One more thing that a person follows, while it lasts. Raises TooManyFollowing, recorded."""
        person = person_of(principal)
        if self._following[person] >= MAX_OF_PERSON or self._following.total() >= MAX_FOLLOWING:
            refusal = TooManyFollowing()
            await self.refused(principal, refusal)
            raise refusal
        self._following[person] += 1
        try:
            yield
        finally:
            self._following[person] -= 1
            if not self._following[person]:
                del self._following[person]

    async def admitted(self, principal: Principal, request: GraphQLRequest) -> Document:
        """The subscription to run. Raises RequestRefused, DocumentInvalid or StepUpRequired, recorded."""
        try:
            check_variables(request.variables, self._limits)
            document = self._documents.find(request.query, request.document_id)
            if not document.is_subscription:
                raise SubscriptionsOnly
            needed = document.requirement
            if needed.acr is not None or needed.max_age is not None:
                self._gateway.check_step_up(principal, needed.acr or "aal1", needed.max_age)
        except (RequestRefused, StepUpRequired) as refusal:
            await self.refused(principal, refusal)
            raise
        return document

    async def results(
        self, principal: Principal, document: Document, variables: Mapping[str, Any], parts: RequestParts
    ) -> AsyncGenerator[dict[str, Any], None]:
        """GraphQL responses until the subscriber leaves. An `errors`-only response is the last one.

        What ends a feed (`backend.changes.errors`) is raised as it is.
        """
        context = self._context(principal, parts)
        respond = compiled(self._schema._schema, document)
        with traces.root(
            "subscription",
            parts.traceparent,
            ioc_request_id=parts.request_id,
            ioc_operation=metrics.OPERATIONS.of(document.roots[0]),
        ):
            async with self._gateway.limited(principal, (*document.roots, document.id)):
                source = await self._begin(document, variables, context, plain=respond is not None)
        if isinstance(source, ExecutionResult):
            yield _body_of(source, context)
            return
        try:
            async for event in source:
                yield _body_of(event, context) if respond is None else respond(event)
        finally:
            await source.aclose()

    async def _begin(
        self, document: Document, variables: Mapping[str, Any], context: GraphQLContext, *, plain: bool
    ) -> AsyncGenerator[Any, None] | ExecutionResult:
        """The events as the resolver makes them if `plain`, else the responses to them."""
        # In both calls: no root value, the context, the variables.
        given = (self._schema._schema, document.ast, None, context, dict(variables))
        kind = self._schema.execution_context_class or Executor
        source: Any
        if plain:
            executor = kind.build(*given, hide_suggestions=True)
            if isinstance(executor, list):
                return ExecutionResult(None, errors=executor)
            source = create_source_event_stream(executor)
        else:
            source = subscribe(*given, executor_class=kind, hide_suggestions=True)
        begun: AsyncGenerator[Any, None] | ExecutionResult = await source if isawaitable(source) else source
        return begun

    def _context(self, principal: Principal, parts: RequestParts) -> GraphQLContext:
        def no_digest() -> bytes:
            raise RuntimeError("a subscription changes nothing")

        return GraphQLContext(
            principal=principal,
            services=self._services,
            codecs=self._codecs,
            language=parts.language,
            request_id=parts.request_id,
            body_digest=no_digest,
            record_refusal=self._gateway.refused,
            seconds=self._limits.seconds,
        )


def _body_of(result: ExecutionResult, context: GraphQLContext) -> dict[str, Any]:
    body: dict[str, Any] = {}
    if result.data is not None:
        body["data"] = result.data
    if result.errors:
        body["errors"] = [formatted(error, context) for error in result.errors]
    return body
