"""The contract in the repository is what the code says."""

import re
from pathlib import Path

import pytest
from graphql import GraphQLObjectType, parse

from foundation.errors import Refusal
from graphql_schema import export
from graphql_schema.errors import PROBLEMS
from graphql_schema.execution.documents import id_of
from graphql_schema.limits import RequestRefused
from tests.graphql_schema.conftest import OPERATIONS, SCHEMA

CONTRACT = OPERATIONS.parent
OPERATION_FILES = sorted(OPERATIONS.glob("*.graphql"))


def test_schema_of_the_contract_is_the_schema_of_the_code() -> None:
    assert export.difference(CONTRACT / "schema.graphql") == ""


def test_check_finds_a_drift(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    other = tmp_path / "schema.graphql"
    other.write_text(export.sdl().replace("shownCode", "displayCode"), encoding="utf-8")
    assert export.main(["--check", str(other)]) == 1
    assert "-  displayCode: String!" in capsys.readouterr().out


def test_check_accepts_the_contract() -> None:
    assert export.main(["--check", str(CONTRACT / "schema.graphql")]) == 0


@pytest.mark.parametrize("file", OPERATION_FILES, ids=lambda file: file.stem)
def test_document_is_named_as_its_file(file: Path) -> None:
    (operation,) = parse(file.read_text(encoding="utf-8")).definitions
    assert operation.name.value == file.stem


@pytest.mark.parametrize("root", ["Query", "Mutation"])
def test_every_root_field_has_a_document(root: str) -> None:
    used = {
        selection.name.value
        for file in OPERATION_FILES
        for selection in parse(file.read_text(encoding="utf-8")).definitions[0].selection_set.selections
    }
    thing = SCHEMA._schema.type_map[root]
    assert isinstance(thing, GraphQLObjectType)
    assert set(thing.fields) - used == set()


@pytest.mark.parametrize("kind", PROBLEMS, ids=lambda kind: kind.__name__)
def test_code_of_each_problem_is_in_the_readme(kind: type[Refusal]) -> None:
    assert f"`{kind.code}`" in (CONTRACT / "README.md").read_text(encoding="utf-8")


@pytest.mark.parametrize("file", sorted((CONTRACT / "examples").glob("*.http")), ids=lambda file: file.stem)
def test_example_names_documents_of_the_contract(file: Path) -> None:
    named = set(re.findall(r"sha256:[0-9a-f]{64}", file.read_text(encoding="utf-8")))
    assert named - {id_of(document.read_text(encoding="utf-8")) for document in OPERATION_FILES} == set()


def _subclasses(kind: type[Refusal]) -> set[type[Refusal]]:
    return {below for child in kind.__subclasses__() for below in {child, *_subclasses(child)}}


def test_code_of_every_refused_request_is_in_the_readme() -> None:
    codes = {kind.code for kind in _subclasses(RequestRefused) if hasattr(kind, "code")}
    readme = (CONTRACT / "README.md").read_text(encoding="utf-8")
    assert {code for code in codes if f"`{code}`" not in readme} == set()
