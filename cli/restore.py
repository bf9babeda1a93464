"""`ioc restore`: bring the whole system back, to the newest moment or to an earlier one."""

from pathlib import Path
from typing import Annotated

import typer

from cli import place
from cli.output import console, step
from foundation.clock import HANOI
from stack.backups import noted_backup, repository_of
from stack.embedded import EmbeddedStack
from stack.ports import Ports
from stack.restores import Report, Restore, parse_moment

_WORDS = {
    "sessions": "sessions ended",
    "keys": "blocked devices blocked again",
    "devices": "devices lost again",
    "officials": "officials suspended or ended again",
    "duties": "duties ended again",
    "deletions": "deletions asked for again",
    "forgotten": "deleted accounts to be deleted again",
    "kept": "deletions that were taken back since",
    "numbers": "numbers that accounts had left taken from them again",
    "unverified": "attributes of former numbers removed",
    "files": "photos and documents taken back from the public again",
    "texts": "texts taken back from the public again",
    "credentials": "replaced credentials removed again",
    "people": "accounts disabled again",
}


def restore(
    to: Annotated[str | None, typer.Option(help="A moment: 2026-11-27T10:15:00Z. Else the newest.")] = None,
    source: Annotated[Path | None, typer.Option("--from", help="The repository; else the home's.")] = None,
    key: Annotated[Path | None, typer.Option(help="The key that opens it; else the home's.")] = None,
    overwrite: Annotated[
        bool, typer.Option("--overwrite", help="Stop what runs and set its data aside.")
    ] = False,
    known: Annotated[
        str | None, typer.Option(help="The newest backup that you know of; else the one that the home noted.")
    ] = None,
    older: Annotated[
        bool, typer.Option("--older", help="Take a repository that lacks the newest backup known.")
    ] = False,
) -> None:
    """Restore databases, media and secrets. Everything is checked before anything is replaced."""
    home = place.home()
    home.prepare()
    moment = None if to is None else parse_moment(to)
    key_file = key.resolve() if key else home.backup_key
    repository = repository_of(source.resolve() if source else home.repository, key_file)
    stack = EmbeddedStack(home, Ports.kept(home.folder, None), step)
    newest = None if older else known or noted_backup(home)
    _show(Restore(stack, repository, key_file, moment, overwrite, newest).run())


def _show(report: Report) -> None:
    at = report.to.astimezone(HANOI).isoformat(timespec="milliseconds")
    lines = [f"Restored to {at} from backup {report.backup_id}."]
    for part, done in report.done.items():
        counts = [f"{done[name]} {words}" for name, words in _WORDS.items() if done.get(name)]
        lines.append(f"{part}: {', '.join(counts) or 'nothing had to be taken away again'}")
    lines.append(f"The audit log goes on as {report.done['backend']['log']}.")
    lines.append(f"Media: {report.media} files brought back, {report.lost_media} objects not in the backup.")
    if report.set_aside:
        lines.append(
            f"What was there before is set aside as {report.set_aside}; databases beside the new ones."
        )
    if report.other_secrets:
        lines.append(
            f"As of then again, change once more what was stolen: {', '.join(report.other_secrets)}."
        )
    lines.append("Now: ./ioc up, then ./ioc backup.")
    console.print("\n".join(lines), soft_wrap=True)
