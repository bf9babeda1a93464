"""The api's GraphQL route on a real database, called as an ASGI application by whoever a test says."""

import asyncio
import contextlib
from collections.abc import Callable, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field, replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import orjson
from litestar import Litestar

from backend.changes.hub import Hub
from backend.changes.reader import ChangeReader
from foundation.cursors import Cursors
from foundation.errors import Refusal
from foundation.identity.principal import AnonymousPrincipal, Origin, Principal
from foundation.ids import GlobalIds, new_uuid
from foundation.policy.engine import PolicyEngine
from foundation.recording import AuditEvent
from foundation.settings import ApiSettings, AuditSettings, TlsSettings
from graphql_schema.context import Codecs
from graphql_schema.execution.documents import Documents
from graphql_schema.http import GraphQLEndpoint
from graphql_schema.limits import Limits
from graphql_schema.schema import build
from graphql_schema.services import Services
from graphql_schema.transport import RequestParts
from services.api import Parts, parts_of, services_of
from services.limits import RefusalsOfRequests
from tests.backend.world import POLICIES, World, compose, connect
from tests.conftest import Database
from tests.identity import world as identity

KEY = b"k" * 64
# What every accepted change leaves, counted once more from the other side.
_CONSISTENT = """
SELECT (SELECT coalesce(sum(version), 0) FROM reports.report) = (SELECT count(*) FROM reports.timeline)
   AND (SELECT count(*) FROM reports.timeline) = (SELECT count(*) FROM changes.change)
   AND (SELECT count(*) FROM changes.change) = (SELECT count(*) FROM jobs.procrastinate_jobs)
   AND (SELECT count(*) FROM reports.report) = (SELECT count(*) FROM audit.event
        WHERE line::jsonb -> 'unmapped' ->> 'action' = 'report.submit'
          AND line::jsonb -> 'unmapped' ->> 'decision' = 'allow')
   AND NOT EXISTS (SELECT FROM platform.idempotency WHERE answer IS NULL)
"""


class _Gateway:
    """The caller is who the test says; refusals are recorded for real."""

    def __init__(self, world: World) -> None:
        self._world = world
        self.principal: Principal | None = None

    def origin_of(self, parts: RequestParts) -> Origin:
        return Origin(parts.request_id, "203.0.113.0", parts.language)

    async def before_reading(self, parts: RequestParts, origin: Origin) -> None:
        return None

    def limited(self, principal: Principal, names: Sequence[str]) -> AbstractAsyncContextManager[None]:
        return contextlib.nullcontext()

    async def authenticate(self, parts: RequestParts, origin: Origin) -> Principal:
        return self.principal or AnonymousPrincipal(origin)

    def check_step_up(self, principal: Principal, acr: str, max_age: timedelta | None) -> None:
        return None

    async def refused(self, principal: Principal, intent: AuditEvent, refusal: Refusal) -> None:
        await self._world.database.record_refusal(principal, intent, refusal)


@dataclass
class FuzzedApi:
    """Synchronous on purpose: hypothesis calls its tests without a loop.

    `trusted`: as in production, these documents alone. `replace` puts other services in the place of some.
    """

    database: Database
    limits: Limits = field(default_factory=Limits)
    trusted: Sequence[str] | None = None
    replace: Callable[[Services], Services] = lambda services: services
    runner: asyncio.Runner = field(default_factory=asyncio.Runner)

    def __post_init__(self) -> None:
        self.world = compose(self.database.settings("backend_app"), self.database.settings("backend_worker"))
        self.runner.run(self.world.database.open())
        self.gateway = _Gateway(self.world)
        schema = build()
        endpoint = GraphQLEndpoint(
            schema=schema,
            documents=Documents(
                schema._schema,
                trusted=self.trusted or [],
                only_trusted=self.trusted is not None,
                limits=self.limits,
            ),
            services=self.replace(services_of(self._parts())),
            codecs=Codecs(global_ids=GlobalIds(KEY), cursors=Cursors(KEY, 1, self.world.clock)),
            gateway=self.gateway,
            new_request_id=lambda: str(new_uuid()),
            limits=self.limits,
        )
        self.app = Litestar([endpoint.handler()], openapi_config=None, logging_config=None)

    def _parts(self) -> Parts:
        """As the api puts them together, with the world's clock; its hub never runs."""
        database, policy, clock = self.world.database, PolicyEngine.load(POLICIES), self.world.clock
        nowhere = Path("/nonexistent")
        settings = ApiSettings(
            environment="development",
            listen_host="127.0.0.1",
            listen_port=1,
            tls=TlsSettings(certificate_file=nowhere, key_file=nowhere),
            database=self.database.settings("backend_app"),
            feed_database=self.database.settings("backend_feed"),
            identity=identity.settings(),
            audit=AuditSettings(log="backend"),
            opaque_id_key_file=nowhere,
            policies_folder=POLICIES,
            operations_folder=nowhere,
        )
        return replace(
            parts_of(settings, clock),
            watched=RefusalsOfRequests(self.world.recorder),
            database=database,
            feed=database,
            policy=policy,
            hub=Hub(ChangeReader(database, clock), policy, clock),
        )

    def close(self) -> None:
        """Let go of the database."""
        self.runner.run(self.world.database.close())
        self.runner.close()

    def become(self, name: str) -> None:
        """`lan` is a citizen, `nobody` has no token, everybody else an official of the world."""
        match name:
            case "nobody":
                self.gateway.principal = None
            case "lan":
                self.gateway.principal = self.runner.run(self.world.citizen("lan"))
            case _:
                self.gateway.principal = self.runner.run(self.world.official(name))

    def post(self, body: bytes, headers: list[tuple[bytes, bytes]] | None = None) -> tuple[int, bytes]:
        """Status and body of a POST to /graphql."""
        sent: list[dict[str, Any]] = []

        async def receive() -> Any:
            return {"type": "http.request", "body": body, "more_body": False}

        async def send(message: Any) -> None:
            sent.append(message)

        scope: Any = {
            "type": "http",
            "asgi": {"version": "3.0"},
            "http_version": "1.1",
            "method": "POST",
            "scheme": "https",
            "path": "/graphql",
            "raw_path": b"/graphql",
            "root_path": "",
            "query_string": b"",
            "headers": headers
            or [(b"content-type", b"application/json"), (b"accept", b"application/graphql-response+json")],
            "client": ("203.0.113.7", 1),
            "server": ("localhost", 443),
            "extensions": {},
        }
        self.runner.run(self.app(scope, receive, send))
        return sent[0]["status"], b"".join(message.get("body", b"") for message in sent)

    def ask(self, query: str, variables: dict[str, Any] | None = None) -> tuple[int, bytes]:
        """A document."""
        return self.post(orjson.dumps({"query": query, "variables": variables or {}}))

    def is_consistent(self) -> bool:
        """Whether every change has its timeline entry, change row, job, event and stored answer."""
        with connect(self.database.settings(self.database.superuser)) as connection:
            row = connection.execute(_CONSISTENT).fetchone()
        return row is not None and row[0] is True
