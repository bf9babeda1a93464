"""On the log's tables the app may insert, the relay read; nobody else anything."""

from collections.abc import Iterator

import asyncpg
import pytest

from foundation.ids import new_uuid
from stack.postgres import PostgresCluster
from tests.audit.parts import connect
from tests.conftest import Database

RUNTIME = ["backend_app", "backend_worker", "backend_relay", "backend_directory"]
WRITERS = ["backend_app", "backend_worker", "backend_directory"]


@pytest.fixture(scope="module")
def shared(backend_cluster: PostgresCluster, migrated_template: str) -> Iterator[Database]:
    """One database for all of this module: what is denied changes nothing."""
    backend_cluster.clone(migrated_template, "audit_grants")
    yield Database(backend_cluster, "audit_grants")
    backend_cluster.drop("audit_grants")


async def denied(database: Database, role: str, statement: str) -> None:
    connection = await connect(database.settings(role))
    try:
        with pytest.raises(asyncpg.InsufficientPrivilegeError):
            await connection.execute(statement)
    finally:
        await connection.close()


@pytest.mark.parametrize("role", RUNTIME)
@pytest.mark.parametrize("table", ["event", "leaf", "pseudonym_key", "log", "refusal_count"])
@pytest.mark.parametrize(
    "statement",
    ["DELETE FROM audit.{table}", "TRUNCATE audit.{table}", "ALTER TABLE audit.{table} ADD x int"],
)
async def test_no_runtime_role_takes_anything_from_the_log(
    shared: Database, role: str, table: str, statement: str
) -> None:
    await denied(shared, role, statement.format(table=table))


@pytest.mark.parametrize("role", RUNTIME)
@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE audit.event SET line = line",
        "UPDATE audit.event SET xid = '1'",
        "UPDATE audit.leaf SET line = line",
        "UPDATE audit.pseudonym_key SET key = key",
        "UPDATE audit.log SET soc_confirmed = 1",
        "UPDATE audit.log SET origin = 'x'",
        "INSERT INTO audit.log (epoch, origin, previous_origin) VALUES (2, 'x', 'y')",
        "INSERT INTO audit.refusal_count VALUES ('203.0.113.0', 'a.b', now(), 1)",
        "SELECT audit.open_epoch(NULL)",
        "SELECT audit.add_partition('event', 'x', '0', '1')",
        "SELECT line FROM audit.event_2026_12",
        "INSERT INTO audit.event_2026_12 (id, line) VALUES (NULL, NULL)",
    ],
)
async def test_no_runtime_role_changes_the_log(shared: Database, role: str, statement: str) -> None:
    await denied(shared, role, statement)


@pytest.mark.parametrize("role", WRITERS)
@pytest.mark.parametrize("table", ["event", "leaf", "refusal_count"])
async def test_who_writes_events_can_not_read_them(shared: Database, role: str, table: str) -> None:
    await denied(shared, role, f"SELECT count(*) FROM audit.{table}")


@pytest.mark.parametrize("role", WRITERS)
async def test_who_writes_events_can_not_choose_their_place(shared: Database, role: str) -> None:
    await denied(shared, role, f"INSERT INTO audit.event (id, xid, line) VALUES ('{new_uuid()}', '5', '')")


@pytest.mark.parametrize("role", RUNTIME)
@pytest.mark.parametrize("column", ["iss", "sub", "period", "key"])
async def test_nobody_lists_the_keys_of_pseudonyms(shared: Database, role: str, column: str) -> None:
    await denied(shared, role, f"SELECT {column} FROM audit.pseudonym_key")


@pytest.mark.parametrize("role", ["backend_worker", "backend_relay", "backend_directory"])
async def test_only_the_app_asks_for_the_key_of_a_person(shared: Database, role: str) -> None:
    await denied(
        shared, role, "SELECT audit.key_of_pseudonym('i', 's', 'p', decode(repeat('00', 32), 'hex'))"
    )


async def test_relay_can_not_write_events(shared: Database) -> None:
    await denied(shared, "backend_relay", f"INSERT INTO audit.event (id, line) VALUES ('{new_uuid()}', '')")


@pytest.mark.parametrize("role", ["backend_app", "backend_relay", "backend_directory"])
async def test_only_the_worker_makes_partitions(shared: Database, role: str) -> None:
    await denied(shared, role, "SELECT audit.ensure_partitions(1)")


async def test_worker_makes_the_partitions_that_are_missing_and_only_those(database: Database) -> None:
    connection = await connect(database.settings("backend_worker"))
    made = [
        await connection.fetchval("SELECT audit.ensure_partitions($1)", months) for months in (24, 26, 26)
    ]
    await connection.close()
    assert made == [0, 2, 0]


async def test_partitions_follow_the_months_of_the_event_ids(database: Database) -> None:
    connection = await connect(database.settings(database.superuser))
    bound = await connection.fetchval(
        "SELECT pg_get_expr(relpartbound, oid) FROM pg_class WHERE relname = 'event_2027_03'"
    )
    await connection.close()
    assert bound == (
        "FOR VALUES FROM ('01a3fe63-0800-0000-0000-000000000000') TO ('01a49e08-2c00-0000-0000-000000000000')"
    )
