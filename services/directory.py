"""The directory process: `python -m services.directory --settings FILE`.

It follows Keycloak's events and notes the ends of sessions; later it alone administers Keycloak.
"""

import argparse
import asyncio
import contextlib
import signal
from pathlib import Path

import asyncpg
import httpx
import structlog

from directory.events import Follower
from directory.keycloak_events import EventSource
from foundation import logs
from foundation.clock import Clock, SystemClock
from foundation.database.connections import for_asyncpg
from foundation.health import Health
from foundation.identity.authenticator import keycloak_http
from foundation.identity.client_assertion import ClientAssertion
from foundation.settings import DirectorySettings, KeycloakClientSettings, load
from services import probes
from services.operations import operations

log = structlog.get_logger()


async def main(settings: DirectorySettings) -> None:
    """Follow both realms until SIGTERM or SIGINT."""
    stop = asyncio.Event()
    for name in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(name, stop.set)
    async with contextlib.AsyncExitStack() as stack:
        http = await stack.enter_async_context(keycloak_http(settings.keycloak_ca_file, 5.0))
        pool = await stack.enter_async_context(_pool(settings))
        health = health_of(settings, pool, http)
        await stack.enter_async_context(operations(settings.operations, health))
        work = [
            asyncio.create_task(follower.follow(settings.poll_seconds))
            for follower in followers(settings, pool, http, SystemClock())
        ]
        stopping = asyncio.create_task(stop.wait())
        log.info("directory_started", poll_seconds=settings.poll_seconds)
        done, _ = await asyncio.wait([*work, stopping], return_when=asyncio.FIRST_COMPLETED)
        health.drain()
        for task in [*work, stopping]:
            task.cancel()
        await asyncio.gather(*work, stopping, return_exceptions=True)
        for task in done - {stopping}:
            # A follower ends only by a fault that nobody foresaw: the supervisor starts the process anew.
            task.result()
    log.info("directory_stopped")


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
        return EventSource(
            keycloak_url=settings.keycloak_url,
            realm=realm,
            assertion=ClientAssertion(client),
            http=http,
            clock=clock,
        )

    sources = [
        source(settings.citizens_realm, settings.citizens_client),
        source(settings.officials_realm, settings.officials_client),
    ]
    return [Follower(kind, each, pool, clock) for each in sources for kind in ("user", "admin")]


def _pool(settings: DirectorySettings) -> asyncpg.Pool:
    """Connections are made when first needed: a database that is away is a fault to be tried again."""
    database = settings.database
    return asyncpg.create_pool(
        **for_asyncpg(database),
        min_size=0,
        max_size=database.pool_size,
        timeout=5.0,
        command_timeout=5.0,
    )


if __name__ == "__main__":
    parser = argparse.ArgumentParser(prog="services.directory")
    parser.add_argument("--settings", type=Path, required=True)
    logs.configure("directory")
    asyncio.run(main(load(parser.parse_args().settings, DirectorySettings)))
