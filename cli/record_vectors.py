"""`python -m cli.record_vectors [--write]`: vectors of records' octets, made and checked for drift."""

import argparse
import json
import sys
from typing import Any
from uuid import UUID

from stack.home import ROOT
from vault.keyring.types import Class
from vault.records.envelope import Place, seal

FILE = ROOT / "mobile_contract" / "vectors" / "vault" / "record.json"
KEY, NONCE = bytes(range(32)), bytes(range(0x40, 0x4C))
CONTENT = '{"code":"HK-0001","identity":{"fullName":"Nguyễn Văn Hòa"}}'.encode()
PLACES = (
    Place("00070", Class.PARTY, UUID("018f0000-0000-7000-8000-000000000001"), 1, "cadre/v1"),
    Place("P0002", Class.RESTRICTED, UUID("018f0000-0000-7000-8000-000000000002"), 2**40, "petition/v12"),
)


def build() -> dict[str, Any]:
    """The file's content."""
    return {
        "format": "0x01 ‖ nonce 12 ‖ AES-256-GCM(data key, nonce, content, associated data)",
        "dataKey": KEY.hex(),
        "nonce": NONCE.hex(),
        "content": CONTENT.hex(),
        "records": [
            {
                "tenant": place.tenant,
                "class": int(place.class_),
                "record": str(place.record),
                "version": place.version,
                "schema": place.schema,
                "associatedData": place.octets.hex(),
                "octets": seal(KEY, place, NONCE, CONTENT).hex(),
            }
            for place in PLACES
        ],
    }


def main(arguments: list[str]) -> int:
    """0 when the file is what the code makes."""
    parser = argparse.ArgumentParser(prog="python -m cli.record_vectors")
    parser.add_argument("--write", action="store_true")
    text = json.dumps(build(), ensure_ascii=False, indent=2) + "\n"
    if parser.parse_args(arguments).write:
        FILE.write_text(text, encoding="utf-8")
    elif not FILE.exists() or FILE.read_text(encoding="utf-8") != text:
        print(f"{FILE.relative_to(ROOT)} is not what the code makes; --write", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
