"""What is not in a database: media, which never change, and the configuration, kept as of each change."""

import hashlib
import io
import tarfile
import time
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from pathlib import Path

from recovery.repository import FileEntry, Repository, stamp
from recovery.sealed import digest_of, opened, seal

_MEDIA = "media"


class MediaArchive:
    """Copies of the folder's objects. An object once copied is never looked at again: it can't change.

    What is removed here stays there: a moment of before may name it.
    """

    def __init__(self, folder: Path, repository: Repository) -> None:
        self._folder = folder
        self._repository = repository
        self._known: set[str] | None = None

    def round(self) -> int:
        """Copy what is new; how many objects."""
        if self._known is None:
            self._known = {path.removeprefix(f"{_MEDIA}/") for path in media_names(self._repository)}
        copied = 0
        for key in sorted(set(_keys(self._folder)) - self._known):
            try:
                with (self._folder / key).open("rb") as file:
                    seal(self._repository.keys, self._repository.folder, f"{_MEDIA}/{key}", file, once=True)
            except FileNotFoundError:
                continue  # swept meanwhile: no row names it
            except FileExistsError:
                self._known.add(key)  # archiver and `ioc backup` at once: the first one's stays
                continue
            self._known.add(key)
            copied += 1
        return copied


class ConfigurationArchive:
    """Files and folders as a tar, anew whenever one of them changed; `key_file` is left out."""

    def __init__(self, paths: list[Path], repository: Repository, key_file: Path) -> None:
        self._paths = paths
        self._key_file = key_file
        self._repository = repository
        self._seen: str | None = None

    def round(self) -> str | None:
        """The name of a new copy, if there had to be one."""
        octets = _tar(self._paths, self._key_file.name)
        digest = hashlib.sha256(octets).hexdigest()
        if digest == self._seen or not self._paths:
            return None
        while True:
            name = f"configuration/{stamp(datetime.now(UTC))}"
            try:
                seal(self._repository.keys, self._repository.folder, name, io.BytesIO(octets), once=True)
            except FileExistsError:  # archiver and backup in one second: a manifest may name the other's
                time.sleep(0.2)
                continue
            self._seen = digest
            return name


def media_names(repository: Repository) -> list[str]:
    """All media in the repository, by their names there."""
    folder = repository.folder / _MEDIA
    return [f"{_MEDIA}/{key}" for key in sorted(_keys(folder))]


def live_names(folder: Path) -> set[str]:
    """What lies in the media's own folder, by the names in the repository."""
    return {f"{_MEDIA}/{key}" for key in _keys(folder)}


def entries(repository: Repository, names: Iterable[str], known: dict[str, FileEntry]) -> list[FileEntry]:
    """Each with size and digest; those that are known are not read again."""
    return [known.get(name) or _entry(repository, name) for name in names]


def bring_media(repository: Repository, names: Iterable[str], folder: Path) -> int:
    """Put objects back, each whole or not at all; how many. Raises SealBroken."""
    count = 0
    for name in names:
        target = folder / name.removeprefix(f"{_MEDIA}/")
        target.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        partial = target.with_name(target.name + ".part")
        with partial.open("wb") as file:
            for octets in opened(repository.keys, repository.folder, name):
                file.write(octets)
        partial.replace(target)
        count += 1
    return count


def _entry(repository: Repository, name: str) -> FileEntry:
    path = repository.folder / name
    return FileEntry(name, path.stat().st_size, digest_of(path))


def _keys(folder: Path) -> Iterator[str]:
    for path in folder.rglob("*"):
        if path.is_file() and not path.name.endswith(".part") and "#" not in path.name:
            yield str(path.relative_to(folder))


def _tar(paths: list[Path], but: str) -> bytes:
    """The same files give the same octets: names in order, no times but the files' own."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as tar:
        for top in paths:
            for path in [top] if top.is_file() else sorted(top.rglob("*")):
                # Keys of backups, present and past, stay out: they would lie in what they seal.
                if path.is_file() and not path.name.startswith(but):
                    tar.add(path, arcname=str(path.relative_to(top.parent)), recursive=False)
    return buffer.getvalue()
