"""A feature sees of another one only its seams."""

import grimp
import pytest

from cli.import_contract import FeatureSeams


def _check(importer: str, imported: str) -> list[str]:
    graph = grimp.ImportGraph()
    for module in ("backend", "backend.a", "backend.b", importer, imported):
        graph.add_module(module)
    graph.add_import(importer=importer, imported=imported)
    options = {"package": "backend", "seams": ["service", "types"]}
    contract = FeatureSeams("test", {}, options)
    crossings: list[str] = contract.check(graph, verbose=False).metadata["crossings"]
    return crossings


@pytest.mark.parametrize("inside", ["models", "queries", "store", "jobs"])
def test_import_of_another_features_inside_is_named(inside: str) -> None:
    assert _check("backend.a.service", f"backend.b.{inside}") == [f"backend.a.service -> backend.b.{inside}"]


@pytest.mark.parametrize("seam", ["service", "types"])
def test_import_of_another_features_seam_is_kept(seam: str) -> None:
    assert _check("backend.a.service", f"backend.b.{seam}") == []


def test_import_within_a_feature_is_kept() -> None:
    assert _check("backend.a.service", "backend.a.models") == []


def test_feature_whose_name_begins_like_another_is_another() -> None:
    assert _check("backend.a.service", "backend.ab.models") == ["backend.a.service -> backend.ab.models"]
