"""A backup of the running system: base backups, media, configuration, a manifest with digests."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

from recovery.backups import Pruned, Source, prune, take_backup
from recovery.base import Programs
from recovery.repository import BackupProblem, Manifest, Repository, moment, stamp
from recovery.sealed import Keys, SealBroken
from stack.embedded import EmbeddedStack
from stack.errors import StackError
from stack.home import CONFIGURATION, Home
from stack.postgres import binaries


def repository_of(folder: Path, key_file: Path) -> Repository:
    """The repository with its key. Raises StackError."""
    if not key_file.is_file():
        raise StackError(
            "backups",
            f"there is no key {key_file}",
            "bring the key that the backups were sealed under: --key FILE",
        )
    repository = Repository(folder, Keys.read(key_file))
    try:
        repository.check_apart(key_file)
    except BackupProblem as error:
        raise StackError("backups", str(error), "keep the key elsewhere") from error
    return repository


def back_up(stack: EmbeddedStack) -> Manifest:
    """Take a backup of the running system. Raises StackError."""
    repository = repository_of(stack.home.repository, stack.home.backup_key)
    with stack.step("Snapshots of both OpenBaos"):
        for openbao in stack.openbaos:
            openbao.take_snapshot()
    source = Source(
        clusters={one.name: one.settings(one.backup_role, "postgres", 1) for one in stack.clusters},
        programs=Programs(binaries(stack.backend.account)),
        media_folder=stack.home.folder / "media",
        configuration=[stack.home.folder / name for name in CONFIGURATION],
        key_file=stack.home.backup_key,
    )
    try:
        manifest = take_backup(repository, source, stack.step)
    except BackupProblem as error:
        raise StackError("backups", str(error), "./ioc status; then once more") from error
    stack.home.noted_backup.write_text(f"{manifest.id}\n", encoding="ascii")
    return manifest


def forget(stack: EmbeddedStack, keep: timedelta) -> Pruned:
    """Remove backups that are older than `keep`. Raises StackError."""
    repository = repository_of(stack.home.repository, stack.home.backup_key)
    try:
        return prune(repository, stack.home.folder / "media", datetime.now(UTC) - keep)
    except BackupProblem as error:
        raise StackError("backups", str(error), "./ioc backup list") from error
    except SealBroken as error:
        raise broken(error) from error


def noted_backup(home: Home) -> str | None:
    """The id of the newest backup that was taken here; None: none was. Raises StackError."""
    try:
        found = home.noted_backup.read_text(encoding="ascii").strip()
        return stamp(moment(found))
    except FileNotFoundError:
        return None
    except ValueError as error:
        raise StackError(
            "restore", f"{home.noted_backup} names no backup", "--known ID names it, --older does without"
        ) from error


def verify(stack: EmbeddedStack, repository: Repository, manifest: Manifest) -> int:
    """Read a whole backup and compare it with its manifest; how many bytes. Raises StackError."""
    with stack.step(f"Digests of backup {manifest.id}"):
        try:
            return repository.verify(manifest)
        except SealBroken as error:
            raise broken(error) from error


def broken(error: SealBroken) -> StackError:
    """A backup that is not as it was made."""
    return StackError("backups", str(error), "take an older backup, or another copy of the repository")
