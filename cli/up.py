"""`ioc up`: start everything, stay with it, stop it."""

import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Annotated

import typer
from rich.console import Group
from rich.panel import Panel
from rich.table import Table

from cli import place
from cli.output import console, errors, step
from stack.embedded import EmbeddedStack
from stack.ports import Ports

_TO_TRY = """\
Try:
  ./ioc demo                          the whole journey, step by step
  ./ioc totp minh --password          a demo person's password and one-time code
  ./ioc graphql --as minh '{ viewer { ... on Official { name unit { name } } } }'
                                      a query as an officer, through the real sign-in
  ./ioc soc tail -f                   what the SOC receives
  ./ioc status, ./ioc logs api -f, ./ioc down
"""


def up(
    detach: Annotated[bool, typer.Option("--detach", "-d", help="Return when everything is ready.")] = False,
    first_port: Annotated[int | None, typer.Option(min=1024, max=65000, help="Ports from here on.")] = None,
) -> None:
    """Start the whole system. Ctrl-C stops what was started and nothing else."""
    home = place.home()
    home.prepare()
    stack = EmbeddedStack(home, Ports.kept(home.folder, first_port), step)
    started = time.monotonic()
    with _ended_by_signals():
        stack.start()
        errors.print(f"[green]✓[/green] {'Everything':<30} {time.monotonic() - started:6.1f} s")
        console.print(_panel(stack))
        console.print(_TO_TRY, markup=False, soft_wrap=True)
        if detach:
            return
        errors.print("Ctrl-C stops it.")
        try:
            stack.supervisor.watch()
        finally:
            with step("Stopping"):
                stack.stop()


@contextmanager
def _ended_by_signals() -> Iterator[None]:
    """A closed terminal or a plain kill ends it as Ctrl-C does."""

    def interrupt(number: int, frame: FrameType | None) -> None:
        raise KeyboardInterrupt

    before = {number: signal.signal(number, interrupt) for number in (signal.SIGTERM, signal.SIGHUP)}
    yield
    for number, handler in before.items():
        signal.signal(number, handler)


def _panel(stack: EmbeddedStack) -> Panel:
    addresses = Table.grid(padding=(0, 2))
    addresses.add_row("GraphQL", f"{stack.services.api_url}/graphql")
    addresses.add_row("Keycloak", stack.services.keycloak_url)
    addresses.add_row("SOC receives in", str(stack.soc.file))
    addresses.add_row("Certificate authority", str(stack.certificates.authority))
    people = Table(box=None, padding=(0, 2), title="Demo people", title_justify="left")
    for title in ("user", "name", "who"):
        people.add_column(title, no_wrap=title == "user")
    for username, person in place.people(stack.home).items():
        people.add_row(username, person["name"], person["about"])
    return Panel(Group(addresses, "", people), title="HaNoi IOC is up")
