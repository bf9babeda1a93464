"""An api with its real door on a real database; Keycloak alone is a double."""

import asyncio
import contextlib
import secrets
import time
import uuid
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
from joserfc.jwk import ECKey
from litestar import Litestar

from foundation.identity.authenticator import Authenticator
from foundation.settings import (
    ApiSettings,
    AppsSettings,
    AuditSettings,
    DirectoryQueueSettings,
    RealmSettings,
    TlsSettings,
)
from services.api import Parts, endpoints_of, gateway_of, limits_of, parts_of
from services.gateway import ApiGateway
from stack.home import ROOT
from stack.secret_files import signing_key
from tests.backend.media.rig import WIDE
from tests.backend.world import OFFICIALS, UNITS, connect
from tests.conftest import Database as TestDatabase
from tests.identity import world

CONTRACT = ROOT / "mobile_contract"
IPHONE = "ihanoi-app/1.4.0 (iOS 26.1; iPhone17,3)"
IPAD = "ioc-ipad/1.2.0 (iPadOS 26.1; iPad16,6)"


class Keycloak(world.Keycloak):
    """Introspection says what is known of the very token, unless its session ended."""

    def __init__(self) -> None:
        super().__init__()
        self.ended: set[str] = set()

    def _answer(self, request: httpx.Request) -> httpx.Response:
        if request.url.path.endswith("/token/introspect") and not self.away:
            form = dict(httpx.QueryParams(request.content.decode()))
            self.introspections.append(form)
            claims = world.claims_of(form["token"])
            alive = self.active and claims["sid"] not in self.ended
            told = {"active": True, "sub": claims["sub"], "sid": claims["sid"]}
            return httpx.Response(200, json=told if alive else {"active": False})
        return super()._answer(request)


@dataclass
class SignedIn:
    """Somebody on one device, in one session. `sub` of officials is that of tests/backend/world.py."""

    who: str
    sub: str
    key: ECKey
    sid: str
    auth_time: int
    app: str | None = None

    @property
    def thumbprint(self) -> str:
        """The device."""
        return self.key.thumbprint()

    def token(self) -> str:
        """A fresh access token of the session."""
        now = int(time.time())
        common = {
            "sub": self.sub,
            "sid": self.sid,
            "iat": now,
            "exp": now + 300,
            "auth_time": self.auth_time,
            "jti": str(uuid.uuid4()),
            "cnf": {"jkt": self.thumbprint},
        }
        if self.who not in UNITS:
            return world.citizen_token(**common)
        unit = UNITS[self.who]
        alias = f"u-{unit.lower()}"
        scope = f"openid organization:{alias} aud-ioc-backend"
        organisation = {alias: {"unit_code": [unit]}}
        return world.official_token(iss=OFFICIALS, scope=scope, organization=organisation, **common)

    def headers(self, method: str = "POST", path: str = "/graphql") -> dict[str, str]:
        """A token and a fresh proof, and the app if it names itself."""
        token = self.token()
        url = f"{world.PUBLIC_URL}{path}"
        proof = world.proof(token, self.key, iat=int(time.time()), jti=str(uuid.uuid4()), htm=method, htu=url)
        shown = {"authorization": f"DPoP {token}", "dpop": proof}
        return shown if self.app is None else {**shown, "ioc-app": self.app}


