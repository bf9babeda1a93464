"""`ioc check`: everything that is checked without running the system."""

import subprocess
import sys
import tempfile
import time
from pathlib import Path

import typer

from cli.output import errors
from stack.home import ROOT

_BIN = Path(sys.executable).parent
_POLICIES = ("policies/backend", "policies/vault")


def check() -> None:
    """Format, lint, types, imports, schema, documents, policies, vectors, lock. Exit 1 when any fails."""
    failed = [name for name, command in _checks().items() if not _passes(name, command)]
    if failed:
        errors.print(f"[red]Failed: {', '.join(failed)}[/red]")
        raise typer.Exit(1)


def _checks() -> dict[str, list[str]]:
    schema = ["--check", "mobile_contract/schema.graphql"]
    return {
        "format": [str(_BIN / "ruff"), "format", "--check", "."],
        "lint": [str(_BIN / "ruff"), "check", "."],
        "types": [str(_BIN / "mypy")],
        "imports": [str(_BIN / "lint-imports")],
        "schema": [sys.executable, "-m", "graphql_schema.export", *schema],
        "documents": [sys.executable, "-m", "cli", "documents", "check"],
        "policies": [sys.executable, "-m", "foundation.policy.cases", *_POLICIES],
        "vectors": [sys.executable, "-m", "cli.vault_vectors"],
        "tree vectors": [sys.executable, "-m", "cli.tree_vectors"],
        "key vectors": [sys.executable, "-m", "cli.keyring_vectors"],
        "statements": [sys.executable, "-m", "cli.statement_vectors"],
        "readers": [sys.executable, "-m", "cli.vector_readers"],
        "lock": [sys.executable, "-m", "cli.lock"],
    }


def _passes(name: str, command: list[str]) -> bool:
    started = time.monotonic()
    with tempfile.TemporaryFile("w+", encoding="utf-8") as output, errors.status(f"{name} …"):
        code = subprocess.run(command, check=False, cwd=ROOT, stdout=output, stderr=output).returncode
        output.seek(0)
        text = output.read()
    sign = "[green]✓[/green]" if code == 0 else "[red]✗[/red]"
    errors.print(f"{sign} {name:<30} {time.monotonic() - started:6.1f} s")
    if code:
        errors.print(text, markup=False, soft_wrap=True)
    return code == 0
