"""The page of docs/ says what the tables say."""

import sys
from pathlib import Path

import pytest

from backend.privacy import register_page
from backend.privacy.register_page import PAGE, read
from stack.settings_files import write_settings
from tests.backend.world import connect
from tests.conftest import Database


def test_page_is_what_the_tables_say(database: Database) -> None:
    with connect(database.settings(database.superuser)) as superuser:
        assert PAGE.read_text(encoding="utf-8") == read(superuser)


def test_page_is_written_by_the_migrator(
    database: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings, page = tmp_path / "settings.json", tmp_path / "page.md"
    write_settings(settings, database.settings("backend_migrator"))
    monkeypatch.setattr(register_page, "PAGE", page)
    monkeypatch.setattr(sys, "argv", ["register_page", "--settings", str(settings)])
    register_page.main()
    assert page.read_text(encoding="utf-8") == PAGE.read_text(encoding="utf-8")


def test_each_rule_and_each_processing_stands_in_it(database: Database) -> None:
    with connect(database.settings(database.superuser)) as superuser:
        codes = superuser.execute(
            "SELECT code FROM privacy.processing UNION SELECT code FROM privacy.retention_rule"
        ).fetchall()
    page = PAGE.read_text(encoding="utf-8")
    assert [code for (code,) in codes if f"`{code}`" not in page] == []
