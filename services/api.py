"""The api: `python -m services.api --settings FILE`. GraphQL, health, back-channel logout, over HTTPS."""

import argparse
import asyncio
import contextlib
import multiprocessing
import os
import secrets
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import psycopg
import structlog
from granian import Granian
from granian.constants import Interfaces
from granian.http import HTTP1Settings, HTTP2Settings
from litestar import Litestar
from litestar.handlers import ASGIRouteHandler

from audit.recorder import AuditRecorder
from audit.refusals import RefusalCounter
from backend.abuse.service import AbuseService, SenderGate
from backend.changes.hub import Hub
from backend.changes.queries import ChangeQueries
from backend.changes.reader import ChangeReader
from backend.changes.service import FeedService
from backend.citizens.keys import PhoneKeys
from backend.citizens.service import CitizenService
from backend.devices.notes import SessionNotes
from backend.devices.queries import DeviceQueries
from backend.devices.releases import AppReleases
from backend.devices.service import DeviceService
from backend.duplicates.near import NearQueries
from backend.duplicates.service import FollowService
from backend.ledger.delays import DelayService
from backend.ledger.service import Ledger
from backend.media.evidence import MediaEvidence
from backend.media.listing import MediaListing
from backend.media.processing import Processor
from backend.media.redaction import RedactionService
from backend.media.release import MediaReleaseService
from backend.media.store import store_of
from backend.notifications.inbox import InboxService
from backend.notifications.queries import InboxQueries
from backend.officials.queries import OfficialQueries
from backend.officials.resets import ResetService
from backend.officials.reviews import ReviewService
from backend.officials.service import OfficialService
from backend.privacy.copies import CopyService
from backend.privacy.desk import PrivacyDesk
from backend.privacy.service import PrivacyService
from backend.releases.service import TextReleaseService
from backend.reports.merging import MergeService
from backend.reports.queries import ReportQueries
from backend.reports.service import ReportService
from backend.routing.queries import RoutingQueries
from backend.routing.service import RoutingService
from backend.statistics.public import PublicFigureQueries
from backend.tenancy.queries import TenancyQueries
from backend.tenancy.service import TenancyService
from backend.vault_gateway.service import VaultGateway
from backend.work.gate import WorkParts
from foundation import logs
from foundation.clock import Clock, SystemClock
from foundation.clock_watch import ClockWatch
from foundation.cursors import Cursors
from foundation.database.connections import for_psycopg
from foundation.database.database import Database
from foundation.directory_queue import DirectoryQueue
from foundation.health import Health
from foundation.identity.apps import AppDoor
from foundation.identity.authenticator import Authenticator, keycloak_http
from foundation.ids import GlobalIds, new_uuid
from foundation.keyring import KeyRing
from foundation.limits.limiter import Limiter
from foundation.phones import PhoneSeal
from foundation.policy.engine import PolicyEngine
from foundation.sealing.transit import Transit
from foundation.settings import ApiSettings, DatabaseSettings, load
from foundation.telemetry import metrics
from graphql_schema.context import Codecs
from graphql_schema.execution.documents import Documents, id_of, read_folder
from graphql_schema.execution.manifests import read_manifests, texts_of
from graphql_schema.http import GraphQLEndpoint
from graphql_schema.limits import Limits
from graphql_schema.live.endpoint import LiveEndpoint
from graphql_schema.live.operations import LiveOperations
from graphql_schema.schema import build
from graphql_schema.services import Services
from services import probes
from services.channel_routes import channels_of
from services.citizens import citizens_of
from services.contacts import contacts_of, sealing
from services.deadlines import deadlines_of
from services.figures import public_map, statistics_of
from services.gateway import ApiGateway
from services.limits import ApiLimits, DatabasePool, RefusalsOfRequests
from services.media_routes import MEDIA_LABELS, MEDIA_OPERATIONS, media_routes
from services.networks import Networks
from services.observing import observed
from services.registers import registers_of
from services.routes import backchannel_logout_route, health_routes
from services.serving import DRAIN, START_SECONDS, Serving, drain_before_respawn, drain_before_stop
from services.vault_gateway import vault_gateway_of
from services.work import work_of

