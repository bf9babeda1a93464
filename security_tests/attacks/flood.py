"""An api as it is composed in production, on a real database, with a Keycloak that counts who asks it."""

import time
import uuid
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import orjson
import psycopg
from litestar import Litestar
from sqlalchemy import event

from audit.refusals import flush
from foundation.clock import FrozenClock
from foundation.database.database import Database
from foundation.identity.authenticator import Authenticator
from foundation.settings import (
    ApiSettings,
    AppsSettings,
    AuditSettings,
    ContactSettings,
    LimitsSettings,
    OperationRate,
    Rate,
    TlsSettings,
)
from graphql_schema.execution.documents import id_of
from security_tests.attacks.served import phones_in
from services.api import Parts, endpoints_of, gateway_of, limits_of, parts_of
from services.gateway import ApiGateway
from services.routes import backchannel_logout_route
from services.seed import load_citizens
from stack.home import ROOT
from tests.backend.world import connect
from tests.conftest import Database as TestDatabase
from tests.identity import world

FLOODER, NEIGHBOUR, OTHER = "203.0.113.66", "203.0.113.7", "198.51.100.1"
DAY = 86_400
LAN = {"citizens": [{"id": "lan", "phone": world.number_of("lan")}]}
"""Has proven the number that her tokens name."""
STRICT = LimitsSettings(
    anonymous=Rate(amount=40, seconds=DAY),
    sign_in=Rate(amount=20, seconds=DAY),
    person=Rate(amount=19, seconds=DAY),
    operations={
        "submitReport": OperationRate(amount=3, seconds=DAY, who="citizen"),
        "trackReport": OperationRate(amount=5, seconds=DAY, who="anonymous", refused_only=True),
    },
)
"""Small amounts that do not come back within a test."""


def document(name: str) -> str:
    """The id of a trusted document."""
    return id_of((ROOT / "mobile_contract" / "operations" / f"{name}.graphql").read_text(encoding="utf-8"))


@dataclass
class Api:
    """One server process. `checkouts` counts connections taken to write."""

    parts: Parts
    gateway: ApiGateway
    app: Litestar
    keycloak: world.Keycloak
    checkouts: list[Any] = field(default_factory=list)

    async def post(self, peer: str, headers: dict[str, str] | None = None, **body: Any) -> httpx.Response:
        """One request from an address."""
        transport = httpx.ASGITransport(app=self.app, client=(peer, 50_000))
        request = httpx.Request("POST", "https://api.test/graphql", json=body, headers=headers)
        answer = await transport.handle_async_request(request)
        await answer.aread()
        return answer

    async def log_out(self, peer: str, token: str) -> httpx.Response:
        """Somebody says that a session ended, as Keycloak would."""
        transport = httpx.ASGITransport(app=self.app, client=(peer, 50_000))
        form = {"logout_token": token}
        request = httpx.Request("POST", "https://api.test/identity/backchannel-logout", data=form)
        return await transport.handle_async_request(request)

    async def track(self, peer: str, code: str, **headers: str) -> httpx.Response:
        """Somebody without credentials asks for a report."""
        return await self.post(peer, headers, documentId=document("TrackReport"), variables={"code": code})

    async def viewer(self, peer: str, credentials: dict[str, str], **headers: str) -> httpx.Response:
        """Somebody asks who they are."""
        return await self.post(peer, {**credentials, **headers}, documentId=document("Viewer"))

    async def write_counts(self) -> None:
        """What the api does each second."""
        async with self.parts.database.engine.connect() as connection:
            await self.parts.refusals.write(connection)


def good(key: Any = world.DEVICE, sub: str = "lan", **claims: Any) -> dict[str, str]:
    """Headers of a citizen who may come in; each time another proof."""
    now = int(time.time())
    times = {"iat": now, "exp": now + 300, "auth_time": now}
    claims = {"sub": sub, "sid": f"session-of-{sub}", "cnf": {"jkt": key.thumbprint()}, **times, **claims}
    token = world.citizen_token(**claims)
    proof = world.proof(token, key, iat=now, jti=str(uuid.uuid4()))
    return {"authorization": f"DPoP {token}", "dpop": proof}


