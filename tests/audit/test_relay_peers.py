"""Only the right receiver gets lines, only the right client hands them in, and one relay writes."""

import asyncio
from pathlib import Path

import asyncpg
import pytest
from sqlalchemy.ext.asyncio import AsyncEngine
from structlog.testing import capture_logs

from audit.log import LogError
from audit.relp import RelpConnection, RelpError
from stack.certificates import RELAY_NAME, Authority
from tests.audit.parts import (
    ORIGIN,
    Soc,
    running_relay,
    wait_until,
)
from tests.audit.shipping import (
    write_many,
    writer_on,
)
from tests.conftest import Database


async def test_client_with_another_name_writes_nothing(soc: Soc) -> None:
    soc.start()
    stranger = soc.authority.client("stranger", "stranger.ioc.internal")
    with pytest.raises(RelpError):
        await RelpConnection.open(soc.receiver(stranger))
    assert soc.findings().logs == {}


async def test_client_of_another_authority_writes_nothing(soc: Soc, tmp_path: Path) -> None:
    soc.start()
    (tmp_path / "rogue").mkdir()
    rogue = Authority(tmp_path / "rogue", "soc-authority", "SOC")
    rogue.ensure()
    with pytest.raises(RelpError):
        await RelpConnection.open(soc.receiver(rogue.client("relay", RELAY_NAME)))
    assert soc.findings().logs == {}


async def test_receiver_of_another_authority_gets_nothing(
    database: Database, app: AsyncEngine, soc: Soc, tmp_path: Path
) -> None:
    (tmp_path / "impostor").mkdir()
    impostor = Soc(tmp_path / "impostor", port=soc.port)
    impostor.start()
    await write_many(app, 3)
    with capture_logs() as logs:
        async with running_relay(database.settings("backend_relay"), soc.receiver()):
            await wait_until(lambda: any(line["event"] == "soc_unreachable" for line in logs), "no alert")
    impostor.stop()
    assert impostor.findings().logs == {}


async def test_second_relay_waits_until_the_first_ends(
    database: Database, app: AsyncEngine, soc: Soc
) -> None:
    soc.start()
    settings = database.settings("backend_relay")
    with capture_logs() as logs:
        async with running_relay(settings, soc.receiver()):
            await wait_until(
                lambda: [line["event"] for line in logs].count("relay_writing") == 1, "no writer"
            )
            async with running_relay(settings, soc.receiver()):
                await wait_until(
                    lambda: "relay_standing_by" in [line["event"] for line in logs], "no standby"
                )
                await write_many(app, 10)
                await wait_until(lambda: soc.size() == 11, "not everything arrives")
                writers = [line["event"] for line in logs].count("relay_writing")
    assert writers == 1
    assert soc.findings().logs[ORIGIN].duplicates == 0


async def test_standby_takes_over_when_the_writer_ends(
    database: Database, app: AsyncEngine, soc: Soc
) -> None:
    soc.start()
    settings = database.settings("backend_relay")
    first = running_relay(settings, soc.receiver())
    await first.__aenter__()
    await write_many(app, 5)
    await wait_until(lambda: soc.size() == 6, "not everything arrives")
    async with running_relay(settings, soc.receiver()):
        await first.__aexit__(None, None, None)
        await write_many(app, 5)
        await wait_until(lambda: soc.size() == 11, "the standby does not take over")
    soc.findings().require_complete()


async def test_second_writer_without_the_lock_is_found_out(database: Database, app: AsyncEngine) -> None:
    await write_many(app, 2)
    async with writer_on(database) as first, writer_on(database) as second:
        results = await asyncio.gather(first.append(10), second.append(10), return_exceptions=True)
    faults = [result for result in results if isinstance(result, LogError | asyncpg.UniqueViolationError)]
    assert len(faults) == 1
