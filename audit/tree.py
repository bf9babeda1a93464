"""The log's Merkle tree (RFC 6962, section 2.1), kept in tiles as C2SP tlog-tiles has them.

A tile holds 256 hashes of one level: those of level 0 are leaf hashes, those of level n + 1 the roots of the
full tiles of level n. Full tiles never change and are stored; of each level one is open and in memory. So
a leaf costs two hashes on average, a root at most 255 a level, and a proof reads two tiles a level at most,
however many leaves there are: 10 million have three levels.
"""

from collections.abc import Awaitable, Callable, Iterable, Sequence
from dataclasses import dataclass

from verifier.merkle import EMPTY_ROOT, HASH, node_hash

HEIGHT = 8
WIDTH = 1 << HEIGHT

Span = tuple[int, int]
"""Leaves [first, end), a left-balanced subtree: `first` is a multiple of a power of two >= its length."""
Hashes = Callable[[int, int], Awaitable[Sequence[bytes]]]
"""(level, index) of a tile: its hashes so far. Raises LookupError when there is none."""


@dataclass(frozen=True, slots=True)
class Tile:
    """A full tile: 256 hashes of 32 octets, one after another, and their root."""

    level: int
    index: int
    hashes: bytes
    root: bytes


class Frontier:
    """The open tile of each level: all that is needed to add leaves and to tell the root.

    `open_tiles[n]` are the hashes of level n that no full tile has; the others are counted by `size`.
    """

    def __init__(self, size: int = 0, open_tiles: Iterable[Sequence[bytes]] = ()) -> None:
        self._open = [list(tile) for tile in open_tiles]
        self._size = size
        counted = sum(len(tile) << (HEIGHT * level) for level, tile in enumerate(self._open))
        if counted != size or any(len(tile) >= WIDTH for tile in self._open):
            raise ValueError(f"open tiles of {counted} leaves, not {size}")

    @property
    def size(self) -> int:
        """How many leaves there are."""
        return self._size

    def add(self, leaf: bytes) -> list[Tile]:
        """Add a leaf hash; the tiles that it filled, lowest level first."""
        filled, found = [], leaf
        for level in range(len(self._open) + 1):
            if level == len(self._open):
                self._open.append([])
            tile = self._open[level]
            tile.append(found)
            if len(tile) < WIDTH:
                break
            index = self._size >> (HEIGHT * (level + 1))
            found = fold(complete(tile))
            filled.append(Tile(level, index, b"".join(tile), found))
            tile.clear()
        self._size += 1
        return filled

    def root(self) -> bytes:
        """The root over all leaves."""
        peaks = [peak for tile in reversed(self._open) for peak in complete(tile)]
        return fold(peaks)

    def open_tile(self, level: int, index: int) -> Sequence[bytes]:
        """The hashes of the open tile of `level`, if that is number `index`. Raises LookupError."""
        if level >= len(self._open) or index != self._size >> (HEIGHT * (level + 1)):
            raise LookupError(f"tile {level}/{index}")
        return self._open[level]


def complete(hashes: Sequence[bytes]) -> list[bytes]:
    """The roots of the complete subtrees that a run of nodes of one level consists of, largest first."""
    found, first = [], 0
    while first < len(hashes):
        length = 1 << ((len(hashes) - first).bit_length() - 1)
        row = list(hashes[first : first + length])
        while len(row) > 1:
            row = [node_hash(row[n], row[n + 1]) for n in range(0, len(row), 2)]
        found.append(row[0])
        first += length
    return found


def fold(peaks: Sequence[bytes]) -> bytes:
    """The root over complete subtrees that lie side by side, largest first."""
    if not peaks:
        return EMPTY_ROOT
    found = peaks[-1]
    for peak in reversed(peaks[:-1]):
        found = node_hash(peak, found)
    return found


def inclusion_spans(index: int, size: int) -> list[Span]:
    """The subtrees whose roots are the audit path of leaf `index` in a tree of `size` (RFC 6962, 2.1.1)."""
    if not 0 <= index < size:
        raise ValueError(f"no leaf {index} in a tree of {size}")
    found: list[Span] = []
    first, end = 0, size
    while end - first > 1:
        middle = first + _split(end - first)
        if index < middle:
            found.append((middle, end))
            end = middle
        else:
            found.append((first, middle))
            first = middle
    return found[::-1]


def consistency_spans(old: int, size: int) -> list[Span]:
    """The subtrees whose roots show that a tree of `old` leaves is the beginning (RFC 6962, 2.1.2)."""
    if not 0 <= old <= size:
        raise ValueError(f"a tree of {size} has no beginning of {old}")
    if old in (0, size):
        return []
    found: list[Span] = []
    first, end = 0, size
    while old != end:
        middle = first + _split(end - first)
        if old <= middle:
            found.append((middle, end))
            end = middle
        else:
            found.append((first, middle))
            first = middle
    # The old tree's own last subtree is known to who has its root, unless it is the whole of it.
    if first > 0:
        found.append((first, end))
    return found[::-1]


async def proof_of(spans: Sequence[Span], hashes: Hashes) -> list[bytes]:
    """The root of each subtree, from tiles. Raises LookupError when a tile is missing or too short."""
    return [await root_of_span(span, hashes) for span in spans]


async def root_of_span(span: Span, hashes: Hashes) -> bytes:
    """The root over the leaves [first, end)."""
    first, end = span
    peaks = []
    while first < end:
        level = (end - first).bit_length() - 1
        peaks.append(await _node(level, first >> level, hashes))
        first += 1 << level
    return fold(peaks)


async def _node(level: int, index: int, hashes: Hashes) -> bytes:
    """The root of the complete subtree of 2**level leaves that is number `index` of its level."""
    tile_level, inside = divmod(level, HEIGHT)
    start = index << inside
    tile = await hashes(tile_level, start >> HEIGHT)
    offset = start & (WIDTH - 1)
    found = tile[offset : offset + (1 << inside)]
    if len(found) != 1 << inside:
        raise LookupError(f"tile {tile_level}/{start >> HEIGHT} is too short")
    (root,) = complete(found)
    return root


def hashes_of(octets: bytes) -> list[bytes]:
    """A stored tile's hashes."""
    return [octets[start : start + HASH] for start in range(0, len(octets), HASH)]


def _split(length: int) -> int:
    """The largest power of two below `length`."""
    return 1 << ((length - 1).bit_length() - 1)
