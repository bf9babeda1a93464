"""What a statement costs: pages read, rows thrown away, by EXPLAIN (ANALYZE, BUFFERS) as the role itself."""

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import psycopg


@dataclass(frozen=True)
class Work:
    """Shared buffers hit or read, reports' rows removed by filters, rows returned, the plan's nodes."""

    buffers: int
    removed: int
    rows: int
    nodes: tuple[str, ...]


def work_of(
    connection: psycopg.Connection, statement: str, *arguments: Any, as_if_large: bool = True
) -> Work:
    """Run `statement` ($n parameters) once to warm the catalogues, then measure it."""
    explain = f"EXPLAIN (ANALYZE, BUFFERS, TIMING OFF, VERBOSE, FORMAT JSON) {as_psycopg(statement)}"
    parameters = {f"p{number}": value for number, value in enumerate(arguments, start=1)}
    # A test's small tables would be read as a whole; production's are large.
    connection.execute(f"SET LOCAL enable_seqscan = {'off' if as_if_large else 'on'}")
    plan: dict[str, Any] = {}
    for _ in range(2):
        row = connection.execute(explain.encode(), parameters).fetchone()
        assert row is not None
        plan = (row[0] if isinstance(row[0], list) else json.loads(row[0]))[0]["Plan"]
    nodes = list(_nodes(plan))
    return Work(
        buffers=plan["Shared Hit Blocks"] + plan["Shared Read Blocks"],
        removed=sum(
            int(node.get("Rows Removed by Filter", 0)) for node in nodes if node.get("Schema") == "reports"
        ),
        rows=int(plan["Actual Rows"]),
        nodes=tuple(node["Node Type"] for node in nodes),
    )


def as_psycopg(statement: str) -> str:
    """A statement with $n parameters as psycopg wants it."""
    return re.sub(r"\$(\d+)", r"%(p\1)s", statement.replace("%", "%%"))


def _nodes(plan: dict[str, Any]) -> Iterator[dict[str, Any]]:
    yield plan
    for child in plan.get("Plans", []):
        yield from _nodes(child)
