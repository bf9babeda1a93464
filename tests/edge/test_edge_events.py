"""What the edge refused is counted: once, by network and code, by a role that can do nothing else."""

import asyncio
import json
import time
from pathlib import Path

import asyncpg
import psycopg
import pytest

from foundation.settings import EdgeEventsSettings, read_secret
from services import edge_events
from services.edge_events import Refusals, counted, step
from tests.conftest import Database, RunningStack


def line(network: str = "203.0.113.0", reason: str = "edge.rule_sql") -> str:
    return json.dumps({"at": "x", "network": network, "reason": reason, "route": "graphql"}) + "\n"


def settings_of(database: Database, folder: Path) -> EdgeEventsSettings:
    return EdgeEventsSettings(
        environment="development",
        database=database.settings("backend_edge"),
        refusals_file=folder / "refused.jsonl",
        edge_pid_file=folder / "nginx.pid",
    )


def counts_in(database: Database) -> list[tuple[str, str, int]]:
    settings = database.settings(database.superuser)
    with psycopg.connect(
        host=settings.host,
        port=settings.port,
        dbname=settings.name,
        user=settings.user,
        password=read_secret(settings.password_file).decode(),
    ) as connection:
        return connection.execute(
            "SELECT host(network), reason, sum(count)::int FROM audit.refusal_count"
            " GROUP BY 1, 2 ORDER BY 1, 2"
        ).fetchall()


async def test_each_refusal_is_counted_once(database: Database, tmp_path: Path) -> None:
    settings = settings_of(database, tmp_path)
    refusals = Refusals(settings.refusals_file, settings.edge_pid_file)
    settings.refusals_file.write_text(line() + line() + line(reason="edge.too_many"))
    await step(settings, refusals)
    await step(settings, Refusals(settings.refusals_file, settings.edge_pid_file))
    with settings.refusals_file.open("a") as file:
        file.write(line() + line()[:20])
    await step(settings, refusals)
    assert counts_in(database) == [
        ("203.0.113.0", "edge.rule_sql", 3),
        ("203.0.113.0", "edge.too_many", 1),
    ]


async def test_database_that_is_away_loses_no_count(database: Database, tmp_path: Path) -> None:
    settings = settings_of(database, tmp_path)
    away = EdgeEventsSettings(
        environment="development",
        database=database.settings("backend_worker").__class__(
            host=str(tmp_path), port=1, name="x", user="x", password_file=settings.database.password_file
        ),
        refusals_file=settings.refusals_file,
        edge_pid_file=settings.edge_pid_file,
    )
    refusals = Refusals(settings.refusals_file, settings.edge_pid_file)
    settings.refusals_file.write_text(line())
    with pytest.raises(FileNotFoundError):
        await step(away, refusals)
    await step(settings, refusals)
    assert counts_in(database) == [("203.0.113.0", "edge.rule_sql", 1)]


async def test_large_file_is_turned_and_nothing_is_lost(
    database: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    told: list[int] = []
    monkeypatch.setattr(edge_events, "LARGEST_FILE", 10)
    monkeypatch.setattr("services.edge_events.os.kill", lambda pid, number: told.append(pid))
    settings = settings_of(database, tmp_path)
    settings.edge_pid_file.write_text("4242\n")
    refusals = Refusals(settings.refusals_file, settings.edge_pid_file)
    settings.refusals_file.write_text(line())
    with settings.refusals_file.open("a") as nginx:  # still writes to the renamed file for a moment
        await step(settings, refusals)
        nginx.write(line())
    settings.refusals_file.write_text(line())
    for _ in range(3):
        await step(settings, refusals)
    assert told[0] == 4242
    assert counts_in(database) == [("203.0.113.0", "edge.rule_sql", 3)]


@pytest.mark.parametrize(
    "text",
    [
        b"not json",
        b"{}",
        line(network="203.0.113.7").encode(),
        line(reason="Robert'); DROP TABLE").encode(),
        b'{"network":1,"reason":2}',
    ],
)
def test_line_that_is_not_the_edges_is_counted_without_its_text(text: bytes) -> None:
    assert counted([text]) == {("0.0.0.0", "edge.unreadable"): 1}


def test_many_networks_share_one_count() -> None:
    lines = [line(network=f"10.{n // 250}.{n % 250}.0").encode() for n in range(1_500)]
    found = counted(lines)
    assert len(found) == 1_001
    assert found["0.0.0.0", "edge.rule_sql"] == 500


@pytest.mark.parametrize(
    "statement",
    [
        "SELECT * FROM audit.refusal_count",
        "SELECT * FROM audit.event",
        "INSERT INTO audit.event (id, line) VALUES (gen_random_uuid(), '{}')",
        "SELECT audit.take_refusals(now())",
        "SELECT * FROM reports.report",
        "SELECT * FROM identity.session_end",
        "CREATE TEMP TABLE x (y int)",
    ],
)
async def test_role_can_add_counts_and_nothing_else(database: Database, statement: str) -> None:
    settings = database.settings("backend_edge")
    connection = await asyncpg.connect(
        host=settings.host,
        port=settings.port,
        database=settings.name,
        user=settings.user,
        password=read_secret(settings.password_file).decode(),
    )
    try:
        with pytest.raises(asyncpg.InsufficientPrivilegeError):
            await connection.execute(statement)
    finally:
        await connection.close()


async def test_attack_on_the_running_system_is_counted_with_its_kind(running_stack: RunningStack) -> None:
    async with running_stack.client("lan") as lan:
        answer = await lan.http.get(f"{running_stack.endpoints.api_url}/graphql?documentId=1' OR 1=1--")
    assert answer.status_code == 403
    settings = running_stack.database("backend_superuser")
    connection = await asyncpg.connect(
        host=settings.host,
        port=settings.port,
        database=settings.name,
        user=settings.user,
        password=read_secret(settings.password_file).decode(),
    )
    deadline = time.monotonic() + 60
    found: list[str] = []
    while not found and time.monotonic() < deadline:
        await asyncio.sleep(0.25)
        # Counted until the minute is over, an event of the log after it.
        rows = await connection.fetch(
            "SELECT host(network) || ' ' || reason AS told FROM audit.refusal_count"
            " WHERE reason = 'edge.rule_sql' UNION SELECT '127.0.0.0 edge.rule_sql'"
            " FROM audit.event WHERE line LIKE '%edge.rule_sql%'"
        )
        found = [row["told"] for row in rows]
    await connection.close()
    assert found == ["127.0.0.0 edge.rule_sql"]
