"""A small Ha Noi on a real database: reference data, people, and the services as the api composes them."""

import secrets
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from uuid import UUID

import psycopg

from audit.recorder import AuditRecorder
from audit.refusals import RefusalCounter
from backend.abuse.service import SenderGate
from backend.citizens.service import CitizenService
from backend.media.evidence import MediaEvidence
from backend.notifications.queries import InboxQueries
from backend.notifications.service import NotificationService
from backend.reports.merging import MergeService
from backend.reports.queries import ReportQueries
from backend.reports.service import ReportService
from backend.reports.types import Changed, Submission
from backend.routing.service import RoutingService
from backend.tenancy.service import TenancyService
from backend.work.gate import WorkParts
from foundation.clock import HANOI, FrozenClock
from foundation.database.connections import for_psycopg
from foundation.database.database import Database
from foundation.idempotency import Idempotency
from foundation.identity.principal import (
    CitizenPrincipal,
    OfficialPrincipal,
    Origin,
    SystemPrincipal,
    VerifiedSession,
)
from foundation.ids import new_uuid
from foundation.phones import PhoneDigests
from foundation.policy.engine import PolicyEngine
from foundation.recording import Recorder
from foundation.settings import DatabaseSettings
from services.seed import load_people, load_reference
from stack.home import ROOT

OFFICIALS = "https://localhost/realms/hanoi-ioc"
CITIZENS = "https://localhost/realms/ihanoi"
NOON = datetime(2026, 11, 24, 5, 0, tzinfo=UTC)
HOAN_KIEM, SOC_SON, CONSTRUCTION, CITY = "00070", "00376", "D0001", "C0001"
POLICIES = Path(ROOT) / "policies" / "backend"
PHONE_KEY = bytes(range(32))
"""Of digests of numbers."""
TEXT = "Đèn đường tắt từ tối qua, rất tối và nguy hiểm."

PEOPLE = {
    "officials": [
        {
            "id": f"00000000-0000-4000-8000-00000000000{number}",
            "family_name": "Trần",
            "given_name": name,
            "duties": [{"kind": kind, "unit": unit}],
        }
        for number, (name, kind, unit) in enumerate(
            [
                ("Văn Minh", "handler", HOAN_KIEM),
                ("Thị Thảo", "handler", HOAN_KIEM),
                ("Anh Dũng", "handler", SOC_SON),
                ("Thu Hà", "handler", CONSTRUCTION),
                ("Đức Quang", "city_operator", CITY),
                ("Mai Phương", "handler", "P0002"),
                ("Thị Nga", "unit_admin", CITY),
                ("Hải Sơn", "unit_admin", CITY),
                ("Hải Yến", "unit_admin", HOAN_KIEM),
            ],
            start=1,
        )
    ]
}
UNITS = dict(
    zip(
        ("minh", "thao", "dung", "ha", "quang", "phuong", "nga", "son", "yen"),
        (HOAN_KIEM, HOAN_KIEM, SOC_SON, CONSTRUCTION, CITY, "P0002", CITY, CITY, HOAN_KIEM),
        strict=True,
    )
)


def connect(settings: DatabaseSettings) -> psycopg.Connection:
    """A plain connection of a role, committing by itself: for a test's own look."""
    return psycopg.connect(
        **for_psycopg(settings),
        autocommit=True,
    )


def seed(settings: DatabaseSettings) -> None:
    """Reference data and the nine officials."""
    with connect(settings) as connection, connection.transaction():
        connection.execute("SET LOCAL ROLE backend_owner")
        load_reference(connection)
        load_people(connection, PEOPLE, OFFICIALS)
        # The walls' day is the frozen clock's.
        connection.execute(
            "CREATE OR REPLACE FUNCTION platform.today() RETURNS date LANGUAGE sql STABLE"
            f" SET search_path = '' AS $$ SELECT date '{NOON.astimezone(HANOI).date()}' $$"
        )
        # And so is the ledger's clock, which tests move as they like.
        connection.execute(
            "CREATE OR REPLACE FUNCTION ledger.is_now(a_moment timestamptz) RETURNS boolean LANGUAGE sql"
            " SET search_path = '' AS $$ SELECT a_moment IS NOT NULL $$"
        )


def session(issuer: str, subject: str, organisation: str | None = None, acr: str = "aal2") -> VerifiedSession:
    """A verified session as the authenticator would hand it over."""
    return VerifiedSession(
        iss=issuer,
        sub=subject,
        sid=str(new_uuid()),
        jkt="x" * 43,
        azp="test",
        acr=acr,
        amr=("pwd", "otp"),
        auth_time=NOON - timedelta(minutes=5),
        expires_at=NOON + timedelta(minutes=5),
        organisation=organisation,
        token_digest=b"\x00" * 32,
    )


