"""What a statement of ours costs, by EXPLAIN (ANALYZE, BUFFERS) of the very statement as the very role."""

import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import psycopg
from psycopg import sql

from foundation.database.connections import for_psycopg
from foundation.database.principal_settings import APPLY
from foundation.settings import DatabaseSettings

NOBODY = "00000000-0000-7000-8000-000000000001"
PLANS = ("force_custom_plan", "force_generic_plan")
"""A prepared statement is planned with its values for the first five times, perhaps without them after."""


@dataclass(frozen=True)
class Cost:
    """Shared buffers (pages), milliseconds, rows returned, reports' rows that a filter threw away."""

    buffers: int
    milliseconds: float
    rows: int
    removed: int


@contextmanager
def signed_in(
    settings: DatabaseSettings, units: Sequence[int] = (), citizen: str = "", *, city: bool = False
) -> Iterator[psycopg.Connection]:
    """A transaction as ReadScope opens it: the role signs in, or takes the city's, and sets the principal."""
    with psycopg.connect(
        **for_psycopg(settings),
        options="-c transaction_timeout=0",
    ) as connection:
        if city:
            connection.execute("SET LOCAL ROLE backend_city")
        values = (citizen or NOBODY, citizen, ",".join(map(str, units)), "")
        connection.execute(re.sub(r"\$\d", "%s", APPLY).encode(), values)
        yield connection
        connection.rollback()


def cost_of(connection: psycopg.Connection, statement: str, *arguments: Any, plan: str = PLANS[0]) -> Cost:
    """Prepare, run once to warm the cache, then measure."""
    connection.execute(f"SET LOCAL plan_cache_mode = {plan}".encode())
    connection.execute(f"PREPARE measured AS {statement}".encode())
    values = sql.SQL(", ").join(map(sql.Literal, arguments))
    explain = sql.SQL("EXPLAIN (ANALYZE, BUFFERS, VERBOSE, FORMAT JSON) EXECUTE measured ({})").format(values)
    try:
        connection.execute(explain)
        row = connection.execute(explain).fetchone()
    finally:
        connection.execute("DEALLOCATE measured")
    if row is None:
        raise RuntimeError("EXPLAIN returned nothing")
    root: dict[str, Any] = row[0][0]["Plan"]
    nodes = [node for node in _nodes(root) if node.get("Schema") == "reports"]
    return Cost(
        buffers=root["Shared Hit Blocks"] + root["Shared Read Blocks"],
        milliseconds=float(row[0][0]["Execution Time"]),
        rows=int(root["Actual Rows"]),
        removed=sum(int(node.get("Rows Removed by Filter", 0)) for node in nodes),
    )


def _nodes(plan: dict[str, Any]) -> Iterator[dict[str, Any]]:
    yield plan
    for child in plan.get("Plans", []):
        yield from _nodes(child)
