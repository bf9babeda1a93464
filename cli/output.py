"""What a person sees: steps with their times, failures with their remedies."""

import json
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.markup import escape
from rich.panel import Panel

from stack.errors import StackError

console = Console(highlight=False)
_WIDEST = 160
errors = Console(stderr=True, highlight=False)


@contextmanager
def step(name: str) -> Iterator[None]:
    """Show that `name` is being done, then how long it took."""
    started = time.monotonic()
    with errors.status(f"{name} …"):
        yield
    errors.print(f"[green]✓[/green] {name:<30} {time.monotonic() - started:6.1f} s")


@contextmanager
def show_errors() -> Iterator[None]:
    """Turn expected failures into a panel and exit code 1; Ctrl-C into 130."""
    try:
        yield
    except StackError as error:
        show(error)
        sys.exit(1)
    except KeyboardInterrupt:
        errors.print("Stopped.")
        sys.exit(130)


def show(error: StackError) -> None:
    """Which part, why, its last words, its log, what to do."""
    lines = [f"[bold]{escape(error.part)}[/bold]: {escape(error.message)}"]
    last = error.last_lines()
    if last:
        lines += ["", *(f"[dim]{escape(readable(line))}[/dim]" for line in last)]
    if error.log is not None:
        lines += ["", f"log: {escape(str(error.log))}"]
    lines += ["", f"[bold]What to do:[/bold] {escape(error.remedy)}"]
    errors.print(Panel("\n".join(lines), title="It does not work", border_style="red"))


def readable(line: str) -> str:
    """A log line for a person: of a JSON line the level and the words."""
    try:
        entry = json.loads(line)
    except json.JSONDecodeError:
        return line[:_WIDEST]
    if not isinstance(entry, dict):
        return line[:_WIDEST]
    words = entry.get("message") or entry.get("event") or line
    return f"{entry.get('level', '')} {words}".strip()[:_WIDEST]
