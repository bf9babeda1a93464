"""Trusted documents and manifests: what runs in production, what stays valid for versions in the field."""

import json
import shutil
from pathlib import Path
from typing import Any

import pytest
from graphql import build_schema
from typer.testing import CliRunner

from cli.documents import app
from foundation.identity.apps import Version
from foundation.settings import (
    ApiSettings,
    AuditSettings,
    ContactSettings,
    DatabaseSettings,
    PhoneSettings,
    TlsSettings,
)
from graphql_schema.execution.documents import Documents, UnknownDocument, id_of, read_folder
from graphql_schema.execution.manifests import (
    Manifest,
    ManifestInvalid,
    deprecated_in,
    problems_of,
    read_manifest,
    read_manifests,
    texts_of,
)
from graphql_schema.limits import Limits
from services.api import trusted_of
from stack.errors import StackError
from stack.home import ROOT
from tests.graphql_schema.conftest import SCHEMA, Api, make_api
from tests.identity import world

CONTRACT = ROOT / "mobile_contract"
FULL = build_schema("type Query { report: Report } type Report { code: String state: String }")
LESS = build_schema("type Query { report: Report } type Report { code: String }")
GOING = build_schema(
    'type Query { report: Report } type Report { code: String state: String @deprecated(reason: "use step") }'
)
DOCUMENT = "query Report { report { code state } }"


def manifest(*texts: str, app: str = "ihanoi-app", version: str = "1.0.0") -> Manifest:
    return Manifest(app, Version.parse(version), {id_of(text): text for text in texts})


@pytest.fixture
def contract(tmp_path: Path) -> Path:
    """A copy of the contract, up to date."""
    copy = tmp_path / "mobile_contract"
    shutil.copytree(CONTRACT, copy, ignore=shutil.ignore_patterns("vectors", "examples", "client"))
    shutil.rmtree(copy / "manifests")
    plan = copy / "apps.toml"
    names = sorted(file.stem for file in (copy / "operations").glob("*.graphql"))
    listed = ", ".join(f'"{name}"' for name in names)
    plan.write_text(
        f'[ihanoi-app]\nversion = "1.0.0"\ndocuments = [{listed}]\n'
        '[ioc-ipad]\nversion = "1.0.0"\ndocuments = ["Viewer"]\n',
        encoding="utf-8",
    )
    for name in ("ihanoi-app", "ioc-ipad"):
        assert run(copy, "build", "--app", name)[0] == 0
    return copy


def run(contract: Path, *arguments: str) -> tuple[int, str]:
    """Exit code and what was said."""
    command, *rest = arguments
    result = CliRunner().invoke(app, [command, "--contract", str(contract), *rest])
    if isinstance(result.exception, StackError):
        return 1, result.exception.message
    return result.exit_code, result.output


def test_a_field_that_is_gone_breaks_the_version_that_asks_for_it() -> None:
    (problem,) = problems_of(manifest(DOCUMENT), LESS, Limits())
    assert problem == "ihanoi-app-1.0.0: Report: Cannot query field 'state' on type 'Report'."


def test_a_field_that_is_there_is_no_problem() -> None:
    assert problems_of(manifest(DOCUMENT), FULL, Limits()) == []


def test_a_limit_that_was_lowered_breaks_the_version_too() -> None:
    assert problems_of(manifest(DOCUMENT), FULL, Limits(fields=2)) == [
        "ihanoi-app-1.0.0: Report: graphql.too_many_fields"
    ]


def test_introspection_is_no_document_of_an_app() -> None:
    found = problems_of(manifest("query Q { __schema { description } }"), FULL, Limits())
    assert ["introspection" in problem.lower() for problem in found] == [True]


def test_deprecated_fields_in_use_are_listed() -> None:
    (warning,) = deprecated_in(manifest(DOCUMENT), GOING)
    assert warning == "ihanoi-app-1.0.0: Report: The field Report.state is deprecated. use step"


def test_a_manifest_is_read_as_it_was_built(tmp_path: Path) -> None:
    built = manifest(DOCUMENT, "query Other { report { code } }")
    file = tmp_path / f"{built.name}.json"
    file.write_text(built.render(), encoding="utf-8")
    assert read_manifest(file) == built


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("ihanoi-app.json", "{}\n"),
        ("ihanoi-app-1.0.json", "{}\n"),
        ("ihanoi-app-01.0.0.json", "{}\n"),
        ("IHANOI-1.0.0.json", "{}\n"),
        ("ihanoi-app-1.0.0.json", "[]\n"),
        ("ihanoi-app-1.0.0.json", "{"),
        ("ihanoi-app-1.0.0.json", "{}"),
        ("ihanoi-app-1.0.0.json", json.dumps({"sha256:" + "0" * 64: DOCUMENT}, indent=2) + "\n"),
        ("ihanoi-app-1.0.0.json", json.dumps({id_of(DOCUMENT): DOCUMENT + " "}, indent=2) + "\n"),
        ("ihanoi-app-1.0.0.json", json.dumps({id_of(DOCUMENT): 1}, indent=2) + "\n"),
    ],
)
def test_what_is_no_manifest_is_refused(tmp_path: Path, name: str, text: str) -> None:
    (tmp_path / name).write_text(text, encoding="utf-8")
    with pytest.raises(ManifestInvalid):
        read_manifests(tmp_path)


def test_documents_of_several_versions_are_served_once_each() -> None:
    old, new = manifest(DOCUMENT, "{ report { code } }"), manifest(DOCUMENT, version="1.1.0")
    assert sorted(texts_of([old, new])) == sorted([DOCUMENT, "{ report { code } }"])


