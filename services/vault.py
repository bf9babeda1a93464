"""The vault: `python -m services.vault --settings FILE`. Two routes, for the api alone, by mutual TLS.

Its request keys are the database's, opened at the start (vault/keyring/seeds.py): a restart answers what was
sealed before it.
"""

import argparse
import asyncio
import contextlib
import os
import secrets
from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import httpx
import msgspec
import structlog
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import load_pem_private_key
from granian import Granian
from granian.constants import Interfaces
from granian.http import HTTP1Settings
from litestar import Litestar
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from audit.recorder import AuditRecorder
from audit.refusals import RefusalCounter, flush
from foundation import logs
from foundation.clock import Clock, SystemClock
from foundation.clock_watch import ClockWatch
from foundation.database.database import Database
from foundation.health import Health, Probe, Unready
from foundation.identity.authenticator import keycloak_http
from foundation.identity.client_assertion import ClientAssertion
from foundation.identity.client_token import ClientToken
from foundation.identity.introspection import Introspector
from foundation.identity.keycloak_events import EventSource
from foundation.identity.principal import Origin
from foundation.identity.realm_keys import RealmKeys
from foundation.identity.tokens import Realm, TokenVerifier
from foundation.ids import new_uuid
from foundation.sealing.transit import Transit
from foundation.settings import VaultIdentitySettings, VaultKeysSettings, VaultSettings, load, read_secret
from services import probes
from services.observing import observed
from services.serving import DRAIN, Serving, drain_before_stop
from services.vault_records import record_operations
from services.vault_routes import vault_routes
from vault.authority.errors import RegisterBroken
from vault.authority.operations import operations_of
from vault.authority.register import Register, register_of
from vault.call.door import PATH, CallDoor
from vault.call.errors import Unavailable
from vault.call.nonces import Nonces
from vault.call.operations import GREETING, Operations
from vault.call.request_keys import RequestKeys
from vault.credentials.errors import VaultBlind
from vault.credentials.resets import USER_TYPES
from vault.credentials.watch import CredentialWatch
from vault.keyring.errors import KeyringUnavailable
from vault.keyring.seeds import TRANSIT_KEY, Seeds
from vault.keyring.service import Keyring
from vault.keyring.types import Class
from vault.second_factor import operations as second_factor
from vault.second_factor.service import SecondFactor

SETTINGS_VARIABLE = "IOC_VAULT_SETTINGS"
BACKLOG = 256
STOP_SECONDS = 15
HEADER_SECONDS = 30
HEADER_OCTETS = 32_768
UPKEEP_SECONDS = 30.0
NO_KEYS_SECONDS = 2.0
"""Until the next try while no request can be opened."""
MONTHS_AHEAD = 24
ATTEMPTS = 2
"""Connections for codes, apart from those that operations hold (vault/second_factor/service.py)."""

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Parts:
    """What lives as long as the serving process."""

    settings: VaultSettings
    clock: Clock
    refusals: RefusalCounter
    recorder: AuditRecorder
    database: Database
    http: httpx.AsyncClient
    watch: ClockWatch
    health: Health
    keyring: Keyring
    register: Register
    attempts: Database
    credentials: CredentialWatch
    door: CallDoor
    seeds: Seeds


def parts_of(settings: VaultSettings, clock: Clock | None = None) -> Parts:
    """Log, database, the way to Keycloak, the door. Nothing is connected yet."""
    clock = clock or SystemClock()
    refusals = RefusalCounter()
    recorder = AuditRecorder(
        service=f"ioc-{settings.audit.log}",
        clock=clock,
        new_id=new_uuid,
        random_bytes=secrets.token_bytes,
        refusals=refusals,
    )
    database = Database(settings.database, recorder)
    http = keycloak_http(settings.identity.keycloak_ca_file)
    keyring = Keyring(settings.keyring, settings.database, secrets.token_bytes)
    register = register_of(settings.authority, clock)
    attempts = Database(msgspec.structs.replace(settings.database, pool_size=ATTEMPTS), recorder)
    credentials = credential_watch(settings.identity, clock, database, http)
    factor = SecondFactor(keyring, attempts, clock, new_uuid, secrets.token_bytes)
    door = door_of(settings, clock, recorder, database, http, register, factor, credentials, keyring)
    return Parts(
        settings=settings,
        clock=clock,
        refusals=refusals,
        recorder=recorder,
        database=database,
        http=http,
        watch=ClockWatch(clock, probes.moment(lambda: database.pool)),
        health=Health("vault"),
        keyring=keyring,
        register=register,
        door=door,
        seeds=Seeds(door.keys, Transit(keyring.serve, TRANSIT_KEY), database, secrets.token_bytes),
        attempts=attempts,
        credentials=credentials,
    )