SETTINGS_VARIABLE = "IOC_API_SETTINGS"
BACKLOG = 1024
STOP_SECONDS = 15
HEADER_SECONDS = 30
"""Also the life of an idle connection: the edge must let go of it earlier."""
HEADER_OCTETS = 32_768
"""A token of 8 KiB, a proof of 4, and room. The server's own bound is 0.4 MiB, and 16 for HTTP/2."""
STREAMS = 64

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Parts:
    """What lives as long as a server process."""

    settings: ApiSettings
    clock: Clock
    refusals: RefusalCounter
    recorder: AuditRecorder
    watched: RefusalsOfRequests
    database: Database
    feed: Database
    policy: PolicyEngine
    hub: Hub
    watch: ClockWatch
    health: Health
    keys: PhoneKeys = field(default_factory=lambda: PhoneKeys.of(None))
    transit: Transit | None = None
    processor: Processor = field(default_factory=Processor)
    """One: its children at once are counted for uploads and renditions together."""
    vault: VaultGateway | None = None


def parts_of(settings: ApiSettings, clock: Clock | None = None) -> Parts:
    """Clock, log and database of a server process."""
    clock = clock or SystemClock()
    refusals = RefusalCounter()
    recorder = AuditRecorder(
        service=f"ioc-{settings.audit.log}",
        clock=clock,
        new_id=new_uuid,
        random_bytes=secrets.token_bytes,
        refusals=refusals,
    )
    watched = RefusalsOfRequests(recorder)
    feed = Database(settings.feed_database, watched)
    policy = PolicyEngine.load(settings.policies_folder)
    database = Database(settings.database, watched)
    return Parts(
        settings=settings,
        clock=clock,
        refusals=refusals,
        recorder=recorder,
        watched=watched,
        database=database,
        feed=feed,
        policy=policy,
        hub=Hub(ChangeReader(feed, clock), policy, clock),
        watch=ClockWatch(clock, probes.moment(lambda: database.pool)),
        health=Health("api"),
        keys=PhoneKeys.of(settings.phones),
        transit=None if settings.contact is None else Transit.of(settings.contact),
        vault=vault_gateway_of(settings.vault),
    )


def services_of(parts: Parts) -> Services:
    """What resolvers call."""
    database, clock = parts.database, parts.clock
    policy = parts.policy
    changes = ReportService(
        database=database,
        policy=policy,
        routing=RoutingService(),
        evidence=MediaEvidence(),
        parts=WorkParts(),
        senders=SenderGate(),
        clock=clock,
        new_id=new_uuid,
        random_bytes=secrets.token_bytes,
    )
    officials = OfficialService(
        database=database,
        policy=policy,
        directory=queue_of(parts),
        clock=clock,
        new_id=new_uuid,
        random_bytes=secrets.token_bytes,
    )
    ledger = Ledger(database, policy, clock, new_uuid)
    reports = ReportQueries(database, policy, clock, recheck=parts.settings.policy_sample, openings=ledger)
    return Services(
        report_changes=changes,
        reports=reports,
        units=TenancyQueries(database),
        officials=TenancyService(database, clock),
        categories=RoutingQueries(database, policy, clock),
        inbox=InboxQueries(database, policy, clock),
        inbox_changes=InboxService(
            database=database, policy=policy, clock=clock, new_id=new_uuid, seal=phone_seal(parts.settings)
        ),
        feed=FeedService(ChangeQueries(database, policy, clock), parts.hub),
        media=MediaListing(database, policy, clock),
        media_changes=MediaReleaseService(database=database, policy=policy, clock=clock, new_id=new_uuid),
        devices=DeviceQueries(database, policy, clock),
        device_changes=DeviceService(
            database=database, policy=policy, clock=clock, new_id=new_uuid, queue=queue_of(parts)
        ),
        apps=AppReleases(parts.settings.apps),
        accounts=OfficialQueries(database, policy, clock),
        account_changes=officials,
        resets=ResetService(officials, new_uuid, secrets.token_bytes),
        reviews=ReviewService(officials),
        registers=registers_of(database, policy, clock, new_uuid, parts.settings.channels),
        statistics=statistics_of(database, policy, clock),
        deadlines=deadlines_of(database, policy, clock, new_uuid),
        redactions=redactions_of(parts),
        texts=TextReleaseService(database=database, policy=policy, clock=clock, new_id=new_uuid),
        follows=FollowService(database, policy, clock),
        near=NearQueries(database, policy, clock),
        merges=MergeService(
            database=database, policy=policy, parts=WorkParts(), clock=clock, new_id=new_uuid
        ),
        blocks=AbuseService(
            database=database, policy=policy, clock=clock, new_id=new_uuid, random_bytes=secrets.token_bytes
        ),
        ledger=ledger,
        ledger_delays=DelayService(database, policy, clock, new_uuid, secrets.token_bytes),
        privacy=PrivacyService(database, policy, clock, new_uuid),
        privacy_desk=PrivacyDesk(database, policy, clock),
        privacy_copies=CopyService(database, policy, clock, new_uuid),
        work=work_of(database, policy, clock, new_uuid, reports),
        contacts=contacts_of(database, policy, clock, parts.transit),
        vault=parts.vault,
        citizens=citizens_of(database, policy, clock, parts.keys, parts.settings.phones, queue_of(parts)),
    )


