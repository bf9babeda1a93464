"""`ioc channels`: status changes that did not reach a channel, and sending them again."""

from typing import Annotated, Any
from uuid import UUID

import psycopg
import typer
from psycopg.rows import dict_row

from cli import place
from foundation.clock import HANOI
from foundation.database.connections import for_psycopg
from stack.errors import StackError

app = typer.Typer(help="Channels: what goes back to 1022, the portal and the others.", no_args_is_help=True)

_COUNTS = """
SELECT c.code, c.state, count(d.id) FILTER (WHERE d.state = 'waiting') AS waiting,
  count(d.id) FILTER (WHERE d.state = 'dead') AS dead
FROM channels.channel c LEFT JOIN channels.delivery d ON d.channel = c.code GROUP BY c.code ORDER BY c.code
"""
_DEAD = """
SELECT id, channel, report_code, version, report_state, attempts, fault, ended_at FROM channels.delivery
WHERE state = 'dead' AND (%(channel)s::text IS NULL OR channel = %(channel)s)
ORDER BY ended_at DESC, id DESC LIMIT %(most)s
"""
_RESEND = """
UPDATE channels.delivery SET state = 'waiting', attempts = 0, next_at = clock_timestamp(), ended_at = NULL
WHERE state = 'dead' AND (id = ANY(%(ids)s) OR channel = %(channel)s)
"""

Channel = Annotated[str | None, typer.Option("--channel", help="Those of one channel.")]


@app.command("list")
def list_channels() -> None:
    """Each channel: its state, how much waits to be sent, how much was given up."""
    for row in _rows(_COUNTS):
        typer.echo(f"{row['code']:<20} {row['state']:<10} {row['waiting']:>5} waiting {row['dead']:>5} dead")


@app.command("dead")
def dead(channel: Channel = None, most: Annotated[int, typer.Option("--lines", "-n", min=1)] = 50) -> None:
    """Status changes that were given up, the last first, and why."""
    for row in _rows(_DEAD, channel=channel, most=most):
        since = row["ended_at"].astimezone(HANOI)
        typer.echo(
            f"{row['id']}  {since:%d.%m. %H:%M:%S}  {row['channel']:<12} {row['report_code']}"
            f" v{row['version']:<3} {row['report_state']:<16} {row['attempts']:>3}x  {row['fault'] or '-'}"
        )


@app.command("resend")
def resend(
    deliveries: Annotated[list[UUID] | None, typer.Argument(help="Ids, as in the list.")] = None,
    channel: Channel = None,
) -> None:
    """Send again what was given up: these, or all of a channel. The worker does within seconds."""
    with _connection() as connection:
        asked = {"ids": deliveries or [], "channel": channel}
        count = connection.execute(_RESEND, asked).rowcount
    if count == 0:
        raise StackError("channels", "nothing of that was given up", "./ioc channels dead")
    typer.echo(f"{count} are sent again")


def _rows(statement: str, **values: Any) -> list[dict[str, Any]]:
    with _connection() as connection:
        return connection.execute(statement.encode(), values).fetchall()


def _connection() -> psycopg.Connection[dict[str, Any]]:
    """As the worker itself: what the operator of the machine does is what it may do, and no more."""
    return psycopg.connect(
        **for_psycopg(place.existing().backend.settings("backend_worker")), row_factory=dict_row
    )
