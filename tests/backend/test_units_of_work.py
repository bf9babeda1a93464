"""Transactions: nothing without a commit, nothing without an event, no principal left on a connection."""

import asyncio
import traceback

import asyncpg
import pytest
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError

from backend.reports.types import Submission
from foundation.database.unit_of_work import UnrecordedChange
from foundation.errors import NotFound
from foundation.recording import AuditEvent
from tests.backend.world import HOAN_KIEM, TEXT, World, connect, key
from tests.conftest import Database

INTENT = AuditEvent("report.submit")
SUBMISSION = Submission("road", HOAN_KIEM, "Ngõ 1", TEXT)
ACCEPT_ALL = text("UPDATE reports.report SET version = version + 1 RETURNING code")


def events(database: Database) -> int:
    """How many audit events there are."""
    with connect(database.settings(database.superuser)) as connection:
        row = connection.execute("SELECT count(*) FROM audit.event").fetchone()
    assert row is not None
    return int(row[0])


async def test_leaving_without_commit_changes_nothing(world: World) -> None:
    citizen = await world.citizen()
    code = (await world.submitted(citizen)).code
    async with world.database.unit_of_work(citizen, INTENT) as work:
        await work.connection.execute(ACCEPT_ALL)
        await work.record(INTENT)
    assert (await world.queries.one(citizen, code)).version == 1


async def test_commit_without_event_is_refused(world: World) -> None:
    citizen = await world.citizen()
    code = (await world.submitted(citizen)).code
    with pytest.raises(UnrecordedChange):
        async with world.database.unit_of_work(citizen, INTENT) as work:
            await work.connection.execute(ACCEPT_ALL)
            await work.commit()
    assert (await world.queries.one(citizen, code)).version == 1


async def test_refusal_is_recorded_after_the_rollback(world: World, database: Database) -> None:
    citizen = await world.citizen()
    with pytest.raises(NotFound):
        async with world.database.unit_of_work(citizen, INTENT) as work:
            await work.record(INTENT)
            raise NotFound
    assert events(database) == 1


async def test_statement_without_parameters_is_refused_under_row_level_security(world: World) -> None:
    with pytest.raises(ValueError, match="bind parameters"):
        async with world.database.read_scope(await world.citizen(), INTENT) as scope:
            await scope.rows("SELECT code FROM reports.report")


async def test_read_scope_can_not_write(world: World) -> None:
    with pytest.raises(asyncpg.ReadOnlySQLTransactionError):
        async with world.database.read_scope(await world.citizen(), INTENT) as scope:
            await scope.rows("UPDATE reports.report SET version = $1 RETURNING code", 9)


async def test_principal_does_not_outlive_its_transaction(world: World) -> None:
    await world.submitted()
    async with world.database.read_scope(await world.official("minh"), INTENT) as scope:
        await scope.rows("SELECT code FROM reports.report LIMIT $1", 1)
    left = await world.database.pool.fetchval(
        "SELECT nullif(current_setting('ioc.units', true), '') || $1::text", "x"
    )
    assert left is None


async def test_city_role_does_not_outlive_its_transaction(world: World) -> None:
    async with world.database.read_scope(await world.official("quang"), INTENT) as scope:
        await scope.rows("SELECT $1::int", 1)
    assert await world.database.pool.fetchval("SELECT current_user || $1::text", "") == "backend_app"


async def test_plain_sql_without_settings_sees_nothing(world: World) -> None:
    await world.submitted()
    assert await world.database.pool.fetch("SELECT code FROM reports.report LIMIT $1", 10) == []


async def test_plain_sql_without_settings_changes_nothing(world: World) -> None:
    await world.submitted()
    assert await world.database.pool.execute("UPDATE reports.report SET version = $1", 9) == "UPDATE 0"


async def test_failed_statement_does_not_poison_the_next_unit_of_work(world: World) -> None:
    citizen = await world.citizen()
    for _ in range(8):
        with pytest.raises(DBAPIError):
            async with world.database.unit_of_work(citizen, INTENT) as work:
                await work.connection.execute(text("SELECT 1/0"))
    assert (await world.submitted(citizen)).version == 1


async def test_killed_connection_is_not_reused(world: World, database: Database) -> None:
    citizen = await world.citizen()
    with pytest.raises(DBAPIError):
        async with world.database.unit_of_work(citizen, INTENT) as work:
            pid = (await work.connection.execute(text("SELECT pg_backend_pid()"))).scalar()
            with connect(database.settings(database.superuser)) as superuser:
                superuser.execute("SELECT pg_terminate_backend(%s)", (pid,))
            await work.connection.execute(text("SELECT 1"))
    assert (await world.submitted(citizen)).version == 1


async def test_cancelled_unit_of_work_leaves_nothing(world: World) -> None:
    citizen = await world.citizen()
    code = (await world.submitted(citizen)).code

    async def slow() -> None:
        async with world.database.unit_of_work(citizen, INTENT) as work:
            await work.connection.execute(ACCEPT_ALL)
            await work.record(INTENT)
            await asyncio.sleep(30)
            await work.commit()

    task = asyncio.create_task(slow())
    await asyncio.sleep(0.3)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert (await world.queries.one(citizen, code)).version == 1


async def test_failing_event_stops_the_effect(world: World, database: Database) -> None:
    with connect(database.settings(database.superuser)) as superuser:
        superuser.execute("REVOKE INSERT (id, line) ON audit.event FROM backend_app")
    citizen = await world.citizen()
    with pytest.raises(DBAPIError):
        await world.reports.submit(citizen, SUBMISSION, key())
    with connect(database.settings(database.superuser)) as superuser:
        assert superuser.execute("SELECT count(*) FROM reports.report").fetchone() == (0,)


async def test_fault_of_the_database_does_not_tell_what_was_written(world: World, database: Database) -> None:
    with connect(database.settings(database.superuser)) as connection:
        connection.execute("REVOKE INSERT ON ALL TABLES IN SCHEMA reports FROM backend_app")
    with pytest.raises(DBAPIError) as fault:
        await world.submitted()
    assert "Hàng Bài" not in "".join(traceback.format_exception(fault.value))