def redactions_of(parts: Parts) -> RedactionService | None:
    """Renditions of photos, when this process has files."""
    if parts.settings.media is None:
        return None
    return RedactionService(
        database=parts.database,
        policy=parts.policy,
        store=store_of(parts.settings.media),
        processor=parts.processor,
        clock=parts.clock,
        new_id=new_uuid,
    )


def public_map_route(parts: Parts, gateway: ApiGateway) -> ASGIRouteHandler:
    """The map of what was published, for everybody."""
    return public_map(PublicFigureQueries(parts.database, parts.policy, parts.clock), gateway, new_request_id)


def queue_of(parts: Parts) -> DirectoryQueue | None:
    """The way to the directory, when the settings name one."""
    settings = parts.settings.directory_queue
    return None if settings is None else DirectoryQueue.of(settings, parts.clock, new_uuid)


def phone_seal(settings: ApiSettings) -> PhoneSeal | None:
    """What seals numbers of those who want messages by SMS. None: nobody can want them."""
    return None if settings.phones is None else PhoneSeal.from_file(settings.phones.seal_key_file)


def trusted_of(settings: ApiSettings) -> list[str]:
    """Documents of the app versions in the field; elsewhere than in production, of the next ones too.

    Raises ValueError for a manifest that is none, and in production when there are no documents at all.
    """
    folder = settings.manifests_folder
    texts = [] if folder is None else texts_of(read_manifests(folder))
    if settings.environment != "production":
        return list({*texts, *read_folder(settings.operations_folder)})
    if not texts:
        raise ValueError("no manifest of an app version in the field: nothing could run")
    return texts


def operations_of(parts: Parts, gateway: ApiGateway) -> dict[str, Any]:
    """What both routes of GraphQL stand on; every trusted document is parsed and checked."""
    settings, schema, limits = parts.settings, build(), Limits()
    ring = opaque_keys(settings.opaque_id_key_file)
    documents = Documents(
        schema._schema,  # graphql-core's schema, for which Strawberry has no public name
        trusted=trusted_of(settings),
        only_trusted=settings.environment == "production",
        limits=limits,
    )
    return {
        "schema": schema,
        "documents": documents,
        "services": services_of(parts),
        "codecs": Codecs(
            global_ids=GlobalIds(ring.newest, ring.accepted),
            cursors=Cursors(ring.newest, log_epoch(settings.database), parts.clock, ring.accepted),
        ),
        "gateway": gateway,
        "limits": limits,
    }


