"""What is sealed opens only whole, under its name and key."""

import io
import os
import tarfile
from pathlib import Path

import pytest

from recovery.files import ConfigurationArchive, MediaArchive, entries, media_names
from recovery.repository import BackupProblem, BaseEntry, FileEntry, Manifest, Repository, Restored, moment
from recovery.sealed import Keys, SealBroken, seal, unpack, whole

_NAME = "backend/wal/000000010000000000000001"
_CONTENT = os.urandom(100_000) + bytes(1_000_000) + b"end"


@pytest.fixture
def keys() -> Keys:
    return Keys(os.urandom(32))


@pytest.fixture
def sealed(tmp_path: Path, keys: Keys) -> Path:
    seal(keys, tmp_path, _NAME, io.BytesIO(_CONTENT))
    return tmp_path / _NAME


def test_what_was_sealed_comes_back(sealed: Path, keys: Keys, tmp_path: Path) -> None:
    assert whole(keys, tmp_path, _NAME) == _CONTENT
    assert b"end" not in sealed.read_bytes()
    assert sealed.stat().st_mode & 0o777 == 0o600


@pytest.mark.parametrize("place", [0, 1, 8, 9, 32, 33, 64, 70, 20_000, -17, -1])
def test_changed_byte_is_found(sealed: Path, keys: Keys, tmp_path: Path, place: int) -> None:
    octets = bytearray(sealed.read_bytes())
    octets[place] ^= 1
    sealed.write_bytes(octets)
    with pytest.raises(SealBroken):
        whole(keys, tmp_path, _NAME)


@pytest.mark.parametrize("size", [0, 5, 9, 64, 65, 16_465, 98_000, -1, -16])
def test_cut_file_is_found(sealed: Path, keys: Keys, tmp_path: Path, size: int) -> None:
    sealed.write_bytes(sealed.read_bytes()[:size])
    with pytest.raises(SealBroken):
        whole(keys, tmp_path, _NAME)


def test_appended_bytes_are_found(sealed: Path, keys: Keys, tmp_path: Path) -> None:
    sealed.write_bytes(sealed.read_bytes() + b"\0")
    with pytest.raises(SealBroken):
        whole(keys, tmp_path, _NAME)


def test_file_under_another_name_is_refused(sealed: Path, keys: Keys, tmp_path: Path) -> None:
    other = f"{_NAME[:-1]}2"
    sealed.rename(tmp_path / other)
    with pytest.raises(SealBroken):
        whole(keys, tmp_path, other)


def test_other_key_is_named_as_absent(sealed: Path, tmp_path: Path) -> None:
    with pytest.raises(SealBroken, match="which is not here"):
        whole(Keys(os.urandom(32)), tmp_path, _NAME)


def test_key_of_before_still_opens(tmp_path: Path) -> None:
    file = tmp_path / "backup-key"
    file.write_bytes(os.urandom(32))
    seal(Keys.read(file), tmp_path, _NAME, io.BytesIO(b"old"))
    file.rename(tmp_path / "backup-key.old-20261127T101500Z")
    file.write_bytes(os.urandom(32))
    assert whole(Keys.read(file), tmp_path, _NAME) == b"old"


def test_cut_tar_is_found_although_its_members_are_whole(tmp_path: Path, keys: Keys) -> None:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as tar:
        member = tarfile.TarInfo("a")
        member.size = 3
        tar.addfile(member, io.BytesIO(b"abc"))
    seal(keys, tmp_path, "t", io.BytesIO(buffer.getvalue() + os.urandom(100_000)))
    path = tmp_path / "t"
    path.write_bytes(path.read_bytes()[:-100])
    with pytest.raises(SealBroken):
        unpack(keys, tmp_path, "t", tmp_path / "out")


def test_failed_sealing_leaves_nothing(tmp_path: Path, keys: Keys) -> None:
    class Broken(io.BytesIO):
        def read(self, size: int | None = -1, /) -> bytes:
            raise OSError("gone")

    with pytest.raises(OSError, match="gone"):
        seal(keys, tmp_path, "x/y", Broken())
    assert list((tmp_path / "x").iterdir()) == []


def _repository(tmp_path: Path, keys: Keys) -> tuple[Repository, Manifest]:
    repository = Repository(tmp_path, keys)
    written = seal(keys, tmp_path, "media/a", io.BytesIO(b"photo"))
    entry = FileEntry(written.name, written.size, written.sha256)
    at = moment("20261127T101500Z")
    base = BaseEntry(written.name, written.size, written.sha256, 1, "0/2000028", "0/2000120", at)
    manifest = Manifest(1, "20261127T101400Z", {"backend": base}, entry, [entry], "0")
    repository.write_value("backups/20261127T101400Z", manifest)
    return repository, manifest


def test_backup_is_compared_with_its_manifest(tmp_path: Path, keys: Keys) -> None:
    repository, manifest = _repository(tmp_path, keys)
    assert repository.verify(manifest) > 0
    (tmp_path / "media" / "a").write_bytes(b"other")
    with pytest.raises(SealBroken, match="not what was backed up"):
        repository.verify(manifest)
    (tmp_path / "media" / "a").unlink()
    with pytest.raises(SealBroken, match="gone"):
        repository.verify(manifest)


def test_backup_that_ended_later_or_was_given_up_is_not_chosen(tmp_path: Path, keys: Keys) -> None:
    repository, manifest = _repository(tmp_path, keys)
    assert repository.choose(moment("20261127T101500Z")) == manifest
    with pytest.raises(BackupProblem, match="no backup had ended"):
        repository.choose(moment("20261127T101459Z"))
    repository.write_value(
        "restores/20261127T110000Z", Restored(moment("20261127T101450Z"), moment("20261127T110000Z"))
    )
    with pytest.raises(BackupProblem, match="was given up"):
        repository.choose(moment("20261127T103000Z"))
    with pytest.raises(BackupProblem, match="no backup had ended"):
        repository.choose(moment("20261127T120000Z"))


def test_key_in_the_repository_is_refused(tmp_path: Path, keys: Keys) -> None:
    with pytest.raises(BackupProblem, match="lies in the backup"):
        Repository(tmp_path, keys).check_apart(tmp_path / "keys" / "backup-key")


def test_archiver_and_backup_at_once_leave_what_the_manifest_names(keys: Keys, tmp_path: Path) -> None:
    folder, repository = tmp_path / "media", Repository(tmp_path / "repository", keys)
    folder.mkdir()
    archiver, backup = MediaArchive(folder, repository), MediaArchive(folder, repository)
    archiver.round()
    backup.round()
    (folder / "a").write_bytes(b"photo")
    backup.round()
    (named,) = entries(repository, media_names(repository), {})
    assert archiver.round() == 0
    (found,) = entries(repository, media_names(repository), {})
    assert (found, whole(keys, repository.folder, "media/a")) == (named, b"photo")


def test_two_copies_of_the_configuration_in_one_second_are_two(keys: Keys, tmp_path: Path) -> None:
    secrets, repository = tmp_path / "secrets", Repository(tmp_path / "repository", keys)
    secrets.mkdir()
    (secrets / "a").write_bytes(b"secret")
    archives = [ConfigurationArchive([secrets], repository, tmp_path / "backup-key") for _ in range(3)]
    names = [archive.round() for archive in archives]
    assert len(set(names)) == 3
