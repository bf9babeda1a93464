"""The relay process, one per log: `python -m services.relay --settings FILE`.

`--resend A B [--epoch N]` ships the leaves A .. B-1 again and ends: acknowledged lines can be lost by a
receiver, and RELP alone never sends them again. It writes nothing to the database and may run beside the
relay.
"""

import argparse
import asyncio
import contextlib
import secrets
import signal
from pathlib import Path

import asyncpg
import httpx
import structlog

from audit.log import LogError, LogWriter, leaves_between
from audit.recorder import PRODUCT_VERSION
from audit.relay import BATCH, Relay, ship
from audit.relp import Receiver, RelpConnection, client_context
from foundation import logs
from foundation.clock import SystemClock
from foundation.clock_watch import ClockWatch
from foundation.database.connections import connect as connect_to
from foundation.database.connections import for_asyncpg
from foundation.health import Health
from foundation.ids import new_uuid
from foundation.settings import DatabaseSettings, RelaySettings, SocSettings, load
from services import probes
from services.notary import notarise, notary_of, watch_notary, witness_http
from services.observing import observed

SILENT_SECONDS = 120.0
"""A batch may wait a minute for the receiver's word."""

log = structlog.get_logger()


async def connect(settings: DatabaseSettings) -> asyncpg.Connection:
    """One connection; the password is read each time, so that it can be changed while the relay runs."""
    return await connect_to(
        **for_asyncpg(settings),
        timeout=10,
        command_timeout=30,
    )


def receiver_of(settings: SocSettings) -> Receiver:
    """The SOC's receiver, with our certificate."""
    tls = client_context(str(settings.ca_file), str(settings.certificate_file), str(settings.key_file))
    return Receiver(settings.host, settings.port, settings.server_name, tls, settings.window)


def make_writer(connection: asyncpg.Connection) -> LogWriter:
    """The log's writer with the machine's clock and randomness."""
    return LogWriter(
        connection,
        clock=SystemClock(),
        new_id=new_uuid,
        random_bytes=secrets.token_bytes,
        product_version=PRODUCT_VERSION,
    )


async def run(settings: RelaySettings) -> None:
    """Ship until SIGTERM or SIGINT."""
    relay = Relay(
        lambda: connect(settings.database), make_writer, receiver_of(settings.soc), settings.poll_seconds
    )
    health = health_of(relay)
    work = [asyncio.create_task(relay.run())]
    http: httpx.AsyncClient | None = None
    if settings.checkpoints is not None:
        http = witness_http(settings.checkpoints.witness)
        notary = notary_of(settings, settings.checkpoints, http)
        watch_notary(health, notary)
        work.append(asyncio.create_task(notarise(notary)))

    def stop() -> None:
        health.drain()
        for task in work:
            task.cancel()

    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop)
    clock = ClockWatch(SystemClock(), probes.moment_by_role(settings.database))
    async with observed("relay", settings, health, clock=clock):
        log.info("relay_started", log=settings.audit.log)
        try:
            with contextlib.suppress(asyncio.CancelledError):
                await asyncio.gather(*work)
        except LogError as error:
            log.critical("log_not_as_left", error=str(error))
            raise SystemExit(1) from error
        finally:
            if http is not None:
                await http.aclose()
    log.info("relay_stopped")


def health_of(relay: Relay) -> Health:
    """Without the SOC it is ready: leaves are made and wait in the database, which is said."""
    health = Health("relay")
    health.add("database", probes.told(lambda: relay.database_away, "away"))
    health.add("soc", probes.told(lambda: relay.soc_away, "away"), needed=False)
    relay.on_turn = health.pulse("shipping", SILENT_SECONDS).beat
    return health


async def resend(settings: RelaySettings, epoch: int | None, start: int, end: int) -> None:
    """Ship the leaves start .. end-1 again. Raises RelpError or LogError."""
    connection = await connect(settings.database)
    relp = await RelpConnection.open(receiver_of(settings.soc))
    try:
        for first in range(start, end, BATCH):
            await ship(relp, await leaves_between(connection, epoch, first, min(first + BATCH, end)))
    finally:
        await relp.close()
        await connection.close()
    log.info("resent", start=start, end=end)


def main() -> None:
    """The command line."""
    parser = argparse.ArgumentParser(prog="services.relay", description=__doc__)
    parser.add_argument("--settings", type=Path, required=True)
    parser.add_argument("--resend", type=int, nargs=2, metavar=("A", "B"))
    parser.add_argument("--epoch", type=int)
    arguments = parser.parse_args()
    logs.configure("relay")
    settings = load(arguments.settings, RelaySettings)
    if arguments.resend is None:
        asyncio.run(run(settings))
    else:
        asyncio.run(resend(settings, arguments.epoch, *arguments.resend))


if __name__ == "__main__":
    main()
