"""The routes of media as the api has them, on a real database and folder; Keycloak's keys are the tests'."""

import contextlib
import secrets
import time
import uuid
from collections.abc import AsyncIterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx
from litestar import Litestar

from audit.recorder import AuditRecorder
from audit.refusals import RefusalCounter
from backend.abuse.service import SenderGate
from backend.citizens.service import CitizenService
from backend.devices.notes import SessionNotes
from backend.media.evidence import MediaEvidence
from backend.media.processing import Processor
from backend.media.scanner import NoScanner
from backend.media.service import MediaService
from backend.media.store import store_of
from backend.reports.service import ReportService
from backend.reports.types import Changed, Submission
from backend.routing.service import RoutingService
from backend.tenancy.service import TenancyService
from backend.work.gate import WorkParts
from foundation.clock import SystemClock
from foundation.database.database import Database
from foundation.identity.apps import AppDoor
from foundation.identity.authenticator import Authenticator
from foundation.identity.principal import CitizenPrincipal, Origin
from foundation.ids import new_uuid
from foundation.limits.limiter import Limiter
from foundation.phones import PhoneDigests
from foundation.policy.engine import PolicyEngine
from foundation.settings import (
    OPERATIONS,
    ApiSettings,
    AuditSettings,
    LimitsSettings,
    MediaSettings,
    OperationRate,
    Rate,
    RealmSettings,
    TlsSettings,
)
from services.gateway import ApiGateway
from services.limits import ApiLimits, DatabasePool, RefusalsOfRequests
from services.media_routes import media_routes
from services.networks import Networks
from tests.backend.world import HOAN_KIEM, OFFICIALS, PHONE_KEY, POLICIES, TEXT, UNITS, connect, key, session
from tests.conftest import Database as TestDatabase
from tests.identity import world

_OFTEN = Rate(amount=1_000_000, seconds=60)
WIDE = LimitsSettings(
    anonymous=_OFTEN,
    sign_in=_OFTEN,
    person=_OFTEN,
    operations={"uploadMedia": OperationRate(amount=1_000_000, seconds=60)},
)


@dataclass
class MediaApi:
    """One process that takes files."""

    app: Litestar
    database: Database
    test_database: TestDatabase
    reports: ReportService
    citizens: CitizenService
    folder: Path
    keycloak: world.Keycloak
    refusals: RefusalCounter

    async def citizen(self, who: str) -> CitizenPrincipal:
        """Somebody who has just signed in."""
        signed_in = replace(session(world.CITIZENS, who, acr="aal1"), auth_time=datetime.now(UTC))
        found = await self.citizens.principal_of(signed_in, Origin(str(new_uuid()), "203.0.113.0"))
        return replace(found, phone_proven=True)

    def service(self, processor: Any) -> MediaService:
        """The service alone, with another processor."""
        settings = MediaSettings(folder=self.folder, link_key_file=self.folder, scan_required=False)
        return MediaService(
            database=self.database,
            policy=PolicyEngine.load(POLICIES),
            store=store_of(settings),
            processor=processor,
            scanner=NoScanner(),
            clock=SystemClock(),
            new_id=new_uuid,
        )

    async def report(self, who: str = "lan") -> Changed:
        """A fresh report of a citizen."""
        principal = await self.citizen(who)
        place = Submission("street_light", HOAN_KIEM, "Ngõ 12 phố Hàng Bài", TEXT, 21.0245, 105.8516)
        return await self.reports.submit(principal, place, key())

    async def upload(
        self, octets: Any, code: str, who: str = "lan", *, key: str | None = None, **headers: str
    ) -> httpx.Response:
        """One file with token and proof."""
        named = {"idempotency-key": key or secrets.token_hex(16), **_dashed(headers)}
        return await self.ask("POST", "/media", {"report": code}, who, named, octets)

    async def read(self, media_id: str, who: str | None = "lan", size: str | None = None) -> httpx.Response:
        """One form of a file."""
        return await self.ask("GET", f"/media/{media_id}", {} if size is None else {"size": size}, who)

    async def ask(
        self,
        method: str,
        path: str,
        query: dict[str, str] | None = None,
        who: str | None = "lan",
        headers: dict[str, str] | None = None,
        content: Any = None,
    ) -> httpx.Response:
        """One request of somebody, or of nobody."""
        shown = {**(headers or {}), **({} if who is None else self.credentials(who, method, path))}
        transport = httpx.ASGITransport(app=self.app, client=("203.0.113.7", 50_000))
        async with httpx.AsyncClient(transport=transport, base_url="https://api.test") as client:
            return await client.request(method, path, params=query, headers=shown, content=content)

    def credentials(self, who: str, method: str, path: str) -> dict[str, str]:
        """A token and a fresh proof."""
        now = int(time.time())
        times = {"iat": now, "exp": now + 300, "auth_time": now, "sid": f"session-of-{who}"}
        if who in UNITS:
            number = list(UNITS).index(who) + 1
            sub, unit = f"00000000-0000-4000-8000-00000000000{number}", UNITS[who]
            organisation = {f"u-{unit.lower()}": {"unit_code": [unit]}}
            token = world.official_token(
                iss=OFFICIALS,
                sub=sub,
                scope=f"openid organization:u-{unit.lower()} aud-ioc-backend",
                organization=organisation,
                **times,
            )
            self.keycloak.session = {"sub": sub, "sid": times["sid"]}
        else:
            token = world.citizen_token(sub=who, **times)
        url = f"{world.PUBLIC_URL}{path}"
        proof = world.proof(token, iat=now, jti=str(uuid.uuid4()), htm=method, htu=url)
        return {"authorization": f"DPoP {token}", "dpop": proof}

    def rows(self, query: str, *arguments: Any) -> list[Any]:
        """What a superuser sees."""
        with connect(self.test_database.settings(self.test_database.superuser)) as connection:
            return connection.execute(query.encode(), arguments).fetchall()

    def files(self) -> list[Path]:
        """The objects."""
        return sorted(path for path in (self.folder / "media").rglob("*") if path.is_file())


