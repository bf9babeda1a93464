"""A list of 50 reports with 10 fields: through GraphQL, and by a bare Litestar handler.

Both run in one process, called as ASGI applications without a socket; both send the same statements to the
same database as the same role with the same settings (BEGIN, settings, the list, ROLLBACK), one at a time.
Neither checks a token here (benchmarks/token_and_proof.py does).
"""

import asyncio
import contextlib
import secrets
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable
from datetime import UTC, datetime, timedelta
from typing import Any

import orjson
from litestar import Litestar, Response, get

from audit.recorder import AuditRecorder
from audit.refusals import RefusalCounter
from backend.reports.queries import ReportQueries
from backend.tenancy.service import TenancyService
from benchmarks._parts import ISSUER, OFFICIAL, WARD, Paired, paired, seeded_cluster, superuser
from foundation.clock import SystemClock
from foundation.cursors import Cursors
from foundation.database.database import Database
from foundation.identity.principal import OfficialPrincipal, Origin, Principal, VerifiedSession
from foundation.ids import GlobalIds, new_report_code, new_uuid
from foundation.paging import PageRequest
from foundation.policy.engine import PolicyEngine
from graphql_schema.context import Codecs
from graphql_schema.execution.documents import Documents
from graphql_schema.http import GraphQLEndpoint
from graphql_schema.limits import Limits
from graphql_schema.schema import build
from stack.home import ROOT
from stack.postgres import PostgresCluster
from tests.graphql_schema.fakes import every

ROWS, CALLS, ROUNDS = 50, 40, 15
QUERY = """query List($first: Int!) { unitReports(first: $first) { edges { node {
  code categoryCode ward { code } handler { code } place body state version createdAt updatedAt } } } }"""

_SUBMIT = """
INSERT INTO reports.report (id, code, citizen_id, category, ward_id, place, body, state, handler_id,
  visible_units, routing_reason, version, created_at, updated_at)
SELECT %(id)s, %(code)s, %(citizen)s, 'road', u.id, 'Ngõ 12 phố Hàng Bài', %(body)s, 'received', u.id,
  ARRAY[u.id], '{"rule": "ward-handles"}', 1, %(at)s, %(at)s FROM tenancy.unit u WHERE u.code = %(ward)s
"""


class OpenGateway:
    """Everybody is the officer: who calls is measured elsewhere."""

    principal: OfficialPrincipal

    def origin_of(self, parts: Any) -> Origin:
        return Origin("00000000-0000-7000-8000-000000000000", "127.0.0.0")

    async def before_reading(self, parts: Any, origin: Origin) -> None:
        return None

    def limited(self, principal: Principal, names: Any) -> contextlib.AbstractAsyncContextManager[None]:
        return contextlib.nullcontext()

    async def authenticate(self, parts: Any, origin: Origin) -> Principal:
        return self.principal

    def check_step_up(self, principal: Any, acr: str, max_age: Any) -> None:
        return None

    async def refused(self, principal: Any, intent: Any, refusal: Exception) -> None:
        raise refusal


def run() -> Iterable[dict[str, Any]]:
    """CPU of the process a request (PostgreSQL's is not in it), and wall time."""
    with seeded_cluster(durable=False) as cluster:
        _insert(cluster)
        result = asyncio.run(_measure(cluster))
    yield {
        "name": "graphql_list",
        "work": f"{ROWS} reports × 10 fields, {result.rounds} rounds of {CALLS}, one at a time",
        "ours": f"{result.ours_cpu:.0f} µs CPU, {result.ours_wall:.0f} µs",
        "peer": f"{result.peer_cpu:.0f} µs CPU, {result.peer_wall:.0f} µs",
        "peer_name": "bare Litestar + asyncpg handler, same statements",
        "ratio": round(result.cpu_ratio, 2),
        "target": None,
    }


def _insert(cluster: PostgresCluster) -> None:
    begin = datetime(2026, 1, 1, tzinfo=UTC)
    citizen = new_uuid()
    with superuser(cluster) as connection, connection.transaction():
        connection.execute("INSERT INTO citizens.citizen VALUES (%s, 'bench', 'bench')", (citizen,))
        for number in range(500):
            row = {
                "id": new_uuid(),
                "code": new_report_code(),
                "citizen": citizen,
                "body": f"Ổ gà lớn giữa đường, xe máy dễ ngã. Lần {number}.",
                "at": begin + timedelta(minutes=number),
                "ward": WARD,
            }
            connection.execute(_SUBMIT, row)
        connection.execute("ANALYZE")


