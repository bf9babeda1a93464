"""`ioc documents`: the manifests of app versions in the field."""

from pathlib import Path
from typing import Annotated

import typer
from rich.table import Table

from cli.output import console, errors
from foundation.identity.apps import Version
from foundation.settings import APPS
from graphql_schema.execution.manifests import (
    RETIRED,
    AppPlan,
    Manifest,
    ManifestInvalid,
    build,
    deprecated_in,
    drift,
    problems_of,
    read_manifests,
    read_plans,
)
from graphql_schema.limits import Limits
from graphql_schema.schema import build as build_schema
from stack.errors import StackError
from stack.home import ROOT

CONTRACT = ROOT / "mobile_contract"

app = typer.Typer(help="Manifests: the documents of each app version in the field.", no_args_is_help=True)

App = Annotated[str, typer.Option("--app", help="ihanoi-app or ioc-ipad.")]
Contract = Annotated[Path, typer.Option("--contract", hidden=True)]


@app.command("build")
def build_command(
    app: App,
    version: Annotated[
        str | None, typer.Option("--version", help="As in apps.toml, whose version is being built.")
    ] = None,
    contract: Contract = CONTRACT,
) -> None:
    """Make the manifest of the version that is being built from operations/."""
    plans = _plans(contract)
    if app not in plans:
        raise StackError("documents", f"there is no app {app}", f"choose one of: {', '.join(plans)}")
    if version not in {None, plans[app].version}:
        raise StackError(
            "documents",
            f"{app} {version} is not what is being built: that is {plans[app].version}",
            "a released manifest stays as it is; set the next version in mobile_contract/apps.toml",
        )
    try:
        manifest = build(app, plans[app], contract / "operations")
    except ValueError as error:
        raise StackError("documents", str(error), "correct mobile_contract/apps.toml") from error
    file = contract / "manifests" / f"{manifest.name}.json"
    file.parent.mkdir(exist_ok=True)
    file.write_text(manifest.render(), encoding="utf-8")
    console.print(f"{manifest.name}: {len(manifest.documents)} documents")


@app.command("check")
def check_command(contract: Contract = CONTRACT) -> None:
    """Every version in the field still runs, and what is being built is up to date. Exit code 1 otherwise."""
    schema = build_schema()._schema
    manifests = _manifests(contract)
    found = [problem for manifest in manifests for problem in problems_of(manifest, schema, Limits())]
    found += drift(_plans(contract), contract)
    for warning in [line for manifest in manifests for line in deprecated_in(manifest, schema)]:
        errors.print(f"[yellow]{warning}[/yellow]")
    for problem in found:
        errors.print(problem, markup=False, soft_wrap=True)
    if found:
        raise typer.Exit(1)
    console.print(f"{len(manifests)} manifests, 0 problems")


@app.command("list")
def list_command(contract: Contract = CONTRACT) -> None:
    """The versions in the field, and what of them is deprecated."""
    schema = build_schema()._schema
    table = Table("app", "version", "documents", "deprecated", box=None, padding=(0, 2))
    for manifest in sorted(_manifests(contract), key=lambda manifest: (manifest.app, manifest.version)):
        deprecated = deprecated_in(manifest, schema)
        table.add_row(manifest.app, str(manifest.version), str(len(manifest.documents)), str(len(deprecated)))
    console.print(table)


@app.command("retire")
def retire_command(
    app: App,
    version: Annotated[str, typer.Option("--version", help="The version that is no longer served.")],
    contract: Contract = CONTRACT,
) -> None:
    """Serve a version's documents no longer. Its least served version must be above it."""
    manifest = next((m for m in _manifests(contract) if m.name == f"{app}-{version}"), None)
    if manifest is None:
        raise StackError("documents", f"no manifest {app}-{version}", "see ./ioc documents list")
    _check_may_go(manifest, contract)
    file = contract / "manifests" / f"{manifest.name}.json"
    gone = file.parent / RETIRED
    gone.mkdir(exist_ok=True)
    file.rename(gone / file.name)
    console.print(f"{manifest.name}: retired")


def _check_may_go(manifest: Manifest, contract: Path) -> None:
    plan = _plans(contract).get(manifest.app)
    if plan is not None and Version.parse(plan.version) == manifest.version:
        raise StackError("documents", f"{manifest.name} is being built", "retire older versions")
    served = APPS.get(manifest.app)
    if served is not None and Version.parse(served.minimum) <= manifest.version:
        raise StackError(
            "documents",
            f"{manifest.name} is still served",
            "raise the app's minimum version first (apps.versions), so that it is told to update",
        )


def _manifests(contract: Path) -> list[Manifest]:
    try:
        return read_manifests(contract / "manifests")
    except ManifestInvalid as error:
        raise StackError("documents", str(error), "build it anew, or take it out of manifests/") from error


def _plans(contract: Path) -> dict[str, AppPlan]:
    try:
        return read_plans(contract / "apps.toml")
    except (OSError, ManifestInvalid) as error:
        raise StackError("documents", str(error), "correct mobile_contract/apps.toml") from error
