"""`ioc vault`: the vault as a demo person reaches it, through the backend that can't read it."""

import asyncio
import json
import subprocess
import sys
from typing import Annotated, Any

import httpx
import typer

from cli import place
from cli.client import ApiRefused, IocClient, LoginRefused, Person
from cli.graphql import endpoints
from cli.vault_client import KeysetRefused, Pinned, VaultClient, VaultSaidNo
from cli.vault_log import show_log
from stack.embedded import EmbeddedStack
from stack.errors import StackError
from stack.home import ROOT
from stack.realms import OFFICIALS
from stack.vault_keys import VaultKeys
from vault.call.errors import AnswerNotGenuine

app = typer.Typer(help="The vault, as a demo person reaches it.", no_args_is_help=True)


app.command("log")(show_log)


@app.callback()
def vault() -> None:
    """The vault, as a demo person reaches it."""


@app.command()
def hello(person: Annotated[str, typer.Option("--as", help="A demo person of the city's offices.")]) -> None:
    """Seal a request, send it through the backend, open the vault's answer and print it."""
    stack = place.existing()
    if place.person(stack.home, person)["realm"] != OFFICIALS:
        raise StackError("vault", f"{person} is no official", "choose minh, thao, quang or another official")
    try:
        answer = asyncio.run(_hello(stack, person))
    except ApiRefused as error:
        raise StackError("edge", f"not passed on: {error}", "./ioc logs edge; ./ioc logs api") from error
    except VaultSaidNo as error:
        raise StackError("vault", f"not answered: {error}", "./ioc status; ./ioc logs vault") from error
    except (AnswerNotGenuine, KeysetRefused) as error:
        raise StackError(
            "vault", f"what came back is not the vault's ({type(error).__name__})", "tell the operator"
        ) from error
    except LoginRefused as error:
        raise StackError("keycloak", f"{person} was not let in: {error}", "./ioc logs keycloak") from error
    except httpx.TransportError as error:
        raise StackError("stack", f"no answer: {error}", "./ioc status, ./ioc up") from error
    typer.echo(json.dumps(answer, ensure_ascii=False, indent=2))


@app.command()
def rotate(
    classes: Annotated[
        list[str] | None, typer.Option("--class", help="internal, personal, party, restricted; else all.")
    ] = None,
) -> None:
    """New versions and epochs of the vault's keys, while it serves. What was cut off is finished."""
    _administer(["rotate", *(part for name in classes or () for part in ("--class", name))])


def _administer(arguments: list[str]) -> None:
    """Run vault.admin as a process of its own, with the settings of whoever administers."""
    settings = place.existing().services.settings_file("vault_admin")
    command = [sys.executable, "-m", "vault.admin", "--settings", str(settings), *arguments]
    done = subprocess.run(command, check=False, cwd=ROOT, stderr=subprocess.PIPE, text=True)
    if done.returncode:
        said = (done.stderr.strip().splitlines() or ["it ended"])[-1]
        raise StackError("vault", said, "./ioc status; then once more")


async def _hello(stack: EmbeddedStack, person: str) -> dict[str, Any]:
    who = Person.from_home(stack.home.folder, person)
    async with IocClient(stack.home.folder, who, endpoints(stack), remember=True) as client:
        return await client_of(stack, client).call("hello")


def client_of(stack: EmbeddedStack, person: IocClient) -> VaultClient:
    """The client, with this installation's roots pinned."""
    seen = stack.home.folder / "run" / "vault-seen.json"
    pinned = Pinned.of(VaultKeys(stack.home).roots, seen)
    return VaultClient(person, pinned, stack.services.vault_url)