def code_of(answer: httpx.Response) -> str:
    """The error's code."""
    return str(answer.json()["errors"][0]["extensions"]["code"])


def _dashed(headers: dict[str, str]) -> dict[str, str]:
    return {name.replace("_", "-"): value for name, value in headers.items()}


def settings_of(database: TestDatabase, folder: Path, limits: LimitsSettings, **media: Any) -> ApiSettings:
    """Settings of a process that takes files without a scanner, unless `media` says otherwise."""
    (folder / "opaque-ids").write_bytes(bytes(range(64)))
    (folder / "media-links").write_bytes(bytes(range(32)))
    officials = RealmSettings(issuer=OFFICIALS, clients=["ioc-ipad"], minimum_acr="aal2")
    objects = None if "s3" in media else folder / "objects"
    chosen = {"folder": objects, "scan_required": False, **media}
    return ApiSettings(
        environment="development",
        listen_host="127.0.0.1",
        listen_port=1,
        tls=TlsSettings(certificate_file=folder, key_file=folder),
        database=database.settings("backend_app", pool_size=6),
        feed_database=database.settings("backend_feed", pool_size=1),
        identity=world.settings(folder, officials=officials),
        audit=AuditSettings(log="backend"),
        opaque_id_key_file=folder / "opaque-ids",
        policies_folder=POLICIES,
        operations_folder=POLICIES,
        limits=limits,
        media=MediaSettings(link_key_file=folder / "media-links", **chosen),
    )


@contextlib.asynccontextmanager
async def serving(
    database: TestDatabase, folder: Path, limits: LimitsSettings = WIDE, **media: Any
) -> AsyncIterator[MediaApi]:
    """A process that is open."""
    settings = settings_of(database, folder, limits, **media)
    clock, counter, keycloak = SystemClock(), RefusalCounter(), world.Keycloak()
    recorder = RefusalsOfRequests(
        AuditRecorder(
            service="ioc-backend",
            clock=clock,
            new_id=new_uuid,
            random_bytes=secrets.token_bytes,
            refusals=counter,
        )
    )
    used = Database(settings.database, recorder)
    api_limits = ApiLimits(settings.limits, Limiter(DatabasePool(used)), recorder, operations=set(OPERATIONS))
    await used.open()
    citizens = CitizenService(used, new_uuid, PhoneDigests(PHONE_KEY))
    gateway = ApiGateway(
        database=used,
        tenancy=TenancyService(used, clock),
        citizens=citizens,
        clock=clock,
        networks=Networks([]),
        limits=api_limits,
        refusals=counter,
        apps=AppDoor(settings.apps, production=False),
        notes=SessionNotes(used, clock, new_uuid),
    )
    door = Authenticator(settings.identity, used.pool, clock, keycloak.http())
    await door.open()
    gateway.open(door)
    with connect(database.settings(database.superuser)) as connection:
        # A proof names whole seconds: one of this second would be from before the memory of proofs.
        connection.execute("UPDATE identity.proof_epoch SET since = since - interval '1 minute'")
    reports = ReportService(
        database=used,
        policy=PolicyEngine.load(POLICIES),
        routing=RoutingService(),
        evidence=MediaEvidence(),
        parts=WorkParts(),
        senders=SenderGate(),
        clock=clock,
        new_id=new_uuid,
        random_bytes=secrets.token_bytes,
    )
    routes = media_routes(settings, used, clock, gateway, Processor())
    app = Litestar(list(routes), openapi_config=None, logging_config=None)
    try:
        objects = media.get("folder", folder / "objects")
        yield MediaApi(app, used, database, reports, citizens, objects, keycloak, counter)
    finally:
        await door.close()
        await used.close()
