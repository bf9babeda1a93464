"""`python -m cli.vault_schemas [--write]`: JSON Schemas of what the operations take, from their types."""

import argparse
import json
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import msgspec

from stack.home import ROOT
from vault.cadres import operations
from vault.cadres.types import CadreFile

FOLDER = ROOT / "mobile_contract" / "vault" / "cadre"
_DIALECT = "https://json-schema.org/draft/2020-12/schema"
_TYPES: Mapping[str, type[msgspec.Struct]] = {
    "file": CadreFile,
    "put": operations.Put,
    "open": operations.Open,
    "history": operations.Open,
    "delete": operations.Delete,
    "list": operations.List,
    "find": operations.Find,
    "structure": operations.Structure,
    "import": operations.Import,
}


def build() -> dict[Path, dict[str, Any]]:
    """Each file's content."""
    return {FOLDER / f"{name}.schema.json": schema_of(name, kind) for name, kind in _TYPES.items()}


def schema_of(name: str, kind: type[msgspec.Struct]) -> dict[str, Any]:
    """The parameters of cadre.NAME, or the file itself."""
    title = "A cadre file" if name == "file" else f"The parameters of cadre.{name}"
    schema = msgspec.json.schema(kind)
    # What ends a text is written otherwise in JSON Schema's dialect of patterns.
    plain: dict[str, Any] = json.loads(json.dumps(schema).replace("\\\\Z", "$"))
    return {"$schema": _DIALECT, "title": title, **plain}


def text_of(schema: dict[str, Any]) -> str:
    """As it stands in the file."""
    return json.dumps(schema, ensure_ascii=False, indent=2) + "\n"


def main(arguments: list[str]) -> int:
    """0 when the files are what the types say."""
    parser = argparse.ArgumentParser(prog="python -m cli.vault_schemas")
    parser.add_argument("--write", action="store_true")
    write = parser.parse_args(arguments).write
    drifted = 0
    for file, schema in build().items():
        if write:
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(text_of(schema), encoding="utf-8")
        elif not file.exists() or file.read_text(encoding="utf-8") != text_of(schema):
            print(f"{file.relative_to(ROOT)} is not what the types say; --write", file=sys.stderr)
            drifted += 1
    return 1 if drifted else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
