"""The lines of the log as they arrive: the stored bytes, again by range, across epochs."""

import asyncio
from pathlib import Path
from uuid import UUID

import orjson
from sqlalchemy.ext.asyncio import AsyncEngine

from audit.ocsf import MAX_BYTES
from foundation.recording import AuditEvent
from tests.audit.parts import (
    ORIGIN,
    Soc,
    connect,
    event_ids,
    official,
    recorder,
    running_relay,
    wait_until,
)
from tests.audit.shipping import (
    log_row,
    relay_process,
    settings_file,
    wait_until_noted,
    write_many,
)
from tests.conftest import Database


async def test_first_line_opens_the_log(database: Database, soc: Soc) -> None:
    soc.start()
    async with running_relay(database.settings("backend_relay"), soc.receiver()):
        await wait_until(lambda: soc.size() == 1, "the log is not opened")
    first = orjson.loads(soc.findings().logs[ORIGIN].lines[0])
    assert (first["unmapped"]["action"], "previous" in first["unmapped"]) == ("log.open", False)


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


async def test_acknowledged_is_not_confirmed(database: Database, app: AsyncEngine, soc: Soc) -> None:
    soc.start()
    async with running_relay(database.settings("backend_relay"), soc.receiver()):
        await write_many(app, 4)
        await wait_until(lambda: soc.size() == 5, "not everything arrives")
        await wait_until_noted(database, 5)
    row = await log_row(database)
    assert (row["next_sequence"], row["relp_acked"], row["soc_confirmed"]) == (5, 5, 0)


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
        code = await asyncio.to_thread(process.wait, 120)
    found = soc.findings().logs[ORIGIN]
    assert (code, gaps, found.gaps, found.duplicates, found.conflicts) == (0, [(3, 7)], [], 0, [])


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
