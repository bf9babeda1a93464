"""Everything that was committed reaches the SOC's file, in order and without a gap, whatever is killed."""

import asyncio
import random
import resource
import signal
import subprocess
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from uuid import UUID

import asyncpg
import orjson
import psutil
import pytest
from sqlalchemy.ext.asyncio import AsyncEngine
from structlog.testing import capture_logs

from audit import log
from audit.log import LogError, LogWriter
from audit.ocsf import MAX_BYTES
from audit.relay import Relay
from audit.relp import RelpConnection, RelpError
from foundation.ids import new_uuid
from foundation.recording import AuditEvent
from foundation.settings import AuditSettings, RelaySettings, SocSettings
from stack.certificates import RELAY_NAME, Authority
from stack.home import ROOT
from stack.settings_files import write_settings
from tests.audit.parts import (
    ORIGIN,
    Soc,
    connect,
    event_ids,
    log_writer,
    official,
    recorder,
    running_relay,
    system,
    wait_until,
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


async def log_row(database: Database) -> asyncpg.Record:
    """The newest epoch's row."""
    connection = await connect(database.settings(database.superuser))
    row = await connection.fetchrow("SELECT * FROM audit.log ORDER BY epoch DESC LIMIT 1")
    await connection.close()
    assert row is not None
    return row


def order_in_file(soc: Soc) -> list[UUID]:
    """The ids of the events by sequence, the log's first line left out."""
    lines = soc.findings().logs[ORIGIN].lines
    return [UUID(orjson.loads(lines[sequence])["metadata"]["uid"]) for sequence in sorted(lines)][1:]


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


async def test_range_is_sent_again_by_command_beside_the_running_relay(
    database: Database, app: AsyncEngine, soc: Soc, tmp_path: Path
) -> None:
    soc.start()
    async with running_relay(database.settings("backend_relay"), soc.receiver()):
        await write_many(app, 10)
        await wait_until(lambda: soc.size() == 11, "not everything arrives")
        lost = soc.file.read_bytes().splitlines(keepends=True)
        await wait_until_noted(database, 11)
        soc.stop()
        soc.file.write_bytes(b"".join(lost[:3] + lost[7:]))
        soc.start()
        gaps = soc.findings().logs[ORIGIN].gaps
        process = relay_process(settings_file(database, soc, tmp_path), "--resend", "3", "7")
        code = await asyncio.to_thread(process.wait, 30)
    found = soc.findings().logs[ORIGIN]
    assert (code, gaps, found.gaps, found.duplicates, found.conflicts) == (0, [(3, 7)], [], 0, [])


async def wait_until_noted(database: Database, size: int) -> None:
    """Wait until the relay has stored what was acknowledged."""
    for _ in range(200):
        if (await log_row(database))["relp_acked"] >= size:
            return
        await asyncio.sleep(0.05)
    pytest.fail("the acknowledgement is not noted")


async def test_acknowledged_is_not_confirmed(database: Database, app: AsyncEngine, soc: Soc) -> None:
    soc.start()
    async with running_relay(database.settings("backend_relay"), soc.receiver()):
        await write_many(app, 4)
        await wait_until(lambda: soc.size() == 5, "not everything arrives")
        await wait_until_noted(database, 5)
    row = await log_row(database)
    assert (row["next_sequence"], row["relp_acked"], row["soc_confirmed"]) == (5, 5, 0)


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


async def test_shipped_bytes_are_the_stored_leaf(database: Database, app: AsyncEngine, soc: Soc) -> None:
    soc.start()
    async with running_relay(database.settings("backend_relay"), soc.receiver()):
        await write_many(app, 3)
        await wait_until(lambda: soc.size() == 4, "not everything arrives")
    connection = await connect(database.settings("backend_relay"))
    rows = await connection.fetch("SELECT line FROM audit.leaf ORDER BY sequence")
    await connection.close()
    assert soc.file.read_bytes() == b"".join(row["line"] + b"\n" for row in rows)


async def test_largest_event_arrives_whole(database: Database, app: AsyncEngine, soc: Soc) -> None:
    policies = tuple(f"policy-{number:050}" for number in range(1055))
    async with app.begin() as connection:
        await recorder().record(connection, official(), AuditEvent("report.accept", policies=policies))
    soc.start()
    async with running_relay(database.settings("backend_relay"), soc.receiver()):
        await wait_until(lambda: soc.size() == 2, "it does not arrive")
    leaf = soc.findings().logs[ORIGIN].lines[1]
    assert len(leaf) > MAX_BYTES - 100
    assert orjson.loads(leaf)["unmapped"]["policies"] == list(policies)


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


async def test_first_line_opens_the_log(database: Database, soc: Soc) -> None:
    soc.start()
    async with running_relay(database.settings("backend_relay"), soc.receiver()):
        await wait_until(lambda: soc.size() == 1, "the log is not opened")
    first = orjson.loads(soc.findings().logs[ORIGIN].lines[0])
    assert (first["unmapped"]["action"], "previous" in first["unmapped"]) == ("log.open", False)


async def test_new_epoch_names_the_old_log_and_carries_what_was_not_shipped(
    database: Database, app: AsyncEngine, soc: Soc
) -> None:
    soc.start()
    new_origin = "ioc.hanoi.gov.vn/log/backend/2"
    shipped = await write_many(app, 4)
    async with running_relay(database.settings("backend_relay"), soc.receiver()):
        await wait_until(lambda: soc.size() == 5, "not everything arrives")
    waiting = await write_many(app, 3)
    superuser = await connect(database.settings(database.superuser))
    await superuser.execute("SELECT audit.open_epoch($1)", b"\x07" * 32)
    await superuser.close()
    later = await write_many(app, 2)
    async with running_relay(database.settings("backend_relay"), soc.receiver()):
        await wait_until(lambda: new_origin in soc.findings().logs, "no new log")
        await wait_until(lambda: soc.findings().logs[new_origin].size == 6, "not everything arrives")
    findings = soc.findings()
    findings.require_complete()
    lines = [orjson.loads(line) for line in findings.logs[new_origin].lines.values()]
    assert event_ids(findings) == shipped
    assert {UUID(line["metadata"]["uid"]) for line in lines[1:]} == waiting | later
    assert lines[0]["unmapped"]["previous"] == {
        "origin": ORIGIN,
        "size": 5,
        "root": "BwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwc",
    }