def door_of(
    settings: VaultSettings,
    clock: Clock,
    recorder: AuditRecorder,
    database: Database,
    http: httpx.AsyncClient,
    register: Register,
    factor: SecondFactor,
    credentials: CredentialWatch,
    keyring: Keyring,
) -> CallDoor:
    """The door with its keys."""
    identity = settings.identity
    realm = Realm(identity.officials, RealmKeys(identity.officials.issuer, http), officials=True)
    return CallDoor(
        url=identity.public_url + PATH,
        tokens=TokenVerifier(identity.audience, realm),
        sessions=Introspector(
            issuer=identity.officials.issuer,
            assertion=ClientAssertion(identity.introspection),
            http=http,
            clock=clock,
            remember_seconds=identity.introspection_seconds,
        ),
        nonces=Nonces(read_secret(settings.keys.nonce_key_file)),
        keys=request_keys_of(settings.keys),
        operations=Operations(
            GREETING,
            operations_of(
                register, new_uuid, secrets.token_bytes, native_only=settings.environment == "production"
            ),
            second_factor.operations(factor, enrolled_in(register)),
            record_operations(settings, database, keyring, register, factor, credentials),
        ),
        database=database,
        clock=clock,
        random_bytes=secrets.token_bytes,
        count_refusal=recorder.count_refusal,
        guard=register.refresh,
        admit=credentials.admit,
    )


def enrolled_in(register: Register) -> second_factor.Enrolled:
    """Whether a device is a person's, in force; it may be waiting."""

    async def enrolled(connection: AsyncConnection, sub: str, jkt: str, at: datetime) -> bool:
        return (await register.standing(connection, sub, jkt, at)).device is not None

    return enrolled


def credential_watch(
    identity: VaultIdentitySettings, clock: Clock, database: Database, http: httpx.AsyncClient
) -> CredentialWatch:
    """Who was reset at Keycloak, by events that a client of their own reads there."""
    keycloak_url, _, realm = identity.officials.issuer.partition("/realms/")
    token = ClientToken(
        keycloak_url=keycloak_url,
        realm=realm,
        assertion=ClientAssertion(identity.events),
        http=http,
        clock=clock,
    )
    events = EventSource(
        keycloak_url=keycloak_url, realm=realm, user_types=USER_TYPES, token=token, http=http
    )
    return CredentialWatch(events, database, clock, new_uuid)


def request_keys_of(settings: VaultKeysSettings) -> RequestKeys:
    """Request keys of this process. Raises ValueError for a signer of another kind."""
    signer = load_pem_private_key(read_secret(settings.keyset_key_file), None)
    if not isinstance(signer, Ed25519PrivateKey):
        raise ValueError(f"{settings.keyset_key_file} must hold an Ed25519 key")
    certificate = settings.certificate_file.read_text(encoding="utf-8")
    return RequestKeys(certificate, signer)


def health_of(parts: Parts) -> Health:
    """Everything is needed: without its log, Keycloak's word or its keys the vault opens nothing."""
    health = parts.health
    health.add("database", probes.database(lambda: parts.database.pool))
    needed = probes.head(probes.MIGRATIONS / "vault")
    health.add("migrations", probes.migrated(lambda: parts.database.pool, needed))
    health.add("authority", _register_holds(parts))
    health.add("keycloak", probes.keycloak(lambda: parts.http, parts.settings.identity.officials.issuer))
    health.add("credential_events", resets_known(parts.credentials, parts.clock))
    health.add("openbao", keys_open(parts.keyring))
    health.add("request_keys", keys_live(parts))
    return health


def resets_known(credentials: CredentialWatch, clock: Clock) -> Probe:
    """Whether Keycloak's events were read lately enough for every class."""

    async def probe() -> None:
        try:
            credentials.check(Class.RESTRICTED, clock.now())
        except VaultBlind as error:
            raise Unready("credential_events") from error

    return probe


def keys_open(keyring: Keyring) -> Probe:
    """The vault's own OpenBao is open to both roles."""

    async def probe() -> None:
        try:
            await keyring.check()
        except KeyringUnavailable as error:
            raise Unready("openbao") from error

    return probe


def _register_holds(parts: Parts) -> Probe:
    async def probe() -> None:
        try:
            async with parts.database.unscoped() as connection:
                await parts.register.refresh(connection)
        except RegisterBroken as broken:
            raise Unready("register_broken") from broken

    return probe


