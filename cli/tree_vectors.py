"""`python -m cli.tree_vectors [--write]`: vectors of the log's tree, checkpoints and cosignatures.

Ed25519 signs the same octets the same way, so all is made anew each time and compared.
"""

import argparse
import asyncio
import hashlib
import json
import sys
from collections.abc import Sequence
from typing import Any

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from audit.tree import Frontier, consistency_spans, hashes_of, inclusion_spans, proof_of, root_of_span
from stack.home import ROOT
from verifier import notes
from verifier.checkpoints import Checkpoint, Cosigner, cosign, open_checkpoint, verify_cosignature
from verifier.merkle import leaf_hash, verify_consistency, verify_inclusion
from verifier.receipts import entry_of, receipt_hash

FILE = ROOT / "mobile_contract" / "vectors" / "audit" / "tree.json"
ORIGIN = "ioc.hanoi.gov.vn/log/vault/1"
WITNESS = "witness.example/w1"
AT = 1_796_000_000
SIZE = 600
"""More than two tiles."""
ROOTS = (1, 2, 3, 7, 8, 255, 256, 257, 600)
INCLUSION = ((0, 1), (0, 7), (6, 7), (3, 8), (255, 256), (256, 257), (0, 600), (599, 600))
CONSISTENCY = ((1, 2), (3, 7), (4, 7), (8, 8), (255, 256), (256, 600), (257, 600), (599, 600))
STATEMENT = '{"v":1,"kind":"report","code":"7Q2M0XKD3VBT9HRA","state":"closed","version":3}'


class Tree:
    """Entries "line 0", "line 1" and so on."""

    def __init__(self) -> None:
        self._frontier = Frontier()
        self._tiles: dict[tuple[int, int], bytes] = {}
        for number in range(SIZE):
            for tile in self._frontier.add(leaf_hash(entry(number))):
                self._tiles[tile.level, tile.index] = tile.hashes

    async def hashes(self, level: int, index: int) -> Sequence[bytes]:
        """As audit/tree.py asks."""
        octets = self._tiles.get((level, index))
        return self._frontier.open_tile(level, index) if octets is None else hashes_of(octets)

    async def root(self, size: int) -> bytes:
        """The root over the first `size`."""
        return await root_of_span((0, size), self.hashes)


def entry(number: int) -> bytes:
    """A leaf's octets."""
    return f"line {number}".encode()


def key_of(name: str) -> Ed25519PrivateKey:
    """One of the signers of the vectors."""
    return Ed25519PrivateKey.from_private_bytes(hashlib.sha256(name.encode()).digest())


async def build() -> dict[str, Any]:
    """All vectors, each verified."""
    tree = Tree()
    return {
        "entries": "entry n is the ASCII text `line n`",
        "roots": [{"size": size, "root": (await tree.root(size)).hex()} for size in ROOTS],
        "inclusion": [await inclusion(tree, index, size) for index, size in INCLUSION],
        "consistency": [await consistency(tree, old, size) for old, size in CONSISTENCY],
        "checkpoint": checkpoint(await tree.root(SIZE)),
        "receipt": receipt(),
        "refused": refused(),
    }


async def inclusion(tree: Tree, index: int, size: int) -> dict[str, Any]:
    """One leaf."""
    proof = await proof_of(inclusion_spans(index, size), tree.hashes)
    verify_inclusion(leaf_hash(entry(index)), index, size, await tree.root(size), proof)
    leaf = leaf_hash(entry(index)).hex()
    return {"index": index, "size": size, "leafHash": leaf, "proof": [node.hex() for node in proof]}


async def consistency(tree: Tree, old: int, size: int) -> dict[str, Any]:
    """One beginning."""
    proof = await proof_of(consistency_spans(old, size), tree.hashes)
    verify_consistency(old, await tree.root(old), size, await tree.root(size), proof)
    return {"old": old, "size": size, "proof": [node.hex() for node in proof]}


def checkpoint(root: bytes) -> dict[str, Any]:
    """A checkpoint that log and witness signed."""
    log, witness = key_of("the log of the vectors"), key_of("the witness of the vectors")
    text = Checkpoint(ORIGIN, SIZE, root).text
    note, line = notes.sign(text, ORIGIN, [log]), cosign(text, WITNESS, witness, AT)
    public, cosigner = log.public_key().public_bytes_raw(), witness.public_key().public_bytes_raw()
    open_checkpoint(note + line, ORIGIN, public)
    verify_cosignature(note + line, Cosigner(WITNESS, cosigner))
    return {
        "logKey": public.hex(),
        "witnessName": WITNESS,
        "witnessKey": cosigner.hex(),
        "cosignedAt": AT,
        "note": note,
        "cosignature": line,
    }


def receipt() -> dict[str, str]:
    """A receipt's entry."""
    salt = bytes(range(16))
    return {
        "salt": salt.hex(),
        "statement": STATEMENT,
        "entry": entry_of(salt, STATEMENT.encode()).hex(),
        "leafHash": receipt_hash(salt, STATEMENT.encode()).hex(),
    }


def refused() -> list[dict[str, Any]]:
    """What a reader must refuse: changes of a proof above, by its place in its list."""
    return [
        {"of": "inclusion", "at": 6, "change": "flip the lowest bit of the first hash's first octet"},
        {"of": "inclusion", "at": 6, "change": "leave the last hash out"},
        {"of": "inclusion", "at": 6, "change": "add 32 zero octets"},
        {"of": "inclusion", "at": 6, "change": "index 1"},
        {"of": "consistency", "at": 6, "change": "flip the lowest bit of the first hash's first octet"},
        {"of": "consistency", "at": 6, "change": "leave the last hash out"},
        {"of": "consistency", "at": 6, "change": "add 32 zero octets"},
        {"of": "checkpoint", "change": "size 599"},
        {"of": "checkpoint", "change": "any octet of the root, the signature or the cosignature"},
        {"of": "checkpoint", "change": "cosignedAt + 1 in the cosignature"},
    ]


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m cli.tree_vectors")
    parser.add_argument("--write", action="store_true", help="make the file anew")
    arguments = parser.parse_args()
    text = json.dumps(asyncio.run(build()), ensure_ascii=False, indent=1) + "\n"
    if arguments.write:
        FILE.write_text(text, encoding="utf-8")
    elif text != FILE.read_text(encoding="utf-8"):
        sys.exit("mobile_contract/vectors/audit/tree.json is not what the code makes")


if __name__ == "__main__":
    main()