def key(digest: bytes = b"\x01" * 32) -> Idempotency:
    """A fresh idempotency key."""
    return Idempotency(secrets.token_hex(16), digest)


@dataclass
class World:
    """The services on one database, and whom to be."""

    database: Database
    worker_database: Database
    clock: FrozenClock
    reports: ReportService
    queries: ReportQueries
    tenancy: TenancyService
    citizens: CitizenService
    notifications: NotificationService
    inboxes: InboxQueries
    recorder: Recorder

    async def citizen(self, subject: str = "lan") -> CitizenPrincipal:
        """A citizen at aal1, whose number is proven."""
        signed_in = session(CITIZENS, subject, acr="aal1")
        found = await self.citizens.principal_of(signed_in, self.origin())
        return replace(found, phone_proven=True)

    async def official(self, name: str) -> OfficialPrincipal:
        """One of the nine officials at their unit."""
        number = list(UNITS).index(name) + 1
        subject = f"00000000-0000-4000-8000-00000000000{number}"
        return await self.tenancy.principal_of(session(OFFICIALS, subject, UNITS[name]), self.origin())

    def system(self, name: str = "fan_out") -> SystemPrincipal:
        """A job."""
        return SystemPrincipal(self.origin(), name)

    def origin(self) -> Origin:
        """Somewhere in a documentation network."""
        return Origin(request_id=str(new_uuid()), network="203.0.113.0")

    async def submitted(
        self, citizen: CitizenPrincipal | None = None, ward: str = HOAN_KIEM, category: str = "street_light"
    ) -> Changed:
        """A fresh report."""
        who = citizen or await self.citizen()
        submission = Submission(category, ward, "Ngõ 12 phố Hàng Bài", TEXT, 21.0245, 105.8516)
        return await self.reports.submit(who, submission, key())


def show_evidence(settings: DatabaseSettings, code: str, at: datetime = NOON, by: UUID | None = None) -> None:
    """A photo of what was done, put to a report by its unit's side (`by`: somebody else, as a citizen)."""
    with connect(settings) as connection:
        connection.execute(
            "INSERT INTO media.object (id, report_id, position, uploader_id, kind, state, content, width,"
            " height, octets, created_at) SELECT %s, r.id, (SELECT count(*) + %s FROM media.object m WHERE"
            " m.report_id = r.id), %s, 'photo', 'private', 'image/jpeg', 10, 10, 10, %s"
            " FROM reports.report r WHERE r.code = %s",
            (new_uuid(), 1 if by else 11, by or UUID("00000000-0000-4000-8000-000000000001"), at, code),
        )


def compose(app: DatabaseSettings, worker: DatabaseSettings, recorder: Recorder | None = None) -> World:
    """The world on a database; open both databases before use."""
    clock = FrozenClock(NOON)
    recorder = recorder or AuditRecorder(
        service="ioc-backend",
        clock=clock,
        new_id=new_uuid,
        random_bytes=secrets.token_bytes,
        refusals=RefusalCounter(),
    )
    policy = PolicyEngine.load(POLICIES)
    database = Database(app, recorder)
    worker_database = Database(worker, recorder)
    return World(
        database=database,
        worker_database=worker_database,
        clock=clock,
        reports=ReportService(
            database=database,
            policy=policy,
            routing=RoutingService(),
            evidence=MediaEvidence(),
            parts=WorkParts(),
            senders=SenderGate(),
            clock=clock,
            new_id=new_uuid,
            random_bytes=secrets.token_bytes,
        ),
        queries=ReportQueries(database, policy, clock),
        tenancy=TenancyService(database, clock),
        citizens=CitizenService(database, new_uuid, PhoneDigests(PHONE_KEY)),
        notifications=NotificationService(worker_database, policy, clock, new_uuid),
        inboxes=InboxQueries(database, policy, clock),
        recorder=recorder,
    )


def merging_of(world: World) -> MergeService:
    """Merging on a world's database."""
    return MergeService(
        database=world.database,
        policy=PolicyEngine.load(POLICIES),
        parts=WorkParts(),
        clock=world.clock,
        new_id=new_uuid,
    )


def change_ids(settings: DatabaseSettings) -> list[UUID]:
    """The changes in order, as a superuser sees them."""
    with connect(settings) as connection:
        return [row[0] for row in connection.execute("SELECT id FROM changes.change ORDER BY x, id")]
