"""`ioc restart`: stop a process of ours and start it again, while the others go on."""

from typing import Annotated

import typer

from cli import place
from cli.output import console, step
from stack.errors import StackError
from stack.rotation import Rotation


def restart(
    part: Annotated[
        str | None, typer.Argument(help="As in ./ioc status; else every process of ours.")
    ] = None,
) -> None:
    """Restart while people work: the api's new processes follow the old ones, the others drain first."""
    stack = place.existing()
    parts = {one.name: one for one in stack.services.parts()}
    if part is not None and part not in parts:
        raise StackError("restart", f"{part} is no process of ours", f"choose one of: {', '.join(parts)}")
    with stack.supervisor.alone():
        for name, one in parts.items():
            if part in (None, name):
                with step(name):
                    if name == "api":
                        Rotation(stack).reload_api()
                    else:
                        stack.supervisor.restart(one)
    console.print("Done.")
