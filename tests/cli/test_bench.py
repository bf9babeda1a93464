"""Benchmarks are found by their file, and told one JSON object a line."""

import json
import sys
from pathlib import Path

import pytest
from typer.testing import CliRunner

from cli.__main__ import app
from stack.errors import StackError

_ROW = {"name": "n", "work": "w", "ours": 2.0, "peer": 1.0, "peer_name": "p", "ratio": 2.0, "target": 1.0}


@pytest.fixture
def benchmarks(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path / "benchmarks"
    folder.mkdir()
    (folder / "__init__.py").write_text("")
    (folder / "_parts.py").write_text("")
    (folder / "reading.py").write_text(f"def run():\n    yield {_ROW}\n")
    monkeypatch.setattr("cli.bench.ROOT", tmp_path)
    monkeypatch.syspath_prepend(str(tmp_path))
    for name in [name for name in sys.modules if name.partition(".")[0] == "benchmarks"]:
        monkeypatch.delitem(sys.modules, name)
    return folder


def test_each_row_is_a_json_object(benchmarks: Path) -> None:
    result = CliRunner().invoke(app, ["bench", "--json"])
    assert [json.loads(line) for line in result.stdout.splitlines()] == [_ROW]


def test_unknown_benchmark_is_told_which_exist(benchmarks: Path) -> None:
    result = CliRunner().invoke(app, ["bench", "_parts"])
    assert isinstance(result.exception, StackError)
    assert result.exception.remedy == "choose one of: reading"
