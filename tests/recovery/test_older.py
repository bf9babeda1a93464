"""A repository as of before, or one that was cut: everything in it is as it was made, and it is refused."""

import secrets
from pathlib import Path

import pytest

from recovery.repository import BackupProblem, Repository
from recovery.sealed import KEY_BYTES, Keys
from stack.backups import noted_backup
from stack.errors import StackError
from stack.home import Home

FIRST, SECOND, THIRD = "20261127T101500Z", "20261127T111500Z", "20261127T121500Z"


@pytest.fixture
def repository(tmp_path: Path) -> Repository:
    """With two backups."""
    key = tmp_path / "key"
    key.write_bytes(secrets.token_bytes(KEY_BYTES))
    repository = Repository(tmp_path / "backups", Keys.read(key))
    for backup in (FIRST, SECOND):
        repository.write_value(f"backups/{backup}", {})
    return repository


@pytest.mark.parametrize("known", [FIRST, SECOND])
def test_repository_with_the_backup_that_is_known_is_taken(repository: Repository, known: str) -> None:
    repository.check_reaches(known)


def test_repository_of_before_a_backup_that_is_known_is_refused(repository: Repository) -> None:
    with pytest.raises(BackupProblem, match=THIRD):
        repository.check_reaches(THIRD)


def test_repository_without_backups_is_refused(repository: Repository) -> None:
    for backup in (FIRST, SECOND):
        repository.remove(f"backups/{backup}")
    with pytest.raises(BackupProblem, match="none"):
        repository.check_reaches(FIRST)


@pytest.mark.parametrize("known", ["", "zuletzt", "2026-11-27"])
def test_what_is_no_id_is_refused(repository: Repository, known: str) -> None:
    with pytest.raises(BackupProblem, match="no backup's id"):
        repository.check_reaches(known)


def test_home_knows_the_backup_that_it_noted_and_believes_no_other_text(tmp_path: Path) -> None:
    home = Home(tmp_path)
    assert noted_backup(home) is None
    home.noted_backup.write_text(f"{SECOND}\n")
    assert noted_backup(home) == SECOND
    home.noted_backup.write_text("")
    with pytest.raises(StackError):
        noted_backup(home)
