"""`ioc down`: stop what `ioc up` started here."""

import shutil
from typing import Annotated

import typer

from cli import place
from cli.output import console
from stack.embedded import EmbeddedStack

_KEPT = {"tools", "set-up.lock"}


def down(
    remove_data: Annotated[
        bool, typer.Option("--remove-data", help="Delete databases, keys, certificates, logs too.")
    ] = False,
) -> None:
    """Stop the system. The data is kept."""
    stack = place.existing()
    stopped = stack.stop()
    console.print(f"Stopped: {', '.join(stopped)}." if stopped else "Nothing was running.", soft_wrap=True)
    if remove_data:
        _remove(stack)
        console.print(f"Removed the data in {stack.home.folder}.")


def _remove(stack: EmbeddedStack) -> None:
    for cluster in (stack.backend, stack.vault, stack.keycloak_database):
        cluster.remove()
    for entry in stack.home.folder.iterdir():
        if entry.name in _KEPT:
            continue
        if entry.is_dir():
            shutil.rmtree(entry)
        else:
            entry.unlink()
