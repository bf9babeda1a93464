"""The directory process: `python -m services.directory --settings FILE`.

It follows Keycloak's events and notes the ends of sessions, and it alone administers Keycloak: what api and
worker ask of it lies in the queue (docs/decisions/0025-directory-queue.md).
"""

import argparse
import asyncio
import contextlib
import secrets
import signal
from datetime import timedelta
from pathlib import Path
from typing import Any

import asyncpg
import httpx
import structlog

from audit.recorder import AuditRecorder
from audit.refusals import RefusalCounter
from directory.askings import Words
from directory.checks import Entitlement
from directory.endings import USER_TYPES
from directory.events import Follower
from directory.keycloak_admin import ClearedRealm, Realm
from directory.mutations import Contract
from directory.operations import Citizens, Letters, Officials, Sessions, table
from directory.requests import Signers
from directory.store import Store
from directory.worker import Creations, Worker
from foundation import logs
from foundation.clock import Clock, SystemClock
from foundation.clock_watch import ClockWatch
from foundation.database.connections import connect, for_asyncpg
from foundation.database.database import Database
from foundation.health import Health
from foundation.identity.authenticator import keycloak_http
from foundation.identity.client_assertion import ClientAssertion
from foundation.identity.client_token import ClientToken
from foundation.identity.keycloak_events import EventSource
from foundation.identity.realm_keys import RealmKeys
from foundation.identity.tokens import TokenVerifier
from foundation.ids import new_uuid
from foundation.phones import PhoneSeal
from foundation.settings import (
    AdministrationSettings,
    DirectorySettings,
    IdentitySettings,
    KeycloakClientSettings,
    RealmSettings,
    load,
)
from services import probes
from services.observing import observed

WORKERS = 2
"""Requests under way at once: one that waits for Keycloak's timeout must not hold up all others."""

STOP_SECONDS = 12.0
"""A request asks Keycloak a few times, each for at most 5 s."""

log = structlog.get_logger()


async def main(settings: DirectorySettings) -> None:
    """Follow both realms and do what is asked until SIGTERM or SIGINT."""
    stop = asyncio.Event()
    for name in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(name, stop.set)
    async with contextlib.AsyncExitStack() as stack:
        http = await stack.enter_async_context(keycloak_http(settings.keycloak_ca_file, 5.0))
        pool = await stack.enter_async_context(_pool(settings))
        health = health_of(settings, pool, http)
        watch = ClockWatch(SystemClock(), probes.moment(lambda: pool))
        worker = await _worker(settings, stack, pool, http)
        samples = () if worker is None else (worker.sample,)
        await stack.enter_async_context(observed("directory", settings, health, samples=samples, clock=watch))
        log.info("directory_started", poll_seconds=settings.poll_seconds)
        await _work_until(
            stop, settings, followers(settings, pool, http, SystemClock()), worker, watch, health
        )
    log.info("directory_stopped")


async def _worker(
    settings: DirectorySettings, stack: contextlib.AsyncExitStack, pool: asyncpg.Pool, http: httpx.AsyncClient
) -> Worker | None:
    if settings.administration is None:
        return None
    clock = SystemClock()
    database = database_of(settings, clock)
    stack.push_async_callback(database.close)
    locks = await stack.enter_async_context(_pool(settings, WORKERS))
    return administration(settings, settings.administration, database, Store(pool, locks), http, clock)


async def _work_until(
    stop: asyncio.Event,
    settings: DirectorySettings,
    follow: list[Follower],
    worker: Worker | None,
    watch: ClockWatch,
    health: Health,
) -> None:
    """Work while the clock is the database's, for what is asked of Keycloak is signed and dated; then stop.

    Requests under way get some seconds to end; one that is cut off is taken up again where it was.
    """
    stopping: asyncio.Task[Any] = asyncio.create_task(stop.wait())
    while not stop.is_set():
        right = asyncio.create_task(watch.until(right=True))
        await asyncio.wait([right, stopping], return_when=asyncio.FIRST_COMPLETED)
        right.cancel()
        if stop.is_set():
            break
        work = [asyncio.create_task(follower.follow(settings.poll_seconds)) for follower in follow]
        if worker is not None and settings.administration is not None:
            poll = settings.administration.poll_seconds
            work += [asyncio.create_task(worker.work_until(stop, poll)) for _ in range(WORKERS)]
            work.append(asyncio.create_task(worker.watch_forever()))
        wrong = asyncio.create_task(watch.until(right=False))
        done, _ = await asyncio.wait([*work, wrong, stopping], return_when=asyncio.FIRST_COMPLETED)
        if stop.is_set():
            health.drain()
            # Those who do requests end by themselves between two of them; the others are cut off.
            await asyncio.wait(work[len(follow) : len(follow) + WORKERS] or [stopping], timeout=STOP_SECONDS)
        for task in [*work, wrong]:
            task.cancel()
        await asyncio.gather(*work, wrong, return_exceptions=True)
        for task in done - {stopping, wrong}:
            if not stop.is_set():
                # A follower ends only by a fault that nobody foresaw: the supervisor starts the process anew.
                task.result()
    health.drain()
    stopping.cancel()


