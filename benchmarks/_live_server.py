"""The live routes with an open door, as a process: `python -m benchmarks._live_server PORT`."""

import asyncio
import contextlib
import os
import secrets
import sys
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path
from typing import Any

from granian import Granian
from granian.constants import Interfaces
from litestar import Litestar

from audit.recorder import AuditRecorder
from audit.refusals import RefusalCounter
from backend.changes.hub import Hub
from backend.changes.queries import ChangeQueries
from backend.changes.reader import ChangeReader
from backend.changes.service import FeedService
from benchmarks.graphql_list import OpenGateway, officer
from foundation.clock import SystemClock
from foundation.cursors import Cursors
from foundation.database.database import Database
from foundation.identity.principal import OfficialPrincipal, Origin, Principal
from foundation.ids import GlobalIds, new_uuid
from foundation.policy.engine import PolicyEngine
from foundation.settings import DatabaseSettings, load
from graphql_schema.context import Codecs
from graphql_schema.execution.documents import Documents
from graphql_schema.http import GraphQLEndpoint
from graphql_schema.limits import Limits
from graphql_schema.live.endpoint import LiveEndpoint
from graphql_schema.live.operations import LiveOperations
from graphql_schema.schema import build
from stack.home import ROOT
from tests.graphql_schema.fakes import every


class _Gateway(OpenGateway):
    """Each caller is another person of the same class: the limit a person would be met at once else."""

    async def authenticate(self, parts: Any, origin: Origin) -> Principal:
        session = replace(self.principal.session, sub=str(new_uuid()), sid=str(new_uuid()))
        return replace(self.principal, session=session)

    async def again(self, parts: Any, origin: Origin) -> Principal:
        return await self.authenticate(parts, origin)

    async def stays(self, parts: Any, principal: Principal) -> None:
        """For ever."""


def create_app() -> Litestar:
    """The application of the server process."""
    clock = SystemClock()
    recorder = AuditRecorder(
        service="ioc-backend",
        clock=clock,
        new_id=new_uuid,
        random_bytes=secrets.token_bytes,
        refusals=RefusalCounter(),
    )
    database = Database(load(Path(os.environ["BENCH_APP"]), DatabaseSettings), recorder)
    feed = Database(load(Path(os.environ["BENCH_FEED"]), DatabaseSettings), recorder)
    policy = PolicyEngine.load(ROOT / "policies" / "backend")
    hub = Hub(ChangeReader(feed, clock), policy, clock)
    gateway = _Gateway()
    schema, limits = build(), Limits()
    nothing: Any = None
    common: dict[str, Any] = {
        "schema": schema,
        "documents": Documents(schema._schema, trusted=[], only_trusted=False, limits=limits),
        "services": every(nothing, feed=FeedService(ChangeQueries(database, policy, clock), hub)),
        "codecs": Codecs(global_ids=GlobalIds(b"k" * 64), cursors=Cursors(b"k" * 64, 1, clock)),
        "gateway": gateway,
        "limits": limits,
    }
    live = LiveEndpoint(LiveOperations(**common), limits, lambda: "bench")
    graphql = GraphQLEndpoint(**common, new_request_id=lambda: "bench", websocket=live.websocket)

    @contextlib.asynccontextmanager
    async def lifespan(app: Litestar) -> AsyncIterator[None]:
        await database.open()
        await feed.open()
        principal: OfficialPrincipal = await officer(database)
        gateway.principal = principal
        running = asyncio.create_task(hub.run())
        yield
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)
        await feed.close()
        await database.close()

    return Litestar([graphql.handler(), live.handler()], lifespan=[lifespan], openapi_config=None)


if __name__ == "__main__":
    Granian(
        "benchmarks._live_server:create_app",
        factory=True,
        interface=Interfaces.ASGI,
        port=int(sys.argv[1]),
        log_enabled=False,
    ).serve()
