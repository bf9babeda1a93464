"""`ioc backup`: take a backup of the running system, list those there are, check them, remove the old."""

from datetime import datetime, timedelta
from typing import Annotated

import typer

from cli import place
from cli.output import console
from foundation.clock import HANOI
from recovery.repository import BackupProblem
from recovery.sealed import SealBroken
from stack.backups import back_up, broken, forget, repository_of, verify
from stack.errors import StackError

app = typer.Typer(help="Backups: databases, media, secrets; sealed.", invoke_without_command=True)


@app.callback()
def backup(context: typer.Context) -> None:
    """Take a backup of the running system."""
    if context.invoked_subcommand is not None:
        return
    stack = place.existing()
    manifest = back_up(stack)
    size = sum(entry.size for entry in manifest.clusters.values())
    console.print(
        f"Backup {manifest.id}: {len(manifest.clusters)} clusters ({size / 2**20:.1f} MiB), "
        f"{len(manifest.media)} media.\n"
        f"In {stack.home.repository}. What opens it is {stack.home.backup_key}: keep a copy elsewhere.\n"
        f"Note {manifest.id} elsewhere too: ./ioc restore --known {manifest.id} takes no older repository.",
        soft_wrap=True,
    )


@app.command("list")
def list_backups() -> None:
    """Backups, the newest moment that can be reached, and restores that were carried out."""
    stack = place.existing()
    repository = repository_of(stack.home.repository, stack.home.backup_key)
    try:
        for backup_id in repository.ids():
            manifest = repository.manifest(backup_id)
            size = sum(entry.size for entry in manifest.clusters.values()) / 2**20
            console.print(
                f"{backup_id}  from {_shown(manifest.ended_at)} on  {size:8.1f} MiB", soft_wrap=True
            )
        for one in repository.restores():
            console.print(f"restored at {_shown(one.at)} to {_shown(one.to)}", soft_wrap=True)
        for cluster in stack.clusters:
            newest = repository.newest(cluster.name)
            console.print(f"{cluster.name:<9} reaches until {_shown(newest.at)}", soft_wrap=True)
    except (BackupProblem, SealBroken) as error:
        raise StackError("backups", str(error), "./ioc backup") from error


@app.command("verify")
def verify_backup(
    backup_id: Annotated[str | None, typer.Argument(help="As in the list; else the newest.")] = None,
) -> None:
    """Compare every file of a backup with its manifest."""
    stack = place.existing()
    repository = repository_of(stack.home.repository, stack.home.backup_key)
    wanted = backup_id or next(reversed(repository.ids()), "")
    try:
        manifest = repository.manifest(wanted)
    except SealBroken as error:
        raise broken(error) from error
    except BackupProblem as error:
        raise StackError("backups", str(error), "./ioc backup list") from error
    size = verify(stack, repository, manifest)
    console.print(f"Backup {manifest.id} is as it was made: {size / 2**20:.1f} MiB.")


@app.command("prune")
def prune_backups(
    keep_days: Annotated[int, typer.Option(min=1, max=35, help="Older ones go, but never the newest.")] = 35,
) -> None:
    """Remove backups that are too old, with the WAL, media and secrets that they alone needed."""
    removed = forget(place.existing(), timedelta(days=keep_days))
    console.print(
        f"Removed {len(removed.backups)} backups, {removed.wal} segments of WAL, {removed.media} media,"
        f" {removed.configurations} copies of the configuration.",
        soft_wrap=True,
    )


def _shown(at: datetime) -> str:
    return at.astimezone(HANOI).isoformat(timespec="seconds")
