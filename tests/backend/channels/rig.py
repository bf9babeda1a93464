"""The routes of channels as the api has them, on a real database, with the world's frozen clock."""

import contextlib
import json
import secrets
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

import httpx
import psycopg
from litestar import Litestar

from audit.recorder import AuditRecorder
from audit.refusals import RefusalCounter
from backend.channels.doors import digest_of, seal_secret
from backend.channels.routes import ChannelEntry
from backend.channels.signing import signed_headers
from foundation.clock import FrozenClock
from foundation.database.database import Database
from foundation.ids import new_uuid
from foundation.phones import PhoneDigests, PhoneSeal
from foundation.policy.engine import PolicyEngine
from foundation.settings import ChannelsSettings
from services.channel_routes import channel_routes, entry_of
from services.networks import Networks
from tests.backend.world import NOON, POLICIES, TEXT, connect
from tests.conftest import Database as TestDatabase

PLACE = "Ngõ 12 phố Hàng Bài"
PHONE = "0912 345 678"


def data(**changes: Any) -> dict[str, Any]:
    """A report as the hotline sends it."""
    full = {
        "category": "street_light",
        "ward": "00070",
        "place": PLACE,
        "body": TEXT,
        "latitude": 21.0245,
        "longitude": 105.8516,
        "phone": PHONE,
    }
    return {name: value for name, value in {**full, **changes}.items() if value is not None}


@dataclass
class Channels:
    """One process that takes reports from channels."""

    app: Litestar
    entry: ChannelEntry
    database: Database
    test_database: TestDatabase
    clock: FrozenClock
    seal: PhoneSeal
    digests: PhoneDigests
    refusals: RefusalCounter
    secrets: dict[str, bytes] = field(default_factory=dict)

    def superuser(self) -> psycopg.Connection:
        """A test's own look."""
        return connect(self.test_database.settings(self.test_database.superuser))

    def rows(self, query: str, *values: Any) -> list[Any]:
        """What a superuser sees."""
        with self.superuser() as connection:
            return connection.execute(query.encode(), values).fetchall()

    def make(
        self, code: str, kind: str = "webhook", *, rate: int = 1_000, url: str | None = None, **more: Any
    ) -> bytes:
        """A channel with a key of each purpose; the one that it signs with."""
        with self.superuser() as connection:
            connection.execute(
                "INSERT INTO channels.channel (code, kind, name, state, callback_url, zalo_app_id,"
                " rate_amount, rate_seconds, created_at) VALUES (%s, %s, %s, 'active', %s, %s, %s, 60, %s)",
                (code, kind, code, url, more.get("app_id"), rate, NOON),
            )
        secret = more.get("secret") or secrets.token_bytes(32)
        self.add_key(code, secret)
        self.add_key(code, secrets.token_bytes(32), purpose="out")
        self.secrets[code] = secret
        return secret

    def add_key(
        self,
        code: str,
        secret: bytes,
        purpose: str = "in",
        from_at: datetime = NOON - timedelta(days=1),
        until_at: datetime | None = None,
    ) -> UUID:
        """One more key."""
        key_id = new_uuid()
        with self.superuser() as connection:
            connection.execute(
                "INSERT INTO channels.key (id, channel, purpose, sealed, from_at, until_at)"
                " VALUES (%s, %s, %s, %s, %s, %s)",
                (key_id, code, purpose, seal_secret(self.seal, secret, key_id), from_at, until_at),
            )
        return key_id

    def add_client(self, code: str, api_key: str) -> None:
        """An Open311 client."""
        with self.superuser() as connection:
            connection.execute(
                "INSERT INTO channels.channel (code, kind, name, state, rate_amount, rate_seconds,"
                " created_at) VALUES (%s, 'open311', %s, 'active', 1000, 60, %s)",
                (code, code, NOON),
            )
            connection.execute(
                "INSERT INTO channels.key (id, channel, purpose, digest, from_at)"
                " VALUES (%s, %s, 'in', %s, %s)",
                (new_uuid(), code, digest_of(api_key), NOON - timedelta(days=1)),
            )

    async def send(
        self,
        code: str,
        own_id: str,
        said: dict[str, Any] | None = None,
        *,
        raw: bytes | None = None,
        at: datetime | None = None,
        secret: bytes | None = None,
        headers: dict[str, str] | None = None,
    ) -> httpx.Response:
        """One signed message."""
        body = raw
        if body is None:
            event = {"type": "report.created", "timestamp": NOON.isoformat(), "data": said or data()}
            body = json.dumps(event).encode()
        used = secret or self.secrets[code]
        signed: dict[str, str] = {}
        with contextlib.suppress(UnicodeDecodeError):
            signed = signed_headers(own_id, at or self.clock.now(), body, (used,))
        return await self.ask("POST", f"/channels/{code}/reports", body, {**signed, **(headers or {})})

    async def ask(
        self,
        method: str,
        path: str,
        content: bytes | None = None,
        headers: dict[str, str] | None = None,
        network: str = "203.0.113.7",
    ) -> httpx.Response:
        """One request."""
        transport = httpx.ASGITransport(app=self.app, client=(network, 50_000))
        async with httpx.AsyncClient(transport=transport, base_url="https://api.test") as client:
            return await client.request(method, path, content=content, headers=headers)


def compose(test_database: TestDatabase, clock: FrozenClock, folder: Path) -> Channels:
    """The parts on a database; open it before use."""
    refusals = RefusalCounter()
    recorder = AuditRecorder(
        service="ioc-backend",
        clock=clock,
        new_id=new_uuid,
        random_bytes=secrets.token_bytes,
        refusals=refusals,
    )
    key_file = folder / "channel-seal"
    key_file.write_bytes(secrets.token_bytes(32))
    settings = ChannelsSettings(seal_key_file=key_file)
    database = Database(test_database.settings("backend_app"), recorder)
    digests = PhoneDigests(b"k" * 32)
    entry = entry_of(
        settings,
        database,
        PolicyEngine.load(POLICIES),
        recorder,
        refusals,
        digests,
        clock,
        new_uuid,
        secrets.token_bytes,
    )
    app = Litestar(
        route_handlers=[*channel_routes(entry, database, Networks([]), new_uuid)], openapi_config=None
    )
    seal = PhoneSeal.from_file(key_file)
    return Channels(app, entry, database, test_database, clock, seal, digests, refusals)
