"""`ioc bench`: each benchmark runs ours and a named peer on the same work."""

import importlib
import json
import pkgutil
from collections.abc import Iterable
from typing import Annotated, Any

import typer
from rich.table import Table

from cli.output import console, errors
from stack.errors import StackError
from stack.home import ROOT

# What benchmarks run on, and can be made by itself.
DATA = ("reports_data",)


def bench(
    name: Annotated[str | None, typer.Argument(help="One benchmark; all when left out.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object a line.")] = False,
) -> None:
    """Run benchmarks: name, work, ours, peer, peer_name, ratio, target."""
    modules = pkgutil.iter_modules([str(ROOT / "benchmarks")])
    known = sorted(
        module.name for module in modules if not module.name.startswith("_") and module.name not in DATA
    )
    if name is not None and name not in known:
        raise StackError(
            "bench", f"there is no benchmark {name}", f"choose one of: {', '.join(known) or 'none yet'}"
        )
    table = Table("name", "work", "ours", "peer", "ratio", "target", box=None, padding=(0, 2))
    for chosen in [name] if name else known:
        with errors.status(f"{chosen} …"):
            for row in _run(chosen):
                if as_json:
                    typer.echo(json.dumps(row, ensure_ascii=False))
                peer = f"{row['peer']} ({row['peer_name']})"
                columns = (row["name"], row["work"], row["ours"], peer, row["ratio"], row["target"])
                table.add_row(*map(str, columns))
    if not as_json:
        console.print(table)


def _run(name: str) -> Iterable[dict[str, Any]]:
    rows: Iterable[dict[str, Any]] = importlib.import_module(f"benchmarks.{name}").run()
    return rows