def bad(kid: str = "c", key: Any = world.THIEF) -> dict[str, str]:
    """Headers of one who signs his own tokens."""
    token = world.sign(world.citizen_claims(exp=int(time.time()) + 300), world.THIEF, kid=kid)
    return {"authorization": f"DPoP {token}", "dpop": world.proof(token, key)}


@asynccontextmanager
async def serving(
    database: TestDatabase, folder: Path, limits: LimitsSettings = STRICT, **changes: Any
) -> AsyncIterator[Api]:
    """An api that is open."""
    (folder / "opaque-ids").write_bytes(bytes(range(64)))
    settings = ApiSettings(
        **{
            "environment": "production",
            "listen_host": "127.0.0.1",
            "listen_port": 1,
            "tls": TlsSettings(certificate_file=folder, key_file=folder),
            "database": database.settings("backend_app", pool_size=4),
            "feed_database": database.settings("backend_feed", pool_size=1),
            "identity": world.settings(folder),
            "audit": AuditSettings(log="backend"),
            "opaque_id_key_file": folder / "opaque-ids",
            "policies_folder": ROOT / "policies" / "backend",
            "operations_folder": ROOT / "mobile_contract" / "operations",
            "manifests_folder": ROOT / "mobile_contract" / "manifests",
            "apps": AppsSettings(required=False),
            "phones": phones_in(folder),
            "contact": ContactSettings(  # nobody is there
                url="https://localhost:1", ca_file=folder, certificate_file=folder, key_file=folder
            ),
            "limits": limits,
            **changes,
        }
    )
    keycloak = world.Keycloak()
    parts = parts_of(settings)
    api_limits = limits_of(parts)
    await parts.database.open()
    gateway = gateway_of(parts, api_limits)
    authenticator = Authenticator(
        settings.identity, parts.database.pool, parts.clock, keycloak.http(), api_limits.of_person
    )
    await authenticator.open()
    with superuser(database) as connection:
        # A proof names whole seconds: one of this second would be from before the memory of proofs.
        connection.execute("UPDATE identity.proof_epoch SET since = since - interval '1 minute'")
        load_citizens(connection, LAN, world.CITIZENS, parts.keys.digests)
    gateway.open(authenticator)
    app = Litestar(
        route_handlers=[endpoints_of(parts, gateway)[0].handler(), backchannel_logout_route(gateway)],
        openapi_config=None,
    )
    api = Api(parts, gateway, app, keycloak)
    event.listen(parts.database.engine.sync_engine, "checkout", lambda *_: api.checkouts.append(_))
    try:
        yield api
    finally:
        await authenticator.close()
        await parts.database.close()


async def turn_the_minute(api: Api, database: TestDatabase) -> list[dict[str, Any]]:
    """Write the counts, let their minute end, let the worker make its events; all lines of the log."""
    await api.write_counts()
    later = FrozenClock(datetime.now(UTC) + timedelta(minutes=2))
    worker = Database(database.settings("backend_worker"), api.parts.watched)
    async with worker.unscoped() as connection:
        await flush(connection, api.parts.watched._recorder, later)  # type: ignore[arg-type]  # AuditRecorder
    await worker.close()
    with superuser(database) as connection:
        rows = connection.execute("SELECT line FROM audit.event ORDER BY xid, id").fetchall()
    return [orjson.loads(line) for (line,) in rows]


def superuser(database: TestDatabase) -> psycopg.Connection:
    """Who may look everywhere."""
    return connect(database.settings(database.superuser))


def count(database: TestDatabase, table: str) -> int:
    """Rows of a table."""
    with superuser(database) as connection:
        (rows,) = connection.execute(f"SELECT count(*) FROM {table}").fetchone() or (0,)
    return int(rows)