def endpoints_of(parts: Parts, gateway: ApiGateway) -> tuple[GraphQLEndpoint, LiveEndpoint]:
    """`/graphql` with its WebSockets, and `/graphql/stream`."""
    operations = operations_of(parts, gateway)
    live = LiveEndpoint(LiveOperations(**operations), operations["limits"], new_request_id)
    endpoint = GraphQLEndpoint(**operations, new_request_id=new_request_id, websocket=live.websocket)
    return endpoint, live


def new_request_id() -> str:
    """An id that orders by time and is nobody's."""
    return str(new_uuid())


def limits_of(parts: Parts) -> ApiLimits:
    """The limits, counted in the database that all processes share."""
    schema = build()._schema
    roots = [
        name
        for kind in (schema.query_type, schema.mutation_type, schema.subscription_type)
        if kind
        for name in kind.fields
    ]
    metrics.OPERATIONS.tell({*roots, *MEDIA_LABELS})
    documents = map(id_of, trusted_of(parts.settings))
    return ApiLimits(
        parts.settings.limits,
        Limiter(DatabasePool(parts.database)),
        parts.watched,
        operations={*roots, *documents, *MEDIA_OPERATIONS},
    )


def gateway_of(parts: Parts, limits: ApiLimits) -> ApiGateway:
    """The door; it lets nobody in before it is opened."""
    settings, clock, database = parts.settings, parts.clock, parts.database
    return ApiGateway(
        database=database,
        tenancy=TenancyService(database, clock),
        citizens=CitizenService(database, new_uuid, parts.keys.digests),
        clock=clock,
        networks=Networks(settings.trusted_proxies, settings.city_networks),
        limits=limits,
        refusals=parts.refusals,
        apps=AppDoor(settings.apps, production=settings.environment == "production"),
        notes=SessionNotes(database, clock, new_uuid),
    )


def health_of(parts: Parts, http: httpx.AsyncClient) -> Health:
    """What it needs, and what it serves some people without: officials need Keycloak, files the scanner."""
    settings, health = parts.settings, parts.health
    health.add("database", probes.database(lambda: parts.database.pool))
    health.add("migrations", probes.migrated(lambda: parts.database.pool, probes.head()))
    health.add("live", probes.told(lambda: parts.hub.interrupted, "interrupted"), needed=False)
    for name, realm in (("citizens", settings.identity.citizens), ("officials", settings.identity.officials)):
        health.add(f"keycloak_{name}", probes.keycloak(lambda: http, realm.issuer), needed=False)
    if settings.media is not None and settings.media.scanner_socket is not None:
        health.add("scanner", probes.scanner(settings.media.scanner_socket), needed=False)
    if parts.transit is not None:
        health.add("sealing", sealing(parts.transit), needed=False)
    return health


@contextlib.asynccontextmanager
async def running(
    parts: Parts, gateway: ApiGateway, limits: ApiLimits, channels: Database | None
) -> AsyncIterator[None]:
    """From the first connection to the last: people are let in once everything is open."""
    identity = parts.settings.identity
    await parts.database.open()
    await parts.feed.open()
    if channels is not None:
        await channels.open()
    http = keycloak_http(identity.keycloak_ca_file)
    authenticator = Authenticator(identity, parts.database.pool, parts.clock, http, limits.of_person)
    await authenticator.open()
    health = health_of(parts, http)
    with contextlib.suppress(NotImplementedError, ValueError, RuntimeError):
        # Not where a test runs the application in a thread.
        asyncio.get_running_loop().add_signal_handler(DRAIN, health.drain)
    health.on_drain(parts.hub.drain)
    if parts.settings.operations is not None:
        parts.hub.spread_seconds = parts.settings.operations.drain_seconds / 2
    gateway.open(authenticator, parts.watch)
    samples = (parts.database.sample, parts.feed.sample, parts.hub.sample)
    background = [
        asyncio.create_task(parts.refusals.run(parts.database.engine)),
        asyncio.create_task(authenticator.sweep_forever()),
        asyncio.create_task(parts.hub.run()),
    ]
    log.info("api_started", port=parts.settings.listen_port)
    # Beside others that serve, and beside the one that it follows when keys are replaced.
    shared = True
    try:
        async with observed("api", parts.settings, health, samples=samples, clock=parts.watch, shared=shared):
            yield
    finally:
        for task in background:
            task.cancel()
        await asyncio.gather(*background, return_exceptions=True)
        await authenticator.close()
        if parts.transit is not None:
            await parts.transit.close()
        if parts.vault is not None:
            await parts.vault.close()
        if channels is not None:
            await channels.close()
        await parts.feed.close()
        await parts.database.close()
        log.info("api_stopped")