def test_production_runs_documents_of_every_version_in_the_field_and_no_others() -> None:
    texts = texts_of([manifest(DOCUMENT), manifest("{ report { code } }", version="1.1.0")])
    documents = Documents(FULL, trusted=texts, only_trusted=True, limits=Limits())
    found = [documents.find(None, id_of(text)).id for text in texts]
    with pytest.raises(UnknownDocument):
        documents.find("{ report { state } }", None)
    assert found == [id_of(text) for text in texts]


def test_manifests_of_the_contract_run() -> None:
    found = [
        problem
        for manifest in read_manifests(CONTRACT / "manifests")
        for problem in problems_of(manifest, SCHEMA._schema, Limits())
    ]
    assert found == []


def test_contract_that_is_up_to_date_is_accepted(contract: Path) -> None:
    assert run(contract, "check") == (0, "2 manifests, 0 problems\n")


def test_operation_that_changed_is_found(contract: Path) -> None:
    file = contract / "operations" / "Viewer.graphql"
    file.write_text(file.read_text(encoding="utf-8") + "\n", encoding="utf-8")
    code, _ = run(contract, "check")
    assert code == 1


def test_operation_that_no_app_sends_is_found(contract: Path) -> None:
    (contract / "operations" / "Idle.graphql").write_text("query Idle { __typename }", encoding="utf-8")
    code, _ = run(contract, "check")
    assert code == 1


def test_released_version_with_a_field_that_is_gone_is_found(contract: Path) -> None:
    gone = manifest("query Gone { neverThere }", version="0.9.0")
    (contract / "manifests" / "ihanoi-app-0.9.0.json").write_text(gone.render(), encoding="utf-8")
    code, _ = run(contract, "check")
    assert code == 1


def test_released_manifest_is_not_built_again(contract: Path) -> None:
    code, said = run(contract, "build", "--app", "ihanoi-app", "--version", "0.9.0")
    assert (code, "not what is being built" in said) == (1, True)


def test_versions_are_listed(contract: Path) -> None:
    code, said = run(contract, "list")
    assert (code, "ihanoi-app" in said, "1.0.0" in said) == (0, True, True)


def test_retired_version_is_out_of_the_field(contract: Path) -> None:
    old = manifest(DOCUMENT, version="0.9.0")
    (contract / "manifests" / "ihanoi-app-0.9.0.json").write_text(old.render(), encoding="utf-8")
    assert run(contract, "retire", "--app", "ihanoi-app", "--version", "0.9.0")[0] == 0
    assert [found.name for found in read_manifests(contract / "manifests")] == [
        "ihanoi-app-1.0.0",
        "ioc-ipad-1.0.0",
    ]


@pytest.mark.parametrize("version", ["1.0.0", "1.5.0"])
def test_version_that_is_served_is_not_retired(contract: Path, version: str) -> None:
    served = manifest(DOCUMENT, version=version)
    file = contract / "manifests" / f"ihanoi-app-{version}.json"
    file.write_text(served.render(), encoding="utf-8")
    assert (run(contract, "retire", "--app", "ihanoi-app", "--version", version)[0], file.is_file()) == (
        1,
        True,
    )


def settings_of(folder: Path, **changes: Any) -> ApiSettings:
    """Settings of an api that is not started."""
    database = DatabaseSettings(host="h", port=1, name="n", user="u", password_file=folder)
    given: dict[str, Any] = {
        "environment": "production",
        "listen_host": "127.0.0.1",
        "listen_port": 1,
        "tls": TlsSettings(certificate_file=folder, key_file=folder),
        "database": database,
        "feed_database": database,
        "identity": world.settings(),
        "audit": AuditSettings(log="backend"),
        "opaque_id_key_file": folder,
        "policies_folder": folder,
        "operations_folder": CONTRACT / "operations",
        "manifests_folder": folder,
        "phones": PhoneSettings(digest_key_file=folder, seal_key_file=folder),
        "contact": ContactSettings(
            url="https://openbao:8200", ca_file=folder, certificate_file=folder, key_file=folder
        ),
    }
    return ApiSettings(**{**given, **changes})


def test_operations_of_the_next_version_do_not_run_in_production(tmp_path: Path) -> None:
    released = manifest(DOCUMENT)
    (tmp_path / f"{released.name}.json").write_text(released.render(), encoding="utf-8")
    assert trusted_of(settings_of(tmp_path)) == [DOCUMENT]


def test_elsewhere_both_run(tmp_path: Path) -> None:
    released = manifest(DOCUMENT)
    (tmp_path / f"{released.name}.json").write_text(released.render(), encoding="utf-8")
    found = trusted_of(settings_of(tmp_path, environment="development"))
    assert set(found) == {DOCUMENT, *read_folder(CONTRACT / "operations")}


def test_production_without_a_version_in_the_field_does_not_start(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="no manifest"):
        trusted_of(settings_of(tmp_path))


def test_production_without_a_folder_of_manifests_is_no_setting(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="manifests_folder"):
        settings_of(tmp_path, manifests_folder=None)


def test_apollos_form_finds_the_same_document(production: Api) -> None:
    text = (CONTRACT / "operations" / "Categories.graphql").read_text(encoding="utf-8")
    digest = id_of(text).removeprefix("sha256:")
    extensions = {"persistedQuery": {"version": 1, "sha256Hash": digest}}
    answers = [
        production.post(documentId=id_of(text), who=None).json(),
        production.post(extensions=extensions, who=None).json(),
    ]
    assert (answers[0] == answers[1], "data" in answers[0]) == (True, True)


def test_elsewhere_any_document_within_the_limits_runs() -> None:
    api = make_api()
    with api.client:
        assert "data" in api.post("query Mine { __typename }").json()
