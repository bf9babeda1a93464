"""Events to ship, the log as the database has it, the relay as a process."""

import asyncio
import subprocess
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from uuid import UUID

import asyncpg
import pytest
from sqlalchemy.ext.asyncio import AsyncEngine

from audit.log import LogWriter
from foundation.ids import new_uuid
from foundation.recording import AuditEvent
from foundation.settings import AuditSettings, RelaySettings, SocSettings
from stack.home import ROOT
from stack.settings_files import write_settings
from tests.audit.parts import (
    Soc,
    connect,
    log_writer,
    official,
    recorder,
)
from tests.conftest import Database

ACCEPT = AuditEvent("report.accept", resource="report:0123456789ABCDEF", unit="00070")
Ids = set[UUID]


async def write_one(app: AsyncEngine, *, pause: float = 0, roll_back: bool = False) -> UUID:
    """One transaction with one event; its id."""
    event_id = new_uuid()
    async with app.connect() as connection:
        await recorder(new_id=lambda: event_id).record(connection, official(), ACCEPT)
        await asyncio.sleep(pause)
        await (connection.rollback() if roll_back else connection.commit())
    return event_id


async def write_many(app: AsyncEngine, count: int) -> Ids:
    """Events written one after another; the ids."""
    return {await write_one(app) for _ in range(count)}


async def log_row(database: Database) -> asyncpg.Record:
    """The newest epoch's row."""
    connection = await connect(database.settings(database.superuser))
    row = await connection.fetchrow("SELECT * FROM audit.log ORDER BY epoch DESC LIMIT 1")
    await connection.close()
    assert row is not None
    return row


@asynccontextmanager
async def writer_on(database: Database) -> AsyncIterator[LogWriter]:
    """The log's writer alone, without a relay."""
    connection = await connect(database.settings("backend_relay"))
    yield log_writer(connection)
    await connection.close()


def settings_file(database: Database, soc: Soc, folder: Path) -> Path:
    """The relay's settings as the stack writes them."""
    settings = RelaySettings(
        environment="development",
        database=database.settings("backend_relay"),
        audit=AuditSettings(log="backend"),
        soc=SocSettings(
            host="127.0.0.1",
            port=soc.port,
            server_name="localhost",
            ca_file=soc.authority.certificate,
            certificate_file=soc.client.certificate,
            key_file=soc.client.key,
        ),
        poll_seconds=0.02,
    )
    write_settings(folder / "relay.toml", settings)
    return folder / "relay.toml"


def relay_process(settings: Path, *arguments: str) -> subprocess.Popen[bytes]:
    """services.relay as a process."""
    command = [sys.executable, "-m", "services.relay", "--settings", str(settings), *arguments]
    return subprocess.Popen(command, cwd=ROOT, stderr=(settings.parent / "relay.log").open("ab"))


async def wait_until_noted(database: Database, size: int) -> None:
    """Wait until the relay has stored what was acknowledged."""
    for _ in range(1200):
        if (await log_row(database))["relp_acked"] >= size:
            return
        await asyncio.sleep(0.05)
    pytest.fail("the acknowledgement is not noted")
