"""Everything that was committed reaches the SOC's file, in order and without a gap, whatever is killed."""

import asyncio
import random
import resource
import signal
from pathlib import Path
from uuid import UUID

import orjson
import psutil
import pytest
from sqlalchemy.ext.asyncio import AsyncEngine
from structlog.testing import capture_logs

from audit import log
from audit.log import LogWriter
from audit.relay import Relay
from foundation.ids import new_uuid
from tests.audit.parts import (
    ORIGIN,
    Soc,
    connect,
    event_ids,
    log_writer,
    recorder,
    running_relay,
    system,
    wait_until,
)
from tests.audit.shipping import (
    ACCEPT,
    Ids,
    relay_process,
    settings_file,
    write_many,
    write_one,
    writer_on,
)
from tests.conftest import Database


async def write_backlog(app: AsyncEngine, transactions: int, each: int) -> Ids:
    """Many events in few transactions; the ids."""
    committed: Ids = set()

    def new_id() -> UUID:
        committed.add(event_id := new_uuid())
        return event_id

    many = recorder(new_id=new_id)
    for _ in range(transactions):
        async with app.begin() as connection:
            for _ in range(each):
                await many.record(connection, system(), ACCEPT)
    return committed


async def write_like_people(app: AsyncEngine, count: int, seed: int) -> Ids:
    """One of several concurrent writers: some are slow, some roll back. The committed ids."""
    dice, committed = random.Random(seed), set()
    for _ in range(count):
        pause = dice.uniform(0.05, 0.4) if dice.random() < 0.06 else 0
        roll_back = dice.random() < 0.08
        event_id = await write_one(app, pause=pause, roll_back=roll_back)
        if not roll_back:
            committed.add(event_id)
    return committed


async def order_in_database(database: Database) -> list[UUID]:
    """The ids of all events in the total order."""
    connection = await connect(database.settings(database.superuser))
    rows = await connection.fetch("SELECT id FROM audit.event ORDER BY xid, id")
    await connection.close()
    return [row["id"] for row in rows]


def order_in_file(soc: Soc) -> list[UUID]:
    """The ids of the events by sequence, the log's first line left out."""
    lines = soc.findings().logs[ORIGIN].lines
    return [UUID(orjson.loads(lines[sequence])["metadata"]["uid"]) for sequence in sorted(lines)][1:]


async def test_killing_the_receiver_under_load_loses_and_reorders_nothing(
    database: Database, app: AsyncEngine, soc: Soc
) -> None:
    backlog = await write_backlog(app, 5, 500)  # so that the receiver is never idle when it is killed
    soc.start()
    async with running_relay(database.settings("backend_relay"), soc.receiver()):
        writers = [asyncio.create_task(write_like_people(app, 100, seed)) for seed in range(8)]
        for kill in range(4):
            goal = (kill + 1) * 500
            await wait_until(lambda goal=goal: soc.size() >= goal, "the load does not arrive")
            soc.kill()
            await asyncio.sleep(0.2)
            soc.start()
        committed = backlog.union(*await asyncio.gather(*writers))
        await wait_until(lambda: soc.size() > len(committed), "not everything arrives")
    findings = soc.findings()
    findings.require_complete()
    assert event_ids(findings) == committed
    assert order_in_file(soc) == await order_in_database(database)


async def test_work_goes_on_while_the_soc_is_away_and_everything_arrives_later(
    database: Database, app: AsyncEngine, soc: Soc
) -> None:
    async with running_relay(database.settings("backend_relay"), soc.receiver()):
        committed = await write_many(app, 50)
        before = soc.size()
        soc.start()
        await wait_until(lambda: soc.size() == 51, "not everything arrives")
    soc.findings().require_complete()
    assert (before, event_ids(soc.findings())) == (0, committed)


async def test_absent_soc_raises_an_alert_that_tells_the_length_of_the_queue(
    database: Database, app: AsyncEngine, soc: Soc
) -> None:
    await write_many(app, 5)
    with capture_logs() as logs:
        async with running_relay(database.settings("backend_relay"), soc.receiver()):
            await wait_until(lambda: any(line["event"] == "soc_unreachable" for line in logs), "no alert")
    (alert,) = [line for line in logs if line["event"] == "soc_unreachable"]
    assert (alert["log_level"], alert["leaves"], alert["events"]) == ("error", 6, 0)


async def slow_and_quick(database: Database, app: AsyncEngine) -> int:
    """How many lines the log has when an early transaction commits late and the log is read in between."""
    async with app.connect() as slow, writer_on(database) as writer:
        await recorder().record(slow, system(), ACCEPT)
        await write_one(app)
        await writer.append(10)
        await slow.commit()
        await writer.append(10)
        return len(await writer.unacknowledged(10))


async def test_late_commit_of_an_early_transaction_is_not_lost(database: Database, app: AsyncEngine) -> None:
    assert await slow_and_quick(database, app) == 3


