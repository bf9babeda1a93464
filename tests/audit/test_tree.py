"""The log's tree against the words of RFC 6962, across the borders of tiles."""

import itertools
from collections.abc import Sequence

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from audit.tree import (
    HEIGHT,
    WIDTH,
    Frontier,
    Tile,
    consistency_spans,
    hashes_of,
    inclusion_spans,
    proof_of,
    root_of_span,
)
from tests.verifier.vectors import CONSISTENCY, ENTRIES, INCLUSION, ROOTS, slow_path, slow_proof, slow_root
from verifier.merkle import Roots, leaf_hash, verify_consistency, verify_inclusion


class Kept:
    """A frontier whose full tiles are kept, as the database does."""

    def __init__(self) -> None:
        self.frontier = Frontier()
        self.tiles: dict[tuple[int, int], Tile] = {}

    def add(self, leaf: bytes) -> None:
        for tile in self.frontier.add(leaf):
            assert (tile.level, tile.index) not in self.tiles
            self.tiles[tile.level, tile.index] = tile

    async def hashes(self, level: int, index: int) -> Sequence[bytes]:
        tile = self.tiles.get((level, index))
        return hashes_of(tile.hashes) if tile else self.frontier.open_tile(level, index)

    def reopened(self) -> Frontier:
        """As after a restart: from full tiles, then from the leaves that are in none."""
        full = [len([one for one in self.tiles if one[0] == level]) for level in range(HEIGHT)]
        opened: list[list[bytes]] = [[]]
        for level, count in enumerate(full):
            opened.append([self.tiles[level, n].root for n in range(full[level + 1] * WIDTH, count)])
            if count < WIDTH:
                break
        return Frontier(full[0] * WIDTH, opened)


def tree(size: int, entry: bytes = b"%d") -> Kept:
    kept = Kept()
    for number in range(size):
        kept.add(leaf_hash(entry % number))
    return kept


BIG = WIDTH * WIDTH + 3 * WIDTH + 77
"""Two full levels of tiles, and something of each level open."""


@pytest.fixture(scope="module")
def big() -> tuple[Kept, list[bytes]]:
    """The tree, and its root at each size."""
    kept, roots, found = Kept(), Roots(), []
    for number in range(BIG):
        found.append(roots.root())
        leaf = leaf_hash(b"%d" % number)
        kept.add(leaf)
        roots.add(leaf)
    return kept, [*found, roots.root()]


@pytest.mark.parametrize("size", range(1, 9))
def test_root_is_that_of_certificate_transparency(size: int) -> None:
    kept = Kept()
    for entry in ENTRIES[:size]:
        kept.add(leaf_hash(entry))
    assert kept.frontier.root() == ROOTS[size - 1]


@pytest.mark.parametrize(("index", "size", "proof"), INCLUSION)
async def test_inclusion_is_that_of_certificate_transparency(
    index: int, size: int, proof: list[bytes]
) -> None:
    kept = Kept()
    for entry in ENTRIES:
        kept.add(leaf_hash(entry))
    assert await proof_of(inclusion_spans(index, size), kept.hashes) == proof


@pytest.mark.parametrize(("old", "size", "proof"), CONSISTENCY)
async def test_consistency_is_that_of_certificate_transparency(
    old: int, size: int, proof: list[bytes]
) -> None:
    kept = Kept()
    for entry in ENTRIES:
        kept.add(leaf_hash(entry))
    assert await proof_of(consistency_spans(old, size), kept.hashes) == proof


async def test_all_small_trees_are_those_of_the_words_of_the_rfc() -> None:
    kept, entries = tree(40), [b"%d" % number for number in range(40)]
    for size in range(1, 41):
        assert await root_of_span((0, size), kept.hashes) == slow_root(entries[:size])
        for index in range(size):
            found = await proof_of(inclusion_spans(index, size), kept.hashes)
            assert found == slow_path(index, entries[:size])
    for size, old in itertools.combinations(range(40, 0, -1), 2):
        found = await proof_of(consistency_spans(old, size), kept.hashes)
        assert found == slow_proof(old, entries[:size])


@pytest.mark.parametrize("size", [255, 256, 257, 511, 512, 513, 769])
async def test_trees_around_the_borders_of_tiles_are_those_of_the_rfc(size: int) -> None:
    kept, entries = tree(size), [b"%d" % number for number in range(size)]
    assert kept.frontier.root() == slow_root(entries)
    for index in (0, 254, size - 1):
        found = await proof_of(inclusion_spans(index, size), kept.hashes)
        assert found == slow_path(index, entries)
    for old in (1, 255, size // 2, size - 1):
        found = await proof_of(consistency_spans(old, size), kept.hashes)
        assert found == slow_proof(old, entries)


@settings(deadline=None)
@given(data=st.data())
async def test_each_leaf_of_a_big_tree_is_shown_at_each_size(
    big: tuple[Kept, list[bytes]], data: st.DataObject
) -> None:
    kept, roots = big
    size = data.draw(st.integers(1, BIG))
    index = data.draw(st.integers(0, size - 1))
    proof = await proof_of(inclusion_spans(index, size), kept.hashes)
    verify_inclusion(leaf_hash(b"%d" % index), index, size, roots[size], proof)


@settings(deadline=None)
@given(data=st.data())
async def test_each_two_sizes_of_a_big_tree_are_consistent(
    big: tuple[Kept, list[bytes]], data: st.DataObject
) -> None:
    kept, roots = big
    size = data.draw(st.integers(1, BIG))
    old = data.draw(st.integers(1, size))
    proof = await proof_of(consistency_spans(old, size), kept.hashes)
    verify_consistency(old, roots[old], size, roots[size], proof)
    assert await root_of_span((0, old), kept.hashes) == roots[old]


async def test_proof_reads_two_tiles_a_level_at_most(big: tuple[Kept, list[bytes]]) -> None:
    kept, _ = big
    read: set[tuple[int, int]] = set()

    async def counted(level: int, index: int) -> Sequence[bytes]:
        read.add((level, index))
        return await kept.hashes(level, index)

    for index in (0, 1, WIDTH, BIG // 2, BIG - 1):
        read.clear()
        await proof_of(inclusion_spans(index, BIG), counted)
        assert max(sum(one[0] == level for one in read) for level in range(3)) <= 2


@pytest.mark.parametrize("size", [0, 1, 255, 256, 257, 70_000])
def test_frontier_goes_on_from_its_tiles(size: int) -> None:
    kept = tree(size)
    again = kept.reopened()
    for number in range(again.size, size):
        again.add(leaf_hash(b"%d" % number))
    assert (again.size, again.root()) == (size, kept.frontier.root())


def test_tiles_that_do_not_fit_the_size_are_refused() -> None:
    with pytest.raises(ValueError, match="open tiles"):
        Frontier(300, [[], [bytes(32)]])


async def test_missing_tile_is_told() -> None:
    kept = tree(600)
    del kept.tiles[0, 1]
    with pytest.raises(LookupError):
        await proof_of(inclusion_spans(300, 600), kept.hashes)


@pytest.mark.parametrize(("index", "size"), [(0, 0), (5, 5), (-1, 5)])
def test_leaf_that_is_not_there_has_no_proof(index: int, size: int) -> None:
    with pytest.raises(ValueError, match="no leaf"):
        inclusion_spans(index, size)


def test_longer_tree_is_no_beginning() -> None:
    with pytest.raises(ValueError, match="no beginning"):
        consistency_spans(6, 5)
