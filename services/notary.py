"""Checkpoints of a log and their witness, as a part of its relay's process."""

import asyncio
import ssl

import httpx
import structlog

from audit.checkpoints import KeySigner
from audit.log import LogError
from audit.notary import Notary
from audit.witnesses import Witness
from foundation.clock import SystemClock
from foundation.database.connections import connect as connect_to
from foundation.database.connections import for_asyncpg
from foundation.health import Health
from foundation.settings import CheckpointSettings, RelaySettings, WitnessSettings
from services import probes
from verifier.checkpoints import Cosigner
from verifier.keys import private_key, public_key

SILENT_SECONDS = 60.0
WITNESS_SECONDS = 5.0
"""A `restricted` answer of the vault waits no longer than this for a cosignature."""

log = structlog.get_logger()


def notary_of(settings: RelaySettings, checkpoints: CheckpointSettings, http: httpx.AsyncClient) -> Notary:
    """The notary with its keys. Raises KeyFileError."""
    clock, witness = SystemClock(), checkpoints.witness
    cosigner = Cosigner(witness.name, public_key(witness.public_key_file))
    return Notary(
        lambda: connect_to(**for_asyncpg(settings.database), timeout=10, command_timeout=30),
        KeySigner(private_key(checkpoints.key_file)),
        Witness(cosigner, http, clock),
        clock,
        poll_seconds=settings.poll_seconds,
        interval_seconds=checkpoints.interval_seconds,
    )


def witness_http(settings: WitnessSettings) -> httpx.AsyncClient:
    """The way to the witness."""
    tls = ssl.create_default_context(ssl.Purpose.SERVER_AUTH, cafile=settings.ca_file)
    tls.minimum_version = ssl.TLSVersion.TLSv1_3
    tls.load_cert_chain(settings.certificate_file, settings.key_file)
    return httpx.AsyncClient(base_url=settings.url, verify=tls, timeout=WITNESS_SECONDS, trust_env=False)


def watch_notary(health: Health, notary: Notary) -> None:
    """A log that is not as signed makes the process unready; without the witness it goes on and says so."""
    health.add("log", probes.told(lambda: notary.log_changed, "not as signed"))
    health.add("witness", probes.told(lambda: notary.witness_away, "away"), needed=False)
    notary.on_turn = health.pulse("signing", SILENT_SECONDS).beat


async def notarise(notary: Notary) -> None:
    """Sign until cancelled. A changed log ends the signing, not the shipping: the SOC gets every line."""
    try:
        await notary.run()
    except LogError as error:
        log.critical("log_not_as_signed", error=str(error))
        while True:
            # Readiness and the alarm say it until a person has looked.
            await asyncio.sleep(SILENT_SECONDS / 2)
            notary.on_turn()
