"""`ioc directory requests`: what waits at the directory, why, and what an operator may do about it."""

from typing import Annotated, Any
from uuid import UUID

import psycopg
import typer
from psycopg.rows import dict_row

from cli import place
from foundation.clock import HANOI
from foundation.database.connections import for_psycopg
from stack.errors import StackError

app = typer.Typer(help="The directory, which administers Keycloak.", no_args_is_help=True)
requests = typer.Typer(help="Requests: what is asked of it.", no_args_is_help=True)
app.add_typer(requests, name="requests")

_LIST = """
SELECT id, operation, target, state, attempts, fault, code, created_at, next_at FROM directory.request
WHERE %(all)s OR state = 'waiting' ORDER BY id DESC LIMIT %(most)s
"""
_ONE = """
SELECT id, signer, operation, target, state, attempts, fault, code, result::text AS result,
  created_at, next_at, alarmed_at, ended_at, give_up,
  (SELECT count(*) FROM directory.asking a WHERE a.request_id = r.id) AS officers
FROM directory.request r WHERE id = %(id)s
"""
_STEPS = "SELECT name, done_at FROM directory.step WHERE request_id = %(id)s ORDER BY done_at"
_RETRY = "UPDATE directory.request SET next_at = clock_timestamp() WHERE id = %(id)s AND state = 'waiting'"
_GIVE_UP = """
UPDATE directory.request SET give_up = true, next_at = clock_timestamp()
WHERE id = %(id)s AND state = 'waiting'
"""

Number = Annotated[UUID, typer.Argument(help="The request's id, as in the list.")]


@requests.callback()
def directory_requests() -> None:
    """Requests: what is asked of the directory."""


@requests.command("list")
def list_requests(
    everything: Annotated[bool, typer.Option("--all", help="Those that are over, too.")] = False,
    most: Annotated[int, typer.Option("--lines", "-n", min=1)] = 50,
) -> None:
    """Requests that wait, the newest first: since when, how often tried, why not done."""
    found = _rows(_LIST, all=everything, most=most)
    if not found:
        typer.echo("No request." if everything else "No request waits. Those that are over: --all")
    for row in found:
        why = row["code"] or row["fault"] or "-"
        since = row["created_at"].astimezone(HANOI)
        typer.echo(
            f"{row['id']}  {since:%d.%m. %H:%M:%S}  {row['operation']:<22} {row['target']:<17}"
            f" {row['state']:<8} {row['attempts']:>3}x  {why}"
        )


@requests.command("show")
def show(request: Number) -> None:
    """One request and the steps that are done. Names and addresses are in what was signed, and not shown."""
    found = _rows(_ONE, id=request)
    if not found:
        raise StackError("directory", "there is no such request", "./ioc directory requests list --all")
    for name, value in found[0].items():
        shown = (
            value.astimezone(HANOI).isoformat(timespec="seconds") if hasattr(value, "astimezone") else value
        )
        typer.echo(f"{name:<12} {'-' if shown is None else shown}")
    for step in _rows(_STEPS, id=request):
        typer.echo(f"{'step':<12} {step['name']} {step['done_at'].astimezone(HANOI):%d.%m. %H:%M:%S}")


@requests.command("retry")
def retry(request: Number) -> None:
    """Try a waiting request now rather than after its pause."""
    _change(_RETRY, request)


@requests.command("give-up")
def give_up(request: Number) -> None:
    """Let the directory refuse a waiting request, as an event. What is done of it stays done."""
    _change(_GIVE_UP, request)


def _change(statement: str, request: UUID) -> None:
    with _connection() as connection:
        if connection.execute(statement.encode(), {"id": request}).rowcount != 1:
            raise StackError("directory", "no such request waits", "./ioc directory requests list --all")


def _rows(statement: str, **values: Any) -> list[dict[str, Any]]:
    with _connection() as connection:
        return connection.execute(statement.encode(), values).fetchall()


def _connection() -> psycopg.Connection[dict[str, Any]]:
    """As the directory itself: what the operator does is what it may do, and no more."""
    return psycopg.connect(
        **for_psycopg(place.existing().backend.settings("backend_directory")), row_factory=dict_row
    )
