"""A backup of the running system: base backups, media, configuration, a manifest with digests."""

from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from recovery.base import Programs, take
from recovery.files import ConfigurationArchive, MediaArchive, entries, media_names
from recovery.repository import BackupProblem, FileEntry, Manifest, Repository, moment, stamp
from recovery.sealed import Keys, SealBroken, digest_of
from stack.embedded import EmbeddedStack
from stack.errors import StackError
from stack.home import CONFIGURATION, Home
from stack.postgres import binaries

_FORMAT = 1


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
    backup_id = stamp(datetime.now(UTC))
    programs = Programs(binaries(stack.backend.account))
    clusters = {}
    with stack.step("Snapshot of OpenBao"):
        stack.openbao.take_snapshot()
    try:
        for cluster in stack.clusters:
            with stack.step(f"Base backup: {cluster.name}"):
                settings = cluster.settings(cluster.backup_role, "postgres", 1)
                clusters[cluster.name] = take(repository, cluster.name, backup_id, programs, settings)
        # After the databases: whatever they name lies there by now, and objects never change.
        with stack.step("Media"):
            MediaArchive(stack.home.folder / "media", repository).round()
            media = entries(repository, media_names(repository), _known(repository))
        with stack.step("Configuration and manifest"):
            configuration = _configuration(stack, repository)
            manifest = Manifest(_FORMAT, backup_id, clusters, configuration, media, _system())
            repository.write_value(f"backups/{backup_id}", manifest)
    except BackupProblem as error:
        raise StackError("backups", str(error), "./ioc status; then once more") from error
    stack.home.noted_backup.write_text(f"{backup_id}\n", encoding="ascii")
    return manifest


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


def _configuration(stack: EmbeddedStack, repository: Repository) -> FileEntry:
    paths = [stack.home.folder / name for name in CONFIGURATION]
    name = ConfigurationArchive(paths, repository, stack.home.backup_key).round()
    if name is None:
        raise BackupProblem("there is no configuration")
    path = repository.folder / name
    return FileEntry(name, path.stat().st_size, digest_of(path))


def _known(repository: Repository) -> dict[str, FileEntry]:
    """Media of the last backup: they can't have changed, so their digests need not be made again."""
    ids = repository.ids()
    return {entry.name: entry for entry in repository.manifest(ids[-1]).media} if ids else {}


def _system() -> str:
    try:
        return version("hanoi-ioc")
    except PackageNotFoundError:
        return "unpackaged"
