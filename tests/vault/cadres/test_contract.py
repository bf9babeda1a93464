"""What the contract says of cadre files is what the vault takes and gives."""

import json
from typing import Any

import jsonschema_rs
import pytest

from cli import record_vectors, vault_schemas
from stack.home import ROOT
from tests.vault.records.office import HOAN_KIEM, Office, file

RESULTS = json.loads((ROOT / "mobile_contract/vault/cadre/results.schema.json").read_text(encoding="utf-8"))


def test_schemas_are_what_the_types_say() -> None:
    assert vault_schemas.main([]) == 0


def test_vectors_are_what_the_code_makes() -> None:
    assert record_vectors.main([]) == 0


def _parameters(name: str, value: Any) -> None:
    schema = json.loads((vault_schemas.FOLDER / f"{name}.schema.json").read_text(encoding="utf-8"))
    jsonschema_rs.validator_for(schema).validate(value)


def _result(name: str, value: Any) -> None:
    schema = {**RESULTS, "$ref": f"#/$defs/{name}"}
    jsonschema_rs.validator_for(schema).validate(value)


async def test_what_is_asked_and_answered_fits(office: Office) -> None:
    kien = office.keeper()
    csv = "code,fullName,gender\nHK-09,Lê An,nam\n"
    record = await office.kept(kien)
    asked: dict[str, dict[str, Any]] = {
        "put": {"record": record, "version": 1, "file": file()},
        "open": {"record": record},
        "history": {"record": record},
        "list": {"first": 1},
        "find": {"name": "hoa"},
        "structure": {"tenant": HOAN_KIEM},
        "import": {"tenant": HOAN_KIEM, "csv": csv, "dryRun": True},
        "delete": {"record": record, "version": 2},
    }
    for name, parameters in asked.items():
        _parameters(name, parameters)
        said = await office.ask(kien, f"cadre.{name}", **parameters)
        _result(name, said["result"])


@pytest.mark.parametrize(
    "wrong",
    [file(citizenId="001080123456\n"), file(unit="00070\n"), {**file(), "code": "HK-1\n"}],
)
async def test_line_that_ends_a_pattern_is_refused_by_both(office: Office, wrong: dict) -> None:
    with pytest.raises(jsonschema_rs.ValidationError):
        _parameters("file", wrong)
    said = await office.ask(office.keeper(), "cadre.put", tenant=HOAN_KIEM, file=wrong)
    assert said["problem"]["code"] == "common.invalid_input"