async def test_without_the_watermark_the_late_commit_would_be_lost(
    database: Database, app: AsyncEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    unguarded = log._READ.replace("AND xid < pg_snapshot_xmin(pg_current_snapshot())", "")
    assert unguarded != log._READ
    monkeypatch.setattr(log, "_READ", unguarded)
    assert await slow_and_quick(database, app) == 2


async def test_full_disk_of_the_receiver_loses_nothing(
    database: Database, app: AsyncEngine, soc: Soc
) -> None:
    soc.start()
    async with running_relay(database.settings("backend_relay"), soc.receiver()):
        committed = await write_many(app, 20)
        await wait_until(lambda: soc.size() == 21, "the disk is not full yet")
        limit_file_size(soc, soc.file.stat().st_size + 5_000)
        committed |= await write_many(app, 100)
        await wait_until(lambda: soc.file.stat().st_size > 15_000, "nothing more is taken")
        await asyncio.sleep(1)
        full = soc.size()
        limit_file_size(soc, resource.RLIM_INFINITY)
        await wait_until(lambda: soc.size() == 121, "not everything arrives")
    soc.findings().require_complete()
    assert full < 121
    assert event_ids(soc.findings()) == committed
    assert soc.findings().torn == 0


def limit_file_size(soc: Soc, octets: int) -> None:
    """A quota for the running sink: writing above it fails in the middle of a line, as on a full disk."""
    assert soc.process is not None
    (sink,) = psutil.Process(soc.process.pid).children()
    resource.prlimit(sink.pid, resource.RLIMIT_FSIZE, (octets, resource.RLIM_INFINITY))


async def test_relay_that_dies_between_shipping_and_noting_repeats_lines_and_skips_none(
    database: Database, app: AsyncEngine, soc: Soc, monkeypatch: pytest.MonkeyPatch
) -> None:
    soc.start()
    committed = await write_many(app, 30)
    with monkeypatch.context() as patch:

        async def die(_writer: LogWriter, _epoch: int, _size: int) -> None:
            raise SystemError("killed here")

        patch.setattr(LogWriter, "acknowledged", die)
        connection = await connect(database.settings("backend_relay"))
        relay = Relay(lambda: asyncio.sleep(0, connection), log_writer, soc.receiver(), 0.02)
        with pytest.raises(SystemError):
            await relay.run()
    async with running_relay(database.settings("backend_relay"), soc.receiver()):
        await wait_until(lambda: soc.findings().logs[ORIGIN].duplicates == 31, "nothing is repeated")
    findings = soc.findings()
    findings.require_complete()
    assert event_ids(findings) == committed


async def test_killing_the_relay_process_under_load_loses_nothing(
    database: Database, app: AsyncEngine, soc: Soc, tmp_path: Path
) -> None:
    soc.start()
    settings = settings_file(database, soc, tmp_path)
    writers = [asyncio.create_task(write_like_people(app, 80, seed)) for seed in range(6)]
    for kill in range(2):
        process = relay_process(settings)
        goal = (kill + 1) * 150
        await wait_until(lambda goal=goal: soc.size() >= goal, "the load does not arrive")
        process.send_signal(signal.SIGKILL)
        process.wait()
    committed = set().union(*await asyncio.gather(*writers))
    log = settings.parent / "relay.log"
    starts = log.read_bytes().count(b"relay_started")
    process = relay_process(settings)
    # Everything may have arrived before; a relay that has not started has no handler for SIGTERM yet.
    await wait_until(lambda: log.read_bytes().count(b"relay_started") > starts, "the relay does not start")
    await wait_until(lambda: soc.size() > len(committed), "not everything arrives")
    process.terminate()
    code = process.wait(20)
    findings = soc.findings()
    findings.require_complete()
    assert event_ids(findings) == committed
    assert code == 0


async def test_relay_waits_for_a_database_that_ends_its_connection(
    database: Database, app: AsyncEngine, soc: Soc
) -> None:
    soc.start()
    async with running_relay(database.settings("backend_relay"), soc.receiver()):
        await write_many(app, 5)
        await wait_until(lambda: soc.size() == 6, "not everything arrives")
        superuser = await connect(database.settings(database.superuser))
        await superuser.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
            " WHERE usename = 'backend_relay' AND datname = current_database()"
        )
        await superuser.close()
        await write_many(app, 5)
        await wait_until(lambda: soc.size() == 11, "the relay does not come back")
    soc.findings().require_complete()


async def test_transaction_that_holds_the_watermark_raises_an_alert(
    database: Database, app: AsyncEngine, soc: Soc
) -> None:
    soc.start()
    settings = database.settings("backend_relay")
    with capture_logs() as logs:
        async with app.connect() as slow:
            await recorder().record(slow, system(), ACCEPT)
            await write_one(app)
            relay = Relay(lambda: connect(settings), log_writer, soc.receiver(), 0.02, stalled_seconds=0.2)
            task = asyncio.create_task(relay.run())
            await wait_until(lambda: any(line["event"] == "watermark_stalled" for line in logs), "no alert")
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task
    alert = next(line for line in logs if line["event"] == "watermark_stalled")
    assert (alert["log_level"], alert["events"]) == ("error", 1)
