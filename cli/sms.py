"""`ioc sms`: the messages that were sent, as the SMS gateway's double has them."""

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any

import typer

from cli import place
from foundation.clock import HANOI
from stack.errors import StackError

app = typer.Typer(help="Short messages, as the SMS double has them.", no_args_is_help=True)


@app.callback()
def sms() -> None:
    """Short messages, as the SMS double has them."""


@app.command("list")
def list_messages() -> None:
    """All messages, the oldest first: number, moment, to whom, the beginning."""
    files = messages(place.existing().sms.folder)
    if not files:
        typer.echo("No message was sent yet.")
    for number, file in enumerate(files, 1):
        message = read(file)
        typer.echo(f"{number:>4}  {moment_of(file):%d.%m. %H:%M:%S}  {message['to']}  {message['text'][:60]}")


@app.command("show")
def show(number: Annotated[int, typer.Argument(help="As in the list; 0: the last one.")] = 0) -> None:
    """The text of one message."""
    files = messages(place.existing().sms.folder)
    if not 0 <= number <= len(files) or not files:
        raise StackError("sms", "there is no such message", "./ioc sms list")
    typer.echo(read(files[number - 1])["text"])


def messages(folder: Path) -> list[Path]:
    """The files, the oldest first."""
    return sorted(folder.glob("[0-9]*.json"))


def read(file: Path) -> dict[str, Any]:
    """A message: to, from, text, reference."""
    message: dict[str, Any] = json.loads(file.read_text(encoding="utf-8"))
    return message


def moment_of(file: Path) -> datetime:
    """When it arrived, in Ha Noi."""
    return datetime.strptime(file.name[:21], "%Y%m%dT%H%M%S%f").replace(tzinfo=UTC).astimezone(HANOI)
