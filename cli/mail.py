"""`ioc mail`: the letters that were sent, as the mail double has them."""

import email
import email.policy
from datetime import UTC, datetime
from email.message import EmailMessage
from pathlib import Path
from typing import Annotated

import typer

from cli import place
from foundation.clock import HANOI
from stack.errors import StackError

app = typer.Typer(help="Letters, as the mail double has them.", no_args_is_help=True)


@app.callback()
def mail() -> None:
    """Letters, as the mail double has them."""


@app.command("list")
def list_letters() -> None:
    """All letters, the oldest first: number, moment, recipients, subject."""
    for number, file in enumerate(letters(place.existing().mail.folder), 1):
        letter = read(file)
        typer.echo(
            f"{number:>4}  {moment_of(file):%d.%m. %H:%M:%S}  {letter['x-recipients']}  {letter['subject']}"
        )


@app.command("show")
def show(number: Annotated[int, typer.Argument(help="As in the list; 0: the last one.")] = 0) -> None:
    """The text of one letter."""
    files = letters(place.existing().mail.folder)
    if not 0 <= number <= len(files) or not files:
        raise StackError("mail", "there is no such letter", "./ioc mail list")
    typer.echo(text_of(read(files[number - 1])))


def letters(folder: Path) -> list[Path]:
    """The files, the oldest first."""
    return sorted(folder.glob("*.eml"))


def read(file: Path) -> EmailMessage:
    """A letter."""
    message = email.message_from_bytes(file.read_bytes(), policy=email.policy.default)
    if not isinstance(message, EmailMessage):
        raise TypeError("not a letter")
    return message


def text_of(letter: EmailMessage) -> str:
    """The plain text of a letter."""
    body = letter.get_body(("plain", "html"))
    return "" if body is None else str(body.get_content())


def moment_of(file: Path) -> datetime:
    """When it arrived, in Ha Noi."""
    return datetime.strptime(file.name[:21], "%Y%m%dT%H%M%S%f").replace(tzinfo=UTC).astimezone(HANOI)
