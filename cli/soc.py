"""`ioc soc tail`: what the SOC has received."""

import json
from datetime import datetime
from typing import Annotated, Any

import typer

from cli import place
from cli.follow import last_lines
from foundation.clock import HANOI
from stack.errors import StackError

app = typer.Typer(help="The SOC's side.", no_args_is_help=True)


@app.callback()
def soc() -> None:
    """The SOC's side."""


@app.command("tail")
def tail(
    follow: Annotated[bool, typer.Option("--follow", "-f", help="Go on with what arrives.")] = False,
    lines: Annotated[int, typer.Option("--lines", "-n", min=0)] = 20,
    as_json: Annotated[bool, typer.Option("--json", help="The lines as they were received.")] = False,
) -> None:
    """Show the last audit events in the SOC's file."""
    file = place.existing().soc.file
    if not file.exists():
        raise StackError("soc", "the SOC has received nothing yet", "do something: ./ioc demo")
    for line in last_lines(file, lines, follow):
        typer.echo(line if as_json else summary(line))


def summary(line: str) -> str:
    """An event in a line of text: sequence, time in Ha Noi, action, decision, resource, unit, who."""
    event: dict[str, Any] = json.loads(line)
    own = event.get("unmapped", {})
    moment = datetime.fromtimestamp(event["time"] / 1000, HANOI)
    actor = event.get("actor", {}).get("user", {}).get("uid") or event.get("user", {}).get("uid", "-")
    sequence = event["metadata"].get("sequence", "-")
    fields = [
        own.get("action", "-"),
        own.get("decision", "-"),
        own.get("resource") or "-",
        own.get("unit") or "-",
    ]
    return f"{sequence:>6}  {moment:%H:%M:%S}  " + "  ".join([*fields, f"by {actor[:12]}"])
