"""The Merkle tree of RFC 6962, section 2.1, with SHA-256: what a reader of a log recomputes.

A failed check raises ProofRefused. Nothing here keeps a tree; the log's own side is audit/tree.py.
"""

import hashlib
from collections.abc import Iterable, Sequence

HASH = 32
"""Octets of a hash."""
EMPTY_ROOT = hashlib.sha256(b"").digest()
"""The root of the tree without leaves."""
MOST_NODES = 63
"""No proof is longer (C2SP tlog-witness): a tree has fewer than 2**63 leaves."""


class ProofRefused(ValueError):
    """A proof, or a root, that does not show what it should."""


def leaf_hash(entry: bytes) -> bytes:
    """SHA-256(0x00 ‖ entry)."""
    return hashlib.sha256(b"\x00" + entry).digest()


def node_hash(left: bytes, right: bytes) -> bytes:
    """SHA-256(0x01 ‖ left ‖ right)."""
    return hashlib.sha256(b"\x01" + left + right).digest()


class Roots:
    """Adds leaves one after another and tells the root at each size, keeping a hash a level at most."""

    def __init__(self) -> None:
        self.size = 0
        self._peaks: list[tuple[int, bytes]] = []

    def add(self, leaf: bytes) -> None:
        """The hash of the next leaf."""
        level, found = 0, leaf
        while self._peaks and self._peaks[-1][0] == level:
            found = node_hash(self._peaks.pop()[1], found)
            level += 1
        self._peaks.append((level, found))
        self.size += 1

    def root(self) -> bytes:
        """The root over all leaves so far."""
        if not self._peaks:
            return EMPTY_ROOT
        found = self._peaks[-1][1]
        for _, peak in reversed(self._peaks[:-1]):
            found = node_hash(peak, found)
        return found


def root_of(leaves: Iterable[bytes]) -> bytes:
    """The root over leaf hashes in their order."""
    roots = Roots()
    for leaf in leaves:
        roots.add(leaf)
    return roots.root()


def verify_inclusion(leaf: bytes, index: int, size: int, root: bytes, proof: Sequence[bytes]) -> None:
    """Raise ProofRefused unless the leaf hash `leaf` is number `index` of the tree (size, root).

    The audit path of RFC 6962, 2.1.1, checked as in RFC 9162, 2.1.3.2.
    """
    _check_hashes([leaf, root, *proof])
    if not 0 <= index < size:
        raise ProofRefused("no such leaf")
    position, last, found = index, size - 1, leaf
    for node in proof:
        if last == 0:
            raise ProofRefused("a longer proof than the tree is high")
        if position & 1 or position == last:
            found = node_hash(node, found)
            while not position & 1 and position:
                position, last = position >> 1, last >> 1
        else:
            found = node_hash(found, node)
        position, last = position >> 1, last >> 1
    if last != 0 or found != root:
        raise ProofRefused("the leaf is not in the tree")


def verify_consistency(
    old_size: int, old_root: bytes, size: int, root: bytes, proof: Sequence[bytes]
) -> None:
    """Raise ProofRefused unless the tree (old_size, old_root) is the beginning of (size, root).

    RFC 6962, 2.1.2, checked as in RFC 9162, 2.1.4.2. From the empty tree, and from a tree to itself, the
    proof is empty.
    """
    _check_hashes([old_root, root, *proof])
    if not 0 <= old_size <= size:
        raise ProofRefused("the tree shrank")
    if old_size in (0, size):
        if proof or (old_size == 0 and old_root != EMPTY_ROOT) or (old_size == size and old_root != root):
            raise ProofRefused("not the same tree")
        return
    nodes = list(proof)
    if old_size & (old_size - 1) == 0:
        nodes.insert(0, old_root)
    if not nodes:
        raise ProofRefused("a proof is missing")
    position, last = old_size - 1, size - 1
    while position & 1:
        position, last = position >> 1, last >> 1
    old_found = found = nodes[0]
    for node in nodes[1:]:
        if last == 0:
            raise ProofRefused("a longer proof than the tree is high")
        if position & 1 or position == last:
            old_found, found = node_hash(node, old_found), node_hash(node, found)
            while not position & 1 and position:
                position, last = position >> 1, last >> 1
        else:
            found = node_hash(found, node)
        position, last = position >> 1, last >> 1
    if last != 0 or old_found != old_root or found != root:
        raise ProofRefused("the old tree is not the beginning of the new one")


def _check_hashes(hashes: Sequence[bytes]) -> None:
    if len(hashes) > MOST_NODES + 2:
        raise ProofRefused("a longer proof than any tree's")
    if any(len(one) != HASH for one in hashes):
        raise ProofRefused("a hash has 32 octets")
