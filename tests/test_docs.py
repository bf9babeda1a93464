"""What the documents name exists, and nothing of one machine stands in the repository."""

import ast
import re
import subprocess
from functools import cache
from pathlib import Path

import pytest

from stack.home import ROOT

DOCUMENTS = [
    ROOT / "README.md",
    ROOT / "CHANGELOG.md",
    *sorted((ROOT / "docs").rglob("*.md")),
    *sorted((ROOT / "security_tests").glob("*.md")),
]
# The first part of a path of ours; anything else in backticks is not a file.
_ROOTS = {entry.name for entry in ROOT.iterdir()}
_QUOTED = re.compile(r"`([^`\n]+)`")
_PATH = re.compile(r"[A-Za-z0-9_.-]+(?:/[A-Za-z0-9_.-]+)*/?")
_TEST = re.compile(r"(?P<file>(?:tests|security_tests)/[\w/]+\.py)::(?P<name>\w+)")
_LINK = re.compile(r"\]\((?!https?://)(?P<target>[^)#]*)(?:#[^)]*)?\)")
_DECISION = re.compile(r"docs/decisions/(?P<name>\d{4}(?:-[a-z0-9-]+\.md)?)")
_THREAT = re.compile(r"^\| (?P<id>T-[A-Z]+-\d+) \| .* \| (?P<tests>.*) \|$", re.MULTILINE)
# Written in halves, so that this file does not hold what it looks for.
_HALVES = (
    (r"(?<!\w)/wor", "k/"),
    (r"(?<!\w)/roo", "t/"),
    (r"(?<!\w)/hom", r"e/[a-z]"),
    ("qua", r"y\.io"),
    ("docker", r"\.io"),
    ("ghcr", r"\.io"),
    ("pypi", r"\.org"),
    ("python", "hosted"),
    ("npm", r"js\.(?:org|com)"),
    ("maven", r"\.org"),
    ("proxy", r"\.golang"),
)
_OF_ONE_MACHINE = re.compile("|".join(first + second for first, second in _HALVES))


def _names(file: Path) -> set[str]:
    return {
        node.name
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8")))
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef)
    }


@cache
def _tests_of(file: Path) -> frozenset[str]:
    return frozenset(_names(file))


@cache
def _tracked() -> tuple[Path, ...]:
    listed = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, check=True, capture_output=True, text=True)
    return tuple(ROOT / name for name in listed.stdout.split("\0") if name)


def _shown(document: Path) -> str:
    return str(document.relative_to(ROOT))


def missing_tests(text: str) -> list[str]:
    """Tests that the text names and that do not exist."""
    return [
        match[0]
        for match in _TEST.finditer(text)
        if not (ROOT / match["file"]).exists() or match["name"] not in _tests_of(ROOT / match["file"])
    ]


def missing_paths(text: str) -> list[str]:
    """Paths of ours in backticks that do not exist; a test's name behind `::` does not count here."""
    quoted = {word for match in _QUOTED.finditer(text) for word in match[1].partition("::")[0].split()}
    ours = {word for word in quoted if _PATH.fullmatch(word) and "/" in word and word.split("/")[0] in _ROOTS}
    return sorted(word for word in ours if not (ROOT / word).exists())


def missing_links(document: Path) -> list[str]:
    """Relative links that lead nowhere."""
    targets = {match["target"] for match in _LINK.finditer(document.read_text(encoding="utf-8"))} - {""}
    return sorted(target for target in targets if not (document.parent / target).exists())


@pytest.mark.parametrize("document", DOCUMENTS, ids=_shown)
def test_tests_that_a_document_names_exist(document: Path) -> None:
    assert missing_tests(document.read_text(encoding="utf-8")) == []


@pytest.mark.parametrize("document", DOCUMENTS, ids=_shown)
def test_files_that_a_document_names_exist(document: Path) -> None:
    assert missing_paths(document.read_text(encoding="utf-8")) == []


@pytest.mark.parametrize("document", DOCUMENTS, ids=_shown)
def test_links_of_a_document_lead_somewhere(document: Path) -> None:
    assert missing_links(document) == []


def test_absent_test_path_and_link_are_found(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text("[there](nowhere.md) and [here](page.md)", encoding="utf-8")
    assert missing_tests("`tests/test_docs.py::test_of_nothing`") == ["tests/test_docs.py::test_of_nothing"]
    assert missing_tests("`tests/test_nothing.py::test_x`") == ["tests/test_nothing.py::test_x"]
    assert missing_paths("`foundation/nothing.py` and `foundation/ids.py`") == ["foundation/nothing.py"]
    assert missing_links(page) == ["nowhere.md"]


def test_decisions_that_the_code_names_exist() -> None:
    decisions = {file.name for file in (ROOT / "docs" / "decisions").glob("*.md")}
    numbers = {name[:4] for name in decisions}
    sources = [file for file in _tracked() if file.suffix in {".py", ".sql", ".cedar", ".template", ".toml"}]
    named = {
        match["name"]
        for file in sources
        if file.exists()
        for match in _DECISION.finditer(file.read_text(encoding="utf-8"))
    }
    assert sorted(name for name in named if name not in decisions and name not in numbers) == []


def test_decisions_have_a_number_each() -> None:
    numbers = [file.name[:4] for file in (ROOT / "docs" / "decisions").glob("*.md")]
    assert len(numbers) == len(set(numbers))


def test_every_threat_names_a_test_or_an_issue_or_says_that_it_is_not_covered() -> None:
    text = (ROOT / "security_tests" / "threats.md").read_text(encoding="utf-8")
    rows = {match["id"]: match["tests"] for match in _THREAT.finditer(text)}
    assert len(rows) == len(set(re.findall(r"^\| (T-[A-Z]+-\d+)", text, re.MULTILINE)))
    assert [
        name for name, shown in rows.items() if not re.search(r"::test_|issue \d|not covered", shown)
    ] == []


def test_nothing_of_one_machine_stands_in_the_repository() -> None:
    found = []
    for file in _tracked():
        if not file.exists():
            continue
        text = file.read_bytes().decode("utf-8", "replace")
        found += [f"{_shown(file)}: {match[0]}" for match in _OF_ONE_MACHINE.finditer(text)]
    assert found == []