def health_of(settings: DirectorySettings, pool: asyncpg.Pool, http: httpx.AsyncClient) -> Health:
    """Without Keycloak it does nothing: then it is not ready, and what it is asked for waits."""
    health = Health("directory")
    health.add("database", probes.database(lambda: pool))
    for realm in (settings.citizens_realm, settings.officials_realm):
        issuer = f"{settings.keycloak_url}/realms/{realm}"
        health.add(f"keycloak_{realm.replace('-', '_')}", probes.keycloak(lambda: http, issuer))
    return health


def followers(
    settings: DirectorySettings, pool: asyncpg.Pool, http: httpx.AsyncClient, clock: Clock
) -> list[Follower]:
    """User and admin events of both realms."""

    def source(realm: str, client: KeycloakClientSettings) -> EventSource:
        token = client_token(settings, realm, client, http, clock)
        return EventSource(
            keycloak_url=settings.keycloak_url, realm=realm, user_types=USER_TYPES, token=token, http=http
        )

    sources = [
        source(settings.citizens_realm, settings.citizens_client),
        source(settings.officials_realm, settings.officials_client),
    ]
    return [Follower(kind, each, pool, clock) for each in sources for kind in ("user", "admin")]


def client_token(
    settings: DirectorySettings,
    realm: str,
    client: KeycloakClientSettings,
    http: httpx.AsyncClient,
    clock: Clock,
) -> ClientToken:
    """One client's token in one realm."""
    return ClientToken(
        keycloak_url=settings.keycloak_url,
        realm=realm,
        assertion=ClientAssertion(client),
        http=http,
        clock=clock,
    )


def database_of(settings: DirectorySettings, clock: Clock) -> Database:
    """Where the ends of requests and their events are written."""
    recorder = AuditRecorder(
        service=f"ioc-{settings.audit.log}",
        clock=clock,
        new_id=new_uuid,
        random_bytes=secrets.token_bytes,
        refusals=RefusalCounter(),
    )
    return Database(settings.database, recorder)


def administration(
    settings: DirectorySettings,
    given: AdministrationSettings,
    database: Database,
    store: Store,
    http: httpx.AsyncClient,
    clock: Clock,
) -> Worker:
    """What does requests, with two clients at Keycloak: one for the cleared, one for everybody else."""

    def realm(name: str, client: KeycloakClientSettings) -> Realm:
        token = client_token(settings, name, client, http, clock)
        return Realm(settings.keycloak_url, name, token, http)

    citizens_realm = realm(settings.citizens_realm, given.client)
    officials_realm = realm(settings.officials_realm, given.client)
    cleared = ClearedRealm(realm(settings.officials_realm, given.cleared_client))
    notice = timedelta(days=given.phone_notice_days)
    operations = table(
        Officials(
            realm=officials_realm,
            cleared=cleared,
            store=store,
            created=Creations(database, officials_realm.issuer).note,
            letters=Letters(given.officials_app[0], given.letter_redirect_uri),
        ),
        Citizens(
            citizens_realm,
            store,
            _seal(given.phone_seal_key_file),
            _seal(given.recovery_seal_key_file),
            clock,
            notice,
        ),
        Sessions({"citizens": citizens_realm, "officials": officials_realm}),
    )
    words = Words(
        token_verifier(settings, given, http), Contract.of_folder(given.operations_folder), given.public_url
    )
    return Worker(
        store=store,
        database=database,
        signers=Signers(given.signers),
        entitlement=Entitlement(
            words=words,
            store=store,
            realm=officials_realm,
            citizens=citizens_realm,
            cleared=cleared,
            clock=clock,
            notice=notice,
        ),
        operations=operations,
        clock=clock,
        alarm_after=timedelta(seconds=given.alarm_seconds),
    )


def _seal(file: Path | None) -> PhoneSeal | None:
    return None if file is None else PhoneSeal.from_file(file)


def token_verifier(
    settings: DirectorySettings, given: AdministrationSettings, http: httpx.AsyncClient
) -> TokenVerifier:
    """As the api verifies tokens, of officials alone: no client of the citizens' realm is accepted."""
    citizens = RealmSettings(
        issuer=f"{settings.keycloak_url}/realms/{settings.citizens_realm}", clients=[], minimum_acr="aal2"
    )
    officials = RealmSettings(
        issuer=f"{settings.keycloak_url}/realms/{settings.officials_realm}",
        clients=given.officials_app,
        minimum_acr="aal2",
    )
    identity = IdentitySettings(
        public_url=given.public_url,
        audience=given.audience,
        keycloak_ca_file=settings.keycloak_ca_file,
        citizens=citizens,
        officials=officials,
        introspection=given.client,
    )
    return TokenVerifier.of_both(
        identity, RealmKeys(citizens.issuer, http), RealmKeys(officials.issuer, http)
    )


def _pool(settings: DirectorySettings, size: int | None = None) -> asyncpg.Pool:
    """Connections are made when first needed: a database that is away is a fault to be tried again."""
    database = settings.database
    return asyncpg.create_pool(
        connect=connect,
        **for_asyncpg(database),
        min_size=0,
        max_size=size or database.pool_size,
        timeout=5.0,
        command_timeout=5.0,
    )


if __name__ == "__main__":
    parser = argparse.ArgumentParser(prog="services.directory")
    parser.add_argument("--settings", type=Path, required=True)
    logs.configure("directory")
    asyncio.run(main(load(parser.parse_args().settings, DirectorySettings)))
