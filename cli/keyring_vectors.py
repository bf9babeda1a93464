"""`python -m cli.keyring_vectors [--write]`: vectors of the vault's data keys, made and checked."""

import argparse
import json
import sys
from typing import Any
from uuid import UUID

from stack.home import ROOT
from vault.keyring import envelopes
from vault.keyring.envelopes import Epoch
from vault.keyring.types import Class

FILE = ROOT / "mobile_contract" / "vectors" / "vault" / "datakey.json"
EPOCH_KEY = bytearray(range(32))
DATA_KEY = bytearray(range(0x60, 0x80))
NONCE = bytes(range(0xA0, 0xAC))
RECORD = UUID("01932f00-0000-7000-8000-000000000001")
PLACES = {"version": 0, "epoch": 4, "nonce": 5, "ciphertext": 17, "tag": 64}


def build() -> dict[str, Any]:
    """All vectors."""
    epochs = [
        Epoch("00004", Class.INTERNAL, 1),
        Epoch("D0012", Class.PERSONAL, 2),
        Epoch("P0001", Class.PARTY, 258),
        Epoch("P0001", Class.RESTRICTED, 4_294_967_295),
    ]
    return {
        "epochKey": EPOCH_KEY.hex(),
        "dataKey": DATA_KEY.hex(),
        "nonce": NONCE.hex(),
        "sealed": [case(epoch) for epoch in epochs],
        "refused": [
            *({"name": name, "xorAt": at, "with": 1} for name, at in PLACES.items()),
            {"name": "cut by one", "cutTo": -1},
            {"name": "one octet more", "append": "00"},
        ],
    }


def case(epoch: Epoch) -> dict[str, Any]:
    """One data key in its place."""
    bound = envelopes.of_data_key(epoch, RECORD)
    return {
        "tenant": epoch.tenant,
        "class": int(epoch.class_),
        "epoch": epoch.number,
        "record": str(RECORD),
        "associatedData": bound.hex(),
        "epochKeyContext": epoch.context.hex(),
        "octets": envelopes.seal(EPOCH_KEY, epoch, NONCE, DATA_KEY, bound).hex(),
    }


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m cli.keyring_vectors")
    parser.add_argument("--write", action="store_true", help="make the file anew")
    text = json.dumps(build(), ensure_ascii=False, indent=1) + "\n"
    if parser.parse_args().write:
        FILE.write_text(text, encoding="utf-8")
    elif text != FILE.read_text(encoding="utf-8"):
        sys.exit("mobile_contract/vectors/vault/datakey.json is not what the code makes")


if __name__ == "__main__":
    main()