async def _measure(cluster: PostgresCluster) -> Paired:
    clock = SystemClock()
    recorder = AuditRecorder(
        service="ioc-backend",
        clock=clock,
        new_id=new_uuid,
        random_bytes=secrets.token_bytes,
        refusals=RefusalCounter(),
    )
    database = Database(cluster.settings("backend_app"), recorder)
    await database.open()
    try:
        principal = await officer(database)
        queries = ReportQueries(database, PolicyEngine.load(ROOT / "policies" / "backend"), clock)
        ours, peer = _graphql(principal, queries, clock), _bare(principal, queries)
        body = orjson.dumps({"query": QUERY, "variables": {"first": ROWS}})
        assert len((await _call(ours, "POST", "/graphql", body))["data"]["unitReports"]["edges"]) == ROWS
        assert len(await _call(peer, "GET", "/bare", b"")) == ROWS
        return await paired(
            lambda: _call(ours, "POST", "/graphql", body),
            lambda: _call(peer, "GET", "/bare", b""),
            calls=CALLS,
            rounds=ROUNDS,
        )
    finally:
        await database.close()


@contextlib.asynccontextmanager
async def asked(cluster: PostgresCluster) -> AsyncIterator[Callable[[], Awaitable[Any]]]:
    """The list through GraphQL as one call, for other benchmarks of a request."""
    _insert(cluster)
    clock = SystemClock()
    recorder = AuditRecorder(
        service="ioc-backend",
        clock=clock,
        new_id=new_uuid,
        random_bytes=secrets.token_bytes,
        refusals=RefusalCounter(),
    )
    database = Database(cluster.settings("backend_app"), recorder)
    await database.open()
    try:
        queries = ReportQueries(database, PolicyEngine.load(ROOT / "policies" / "backend"), clock)
        app = _graphql(await officer(database), queries, clock)
        body = orjson.dumps({"query": QUERY, "variables": {"first": ROWS}})
        yield lambda: _call(app, "POST", "/graphql", body)
    finally:
        await database.close()


async def officer(database: Database) -> OfficialPrincipal:
    now = datetime.now(UTC)
    session = VerifiedSession(
        iss=ISSUER,
        sub=OFFICIAL,
        sid="bench",
        jkt="x" * 43,
        azp="bench",
        acr="aal2",
        amr=("pwd", "otp"),
        auth_time=now,
        expires_at=now + timedelta(hours=1),
        organisation=WARD,
        token_digest=b"\x00" * 32,
    )
    origin = Origin("00000000-0000-7000-8000-000000000000", "127.0.0.0")
    return await TenancyService(database, SystemClock()).principal_of(session, origin)


def _graphql(principal: OfficialPrincipal, queries: ReportQueries, clock: SystemClock) -> Litestar:
    schema, limits = build(), Limits()
    gateway = OpenGateway()
    gateway.principal = principal
    endpoint = GraphQLEndpoint(
        schema=schema,
        documents=Documents(schema._schema, trusted=[QUERY], only_trusted=True, limits=limits),
        services=every(None, reports=queries),
        codecs=Codecs(global_ids=GlobalIds(b"k" * 64), cursors=Cursors(b"k" * 64, 1, clock)),
        gateway=gateway,
        new_request_id=lambda: str(new_uuid()),
        limits=limits,
    )
    return Litestar([endpoint.handler()], openapi_config=None, logging_config=None)


def _bare(principal: OfficialPrincipal, queries: ReportQueries) -> Litestar:
    """The same service call, its ten fields put into dictionaries by hand, Litestar's own handler."""

    @get("/bare")
    async def bare() -> Response[bytes]:
        page = await queries.of_units(principal, PageRequest(ROWS), None, None)
        rows = [
            {
                "code": row.code,
                "categoryCode": row.category,
                "ward": {"code": row.ward.code},
                "handler": {"code": row.handler.code},
                "place": row.place,
                "body": row.body,
                "state": row.state,
                "version": row.version,
                "createdAt": row.created_at,
                "updatedAt": row.updated_at,
            }
            for row in page.items
        ]
        return Response(orjson.dumps(rows), media_type="application/json")

    return Litestar([bare], openapi_config=None, logging_config=None)


async def _call(app: Litestar, method: str, path: str, body: bytes) -> Any:
    """One request straight into the application."""
    sent: list[bytes] = []

    async def receive() -> Any:
        return {"type": "http.request", "body": body, "more_body": False}

    async def send(message: Any) -> None:
        sent.append(message.get("body", b""))

    headers = [(b"content-type", b"application/json"), (b"authorization", b"DPoP x")]
    scope: Any = {
        "type": "http",
        "asgi": {"version": "3.0"},
        "http_version": "1.1",
        "method": method,
        "scheme": "https",
        "path": path,
        "raw_path": path.encode(),
        "root_path": "",
        "query_string": b"",
        "headers": headers,
        "client": ("127.0.0.1", 1),
        "server": ("localhost", 443),
        "extensions": {},
    }
    await app(scope, receive, send)
    return orjson.loads(b"".join(sent))