def create_app() -> Serving:
    """The application of one server process; its settings file is named by the environment."""
    logs.configure("api")
    settings = load(Path(os.environ[SETTINGS_VARIABLE]), ApiSettings)
    parts = parts_of(settings)
    clock, database = parts.clock, parts.database
    limits = limits_of(parts)
    gateway = gateway_of(parts, limits)
    channels = channels_of(settings, parts.policy, parts.recorder, parts.watched, parts.refusals, clock)
    own, routes = (None, ()) if channels is None else channels
    app = Litestar(
        route_handlers=[
            *(endpoint.handler() for endpoint in endpoints_of(parts, gateway)),
            *health_routes(parts.health),
            backchannel_logout_route(gateway),
            public_map_route(parts, gateway),
            *media_routes(settings, database, clock, gateway, parts.processor),
            *routes,
        ],
        lifespan=[lambda _: running(parts, gateway, limits, own)],
        openapi_config=None,
        # logs.configure has done it; the library would put its own in place.
        logging_config=None,
        # Errors of these few routes are answered without a text of ours or the library's.
        debug=False,
    )
    return Serving(app, parts.health)


def opaque_keys(path: Path) -> KeyRing:
    """Keys of 64 bytes as they lie in their files. Raises ValueError for another length."""
    ring = KeyRing.read(path)
    if any(len(key) != 64 for key in ring.all):
        raise ValueError(f"{path} must hold 64 bytes")
    return ring


def log_epoch(settings: DatabaseSettings) -> int:
    """The audit log's epoch, which cursors carry: a restored database has another."""
    with psycopg.connect(**for_psycopg(settings)) as connection:
        row = connection.execute("SELECT max(epoch) FROM audit.log").fetchone()
    if row is None or row[0] is None:
        raise RuntimeError("the audit log has no epoch: migrate first")
    return int(row[0])


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m services.api")
    parser.add_argument("--settings", type=Path, required=True)
    arguments = parser.parse_args()
    settings = load(arguments.settings, ApiSettings)
    os.environ[SETTINGS_VARIABLE] = str(arguments.settings)
    if settings.workers > 1:
        # Begun anew, so that each sees at its own start that they count together.
        metrics.count_together()
        multiprocessing.set_start_method("spawn")
    server = Granian(
        "services.api:create_app",
        factory=True,
        interface=Interfaces.ASGI,
        address=settings.listen_host,
        port=settings.listen_port,
        workers=settings.workers,
        backlog=BACKLOG,
        ssl_cert=settings.tls.certificate_file,
        ssl_key=settings.tls.key_file,
        ssl_ca=settings.tls.client_ca_file,
        ssl_client_verify=settings.tls.client_ca_file is not None,
        websockets=True,
        http1_settings=HTTP1Settings(
            header_read_timeout=HEADER_SECONDS * 1_000, max_buffer_size=HEADER_OCTETS
        ),
        http2_settings=HTTP2Settings(max_headers_size=HEADER_OCTETS, max_concurrent_streams=STREAMS),
        log_access=False,
        workers_kill_timeout=STOP_SECONDS,
        respawn_interval=START_SECONDS
        + (settings.operations.drain_seconds if settings.operations is not None else 0),
    )
    drain_before_respawn(server)
    if settings.operations is not None:
        drain_before_stop(server, settings.operations.drain_seconds)
    server.serve()


if __name__ == "__main__":
    main()
