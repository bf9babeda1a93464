"""`ioc logs PART`: what a part prints."""

from typing import Annotated

import typer

from cli import place
from cli.follow import last_lines
from stack.errors import StackError


def logs(
    part: Annotated[
        str, typer.Argument(help="edge, api, worker, relay, directory, keycloak, soc, postgres-backend …")
    ],
    follow: Annotated[bool, typer.Option("--follow", "-f", help="Go on with what is added.")] = False,
    lines: Annotated[int, typer.Option("--lines", "-n", min=0)] = 50,
) -> None:
    """Show the end of a part's log."""
    folder = place.home().folder / "logs"
    known = sorted(file.stem for file in folder.glob("*.log"))
    if part not in known:
        raise StackError(
            "logs", f"there is no log of “{part}”", f"choose one of: {', '.join(known) or 'none yet'}"
        )
    for line in last_lines(folder / f"{part}.log", lines, follow):
        typer.echo(line)