def keys_live(parts: Parts) -> Probe:
    """There is a key that apps may seal to."""

    async def probe() -> None:
        try:
            parts.door.keys.notes(parts.clock.now())
        except Unavailable as error:
            raise Unready("request_keys") from error

    return probe


async def establish(parts: Parts) -> None:
    """The chain begins as soon as there is a genesis. What is wrong with it stands in the process's log."""
    with contextlib.suppress(RegisterBroken):
        await parts.register.establish(parts.database, Origin(str(new_uuid()), "127.0.0.0"))


async def upkeep(parts: Parts) -> None:
    """Used proofs are forgotten, counts become events, coming months get partitions. Until cancelled."""
    while True:
        try:
            await establish(parts)
            async with parts.database.unscoped() as connection:
                await connection.execute(
                    text("SELECT calls.sweep(), authority.sweep(), second_factor.sweep(), records.sweep()")
                )
                await flush(connection, parts.recorder, parts.clock)
                await connection.execute(
                    text("SELECT audit.ensure_partitions(:months)"), {"months": MONTHS_AHEAD}
                )
        except Exception:
            # Tried again; calls go on, and refuse by themselves when the log can't be written.
            log.exception("upkeep_failed")
        await asyncio.sleep(UPKEEP_SECONDS)


async def bring_request_keys(parts: Parts) -> None:
    """Request keys are the database's, and there is one a day. What is held goes on when it fails."""
    try:
        await parts.seeds.refresh(parts.clock.now())
    except KeyringUnavailable:
        log.warning("request_keys_not_refreshed")
    except Exception:
        log.exception("request_keys_not_refreshed")


async def keep_request_keys(parts: Parts) -> None:
    """Until cancelled."""
    while True:
        await asyncio.sleep(UPKEEP_SECONDS if parts.door.keys.held else NO_KEYS_SECONDS)
        await bring_request_keys(parts)


@contextlib.asynccontextmanager
async def running(parts: Parts) -> AsyncIterator[None]:
    """From the first connection to the last."""
    await parts.database.open()
    await establish(parts)
    health = health_of(parts)
    with contextlib.suppress(NotImplementedError, ValueError, RuntimeError):
        asyncio.get_running_loop().add_signal_handler(DRAIN, health.drain)
    await bring_request_keys(parts)
    await parts.credentials.attempt()
    background = [
        asyncio.create_task(parts.refusals.run(parts.database.engine)),
        asyncio.create_task(upkeep(parts)),
        asyncio.create_task(keep_request_keys(parts)),
        asyncio.create_task(parts.credentials.follow(parts.settings.identity.poll_seconds)),
    ]
    log.info("vault_started", port=parts.settings.listen_port)
    try:
        async with observed(
            "vault", parts.settings, health, samples=(parts.database.sample,), clock=parts.watch
        ):
            yield
    finally:
        for task in background:
            task.cancel()
        await asyncio.gather(*background, return_exceptions=True)
        await parts.http.aclose()
        await parts.keyring.close()
        await parts.attempts.close()
        await parts.database.close()
        log.info("vault_stopped")


def app_of(parts: Parts) -> Serving:
    """The application: the vault's routes and nothing beside them."""
    app = Litestar(
        route_handlers=[*vault_routes(parts.door, parts.clock, parts.watch)],
        lifespan=[lambda _: running(parts)],
        openapi_config=None,
        logging_config=None,
        debug=False,
    )
    return Serving(app, parts.health)


def create_app() -> Serving:
    """The application of the serving process; its settings file is named by the environment."""
    logs.configure("vault")
    return app_of(parts_of(load(Path(os.environ[SETTINGS_VARIABLE]), VaultSettings)))


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m services.vault")
    parser.add_argument("--settings", type=Path, required=True)
    arguments = parser.parse_args()
    settings = load(arguments.settings, VaultSettings)
    os.environ[SETTINGS_VARIABLE] = str(arguments.settings)
    server = Granian(
        "services.vault:create_app",
        factory=True,
        interface=Interfaces.ASGI,
        address=settings.listen_host,
        port=settings.listen_port,
        workers=1,
        backlog=BACKLOG,
        ssl_cert=settings.tls.certificate_file,
        ssl_key=settings.tls.key_file,
        ssl_ca=settings.tls.client_ca_file,
        ssl_client_verify=True,
        websockets=False,
        http1_settings=HTTP1Settings(
            header_read_timeout=HEADER_SECONDS * 1_000, max_buffer_size=HEADER_OCTETS
        ),
        log_access=False,
        workers_kill_timeout=STOP_SECONDS,
    )
    if settings.operations is not None:
        drain_before_stop(server, settings.operations.drain_seconds)
    server.serve()


if __name__ == "__main__":
    main()
