"""`ioc push`: what went to devices, as the push service's double has it."""

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import typer

from cli import place
from foundation.clock import HANOI

app = typer.Typer(help="Pushes, as Google's double has them.", no_args_is_help=True)
SHOWN_OF_TOKEN = 16


@app.callback()
def push() -> None:
    """Pushes, as Google's double has them."""


@app.command("list")
def list_pushes() -> None:
    """All that was pushed, the oldest first: moment, device's token, all that the message says."""
    for message in pushes(place.existing().fcm.file):
        at = datetime.fromtimestamp(message["at"], UTC).astimezone(HANOI)
        told = json.dumps(message["data"])
        typer.echo(f"{at:%d.%m. %H:%M:%S}  {message['token'][:SHOWN_OF_TOKEN]}…  {told}")


def pushes(file: Path) -> list[dict[str, Any]]:
    """The messages, the oldest first; none before the first."""
    if not file.exists():
        return []
    return [json.loads(line) for line in file.read_text(encoding="utf-8").splitlines()]
