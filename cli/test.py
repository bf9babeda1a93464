"""`ioc test`: all tests, on the real parts."""

import subprocess
import sys

import typer

from cli.output import step
from stack import packages
from stack.home import ROOT
from stack.keycloak import Distribution, cache_folder, is_here


def test(context: typer.Context) -> None:
    """Run pytest with these arguments. What the system lacks is installed, or named, first."""
    cache_folder().mkdir(parents=True, exist_ok=True)
    with step("System packages"):
        needed = [*packages.requirements(needs_maven=not is_here()), *_of_tests()]
        packages.ensure(needed, cache_folder() / "packages.log")
    with step("Keycloak's program"):
        Distribution(cache_folder()).ensure(cache_folder() / "keycloak-build.log")
    done = subprocess.run([sys.executable, "-m", "pytest", *context.args], check=False, cwd=ROOT)
    raise typer.Exit(done.returncode)


def _of_tests() -> list[packages.Requirement]:
    """What only tests need: the audits of GraphQL over HTTP are JavaScript (tests/graphql_schema/audits)."""
    return [
        packages.Requirement("Node.js", packages.program("node") is not None, ("nodejs",)),
        packages.Requirement("npm", packages.program("npm") is not None, ("npm",)),
    ]