@dataclass
class DeviceApi:
    """One process, and those who use it."""

    parts: Parts
    gateway: ApiGateway
    app: Litestar
    keycloak: Keycloak
    test_database: TestDatabase
    keys: dict[str, ECKey] = field(default_factory=dict)

    def key(self, device: str) -> ECKey:
        """The key of a device by its name; made at first."""
        return self.keys.setdefault(device, ECKey.generate_key("P-256"))

    def sign_in(
        self, who: str = "lan", device: str | None = None, *, ago: int = 60, app: str | None = None
    ) -> SignedIn:
        """A new session of somebody on a device of theirs, begun `ago` seconds ago."""
        number = list(UNITS).index(who) + 1 if who in UNITS else 0
        sub = f"00000000-0000-4000-8000-00000000000{number}" if number else who
        key = self.key(device or f"phone of {who}")
        return SignedIn(who, sub, key, secrets.token_urlsafe(18), int(time.time()) - ago, app)

    async def ask(
        self,
        person: SignedIn | None,
        name: str,
        variables: dict[str, Any] | None = None,
        *,
        address: str = "203.0.113.7",
        headers: dict[str, str] | None = None,
    ) -> httpx.Response:
        """One request with a document of the contract."""
        query = (CONTRACT / "operations" / f"{name}.graphql").read_text(encoding="utf-8")
        shown = {"accept": "application/graphql-response+json", "accept-language": "en"}
        shown |= {} if person is None else person.headers()
        transport = httpx.ASGITransport(app=self.app, client=(address, 50_000))
        async with httpx.AsyncClient(transport=transport, base_url="https://api.test") as client:
            body = {"query": query, "variables": variables or {}}
            return await client.post("/graphql", json=body, headers={**shown, **(headers or {})})

    async def data(
        self, person: SignedIn, name: str, variables: dict[str, Any] | None = None, **options: Any
    ) -> Any:
        """What the one root field answers."""
        answer = await self.ask(person, name, variables, **options)
        (value,) = answer.json()["data"].values()
        return value

    async def nodes(self, person: SignedIn, name: str, **variables: Any) -> list[dict[str, Any]]:
        """A page's rows."""
        page = await self.data(person, name, variables)
        return [edge["node"] for edge in page["edges"]]

    async def change(self, person: SignedIn, mutation: str, /, **given: Any) -> dict[str, Any]:
        """A mutation's payload."""
        given = {"idempotencyKey": secrets.token_hex(16), **given}
        found: dict[str, Any] = await self.data(person, mutation, {"input": given})
        return found

    def rows(self, query: str, *arguments: Any) -> list[Any]:
        """What a superuser sees."""
        with connect(self.test_database.settings(self.test_database.superuser)) as connection:
            return connection.execute(query.encode(), arguments).fetchall()

    def do(self, query: str, *arguments: Any) -> None:
        """What a superuser does."""
        with connect(self.test_database.settings(self.test_database.superuser)) as connection:
            connection.execute(query.encode(), arguments)

    def events(self, action: str) -> list[dict[str, Any]]:
        """What the log says of an action."""
        found = self.rows("SELECT line::jsonb FROM audit.event ORDER BY xid, id")
        return [row[0] for row in found if row[0]["unmapped"]["action"] == action]


def code_of(answer: httpx.Response) -> str:
    """The error's code."""
    return str(answer.json()["errors"][0]["extensions"]["code"])


def settings_of(database: TestDatabase, folder: Path, **changes: Any) -> ApiSettings:
    """Settings of the process."""
    (folder / "opaque-ids").write_bytes(bytes(range(64)))
    signing_key(folder / "queue-api.pem")
    officials = RealmSettings(issuer=OFFICIALS, clients=["ioc-ipad"], minimum_acr="aal2")
    given: dict[str, Any] = {
        "environment": "development",
        "listen_host": "127.0.0.1",
        "listen_port": 1,
        "tls": TlsSettings(certificate_file=folder, key_file=folder),
        "database": database.settings("backend_app", pool_size=6),
        "feed_database": database.settings("backend_feed", pool_size=1),
        "identity": world.settings(folder, officials=officials),
        "audit": AuditSettings(log="backend"),
        "opaque_id_key_file": folder / "opaque-ids",
        "policies_folder": ROOT / "policies" / "backend",
        "operations_folder": CONTRACT / "operations",
        "apps": AppsSettings(),
        "limits": WIDE,
        "directory_queue": DirectoryQueueSettings(signer="api", key_file=folder / "queue-api.pem"),
    }
    return ApiSettings(**{**given, **changes})


@contextlib.asynccontextmanager
async def serving(database: TestDatabase, folder: Path, **changes: Any) -> AsyncIterator[DeviceApi]:
    """A process that is open, its one reader of changes running."""
    settings = settings_of(database, folder, **changes)
    keycloak, parts = Keycloak(), parts_of(settings)
    limits = limits_of(parts)
    await parts.database.open()
    await parts.feed.open()
    gateway = gateway_of(parts, limits)
    door = Authenticator(
        settings.identity, parts.database.pool, parts.clock, keycloak.http(), limits.of_person
    )
    await door.open()
    gateway.open(door)
    routes = [endpoint.handler() for endpoint in endpoints_of(parts, gateway)]
    api = DeviceApi(
        parts,
        gateway,
        Litestar(routes, openapi_config=None, logging_config=None),
        keycloak,
        database,
    )
    # A proof names whole seconds: one of this second would be from before the memory of proofs.
    api.do("UPDATE identity.proof_epoch SET since = since - interval '1 minute'")
    reading = asyncio.create_task(parts.hub.run())
    try:
        yield api
    finally:
        reading.cancel()
        await asyncio.gather(reading, return_exceptions=True)
        await door.close()
        await parts.feed.close()
        await parts.database.close()
