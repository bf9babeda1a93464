"""`ioc vault`: the vault as a demo person reaches it, through the backend that can't read it."""

import asyncio
import json
import subprocess
import sys
from typing import Annotated, Any

import typer

from cli import place
from cli.vault_ceremony import ceremony as walk
from cli.vault_log import show_log
from cli.vault_person import at_vault, client_of, faults_told
from cli.vault_register import show
from stack.embedded import EmbeddedStack
from stack.errors import StackError
from stack.home import ROOT

__all__ = ["app", "client_of"]

app = typer.Typer(help="The vault, as a demo person reaches it.", no_args_is_help=True)
Who = Annotated[str, typer.Option("--as", help="A demo person of the city's offices.")]


app.command("log")(show_log)


@app.callback()
def vault() -> None:
    """The vault, as a demo person reaches it."""


@app.command()
def hello(person: Who) -> None:
    """Seal a request, send it through the backend, open the vault's answer and print it."""
    _print(asyncio.run(_call(place.existing(), person, "hello", {})))


@app.command()
def call(
    operation: Annotated[str, typer.Argument(help="As authority.mine (mobile_contract/vault/README.md).")],
    person: Who,
    parameters: Annotated[str, typer.Option(help="A JSON object.")] = "{}",
) -> None:
    """Any operation; on the person's enrolled device, if there is one."""
    _print(asyncio.run(_call(place.existing(), person, operation, json.loads(parameters))))


@app.command()
def ceremony(
    person: Annotated[str, typer.Option("--for", help="Who gets a new device.")] = "thao",
) -> None:
    """Show the genesis, and let its first two officers enrol a new device."""
    with faults_told():
        asyncio.run(walk(place.existing(), person))


@app.command()
def register() -> None:
    """The chain of authority, verified."""
    asyncio.run(show(place.existing()))


async def _call(
    stack: EmbeddedStack, person: str, operation: str, parameters: dict[str, Any]
) -> dict[str, Any]:
    with faults_told():
        async with at_vault(stack, person) as client:
            return await client.call(operation, parameters)


def _print(answer: dict[str, Any]) -> None:
    typer.echo(json.dumps(answer, ensure_ascii=False, indent=2))


@app.command()
def rotate(
    classes: Annotated[
        list[str] | None, typer.Option("--class", help="internal, personal, party, restricted; else all.")
    ] = None,
) -> None:
    """New versions and epochs of the vault's keys, while it serves. What was cut off is finished."""
    _administer(["rotate", *_named(classes)])


@app.command()
def move(
    classes: Annotated[
        list[str] | None, typer.Option("--class", help="internal, personal, party, restricted; else all.")
    ] = None,
) -> None:
    """Bring records' data keys to the newest epochs, so that older ones can be shredded."""
    _administer(["move", *_named(classes)])


@app.command()
def shred(
    classes: Annotated[list[str], typer.Option("--class", help="internal, personal, party, restricted.")],
    before: Annotated[str, typer.Option(help="Epochs that were made before: 2026-11-01.")],
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")] = False,
) -> None:
    """Destroy old epochs and the key versions that wrapped them. Backups of before still hold them."""
    if not yes:
        typer.confirm(f"Epochs of {', '.join(classes)} of before {before} are destroyed. Go on?", abort=True)
    _administer(["shred", "--before", before, *_named(classes)])


def _named(classes: list[str] | None) -> list[str]:
    return [part for name in classes or () for part in ("--class", name)]


def _administer(arguments: list[str]) -> None:
    """Run vault.admin as a process of its own, with the settings of whoever administers."""
    settings = place.existing().services.settings_file("vault_admin")
    command = [sys.executable, "-m", "vault.admin", "--settings", str(settings), *arguments]
    done = subprocess.run(command, check=False, cwd=ROOT, stderr=subprocess.PIPE, text=True)
    if done.returncode:
        said = (done.stderr.strip().splitlines() or ["it ended"])[-1]
        raise StackError("vault", said, "./ioc status; then once more")
