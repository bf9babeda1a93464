"""The log's tree and checkpoints in its database: tiles, what was signed, what witnesses cosigned.

One writer, on one connection, as with the lines (audit/log.py): an advisory lock sees to it.
"""

from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

import asyncpg
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from audit.log import LogError
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
from verifier import notes
from verifier.checkpoints import Checkpoint, read
from verifier.merkle import leaf_hash

_LOCK = 7_420_033

_LOG = "SELECT epoch, origin FROM audit.log ORDER BY epoch DESC LIMIT 1"
_FULL = "SELECT level, max(index) + 1 AS full FROM audit.tile WHERE epoch = $1 GROUP BY level ORDER BY level"
_ROOTS = """
    SELECT index, root FROM audit.tile WHERE epoch = $1 AND level = $2 AND index >= $3 ORDER BY index"""
_TILE = "SELECT hashes FROM audit.tile WHERE epoch = $1 AND level = $2 AND index = $3"
_LEAVES = """
    SELECT l.sequence, l.line FROM audit.leaf l
    WHERE l.epoch = $1 AND l.sequence >= $2 ORDER BY l.sequence LIMIT $3"""
_ADD_TILE = "INSERT INTO audit.tile (epoch, level, index, hashes, root) VALUES ($1, $2, $3, $4, $5)"
_LAST = "SELECT size, note FROM audit.checkpoint WHERE epoch = $1 ORDER BY size DESC LIMIT 1"
_ADD_CHECKPOINT = "INSERT INTO audit.checkpoint (epoch, size, root, note) VALUES ($1, $2, $3, $4)"
_COSIGNED = """
    SELECT size, at FROM audit.cosignature WHERE epoch = $1 AND witness = $2
    ORDER BY size DESC, at DESC LIMIT 1"""
_ADD_COSIGNATURE = """
    INSERT INTO audit.cosignature (epoch, size, witness, at, line) VALUES ($1, $2, $3, $4, $5)
    ON CONFLICT DO NOTHING"""


class NoteSigner(Protocol):
    """Signs checkpoints: a key in a file here, OpenBao's transit when the vault has its own."""

    async def sign(self, origin: str, text: str) -> str:
        """`text` as a note signed under the name `origin`."""
        ...


class KeySigner:
    """A key in this process's memory."""

    def __init__(self, key: Ed25519PrivateKey) -> None:
        self._key = key

    async def sign(self, origin: str, text: str) -> str:
        """As NoteSigner."""
        return notes.sign(text, origin, [self._key])


@dataclass(frozen=True, slots=True)
class Signed:
    """A checkpoint and the note that carries it."""

    checkpoint: Checkpoint
    note: str


@dataclass(frozen=True, slots=True)
class Cosigned:
    """How much of the log a witness has cosigned, and when."""

    size: int
    at: datetime


class TreeKeeper:
    """The tree of the log's present epoch. `open` first; any error of the database spoils the object."""

    def __init__(self, connection: asyncpg.Connection, epoch: int, origin: str, frontier: Frontier) -> None:
        self._connection = connection
        self._epoch = epoch
        self._frontier = frontier
        self.origin = origin

    @classmethod
    async def try_to_lock(cls, connection: asyncpg.Connection) -> bool:
        """Become the one who signs if there is none. Held until the connection ends."""
        locked: bool = await connection.fetchval("SELECT pg_try_advisory_lock($1)", _LOCK)
        return locked

    @classmethod
    async def open(cls, connection: asyncpg.Connection) -> "TreeKeeper":
        """The tree as the stored tiles tell it. Raises LogError when they don't fit each other."""
        log = await connection.fetchrow(_LOG)
        if log is None:
            raise LogError("there is no log")
        epoch = log["epoch"]
        full = [row["full"] for row in await connection.fetch(_FULL, epoch)]
        open_tiles: list[list[bytes]] = [[]]
        for level, count in enumerate(full):
            above = full[level + 1] if level + 1 < len(full) else 0
            rows = await connection.fetch(_ROOTS, epoch, level, above * WIDTH)
            if [row["index"] for row in rows] != list(range(above * WIDTH, count)) or len(rows) >= WIDTH:
                raise LogError(f"tiles of level {level} are missing")
            open_tiles.append([row["root"] for row in rows])
        size = full[0] << HEIGHT if full else 0
        try:
            frontier = Frontier(size, open_tiles)
        except ValueError as error:
            raise LogError(str(error)) from error
        return cls(connection, epoch, log["origin"], frontier)

    @property
    def size(self) -> int:
        """Leaves in the tree."""
        return self._frontier.size

    async def extend(self, limit: int) -> int:
        """Add the next leaves, at most `limit`; how many. Raises LogError when one is missing."""
        rows = await self._connection.fetch(_LEAVES, self._epoch, self.size, limit)
        filled: list[Tile] = []
        for row in rows:
            if row["sequence"] != self.size:
                raise LogError(f"leaf {self.size} is missing")
            filled += self._frontier.add(leaf_hash(row["line"]))
        if filled:
            await self._connection.executemany(
                _ADD_TILE, [(self._epoch, tile.level, tile.index, tile.hashes, tile.root) for tile in filled]
            )
        return len(rows)

    async def newest(self) -> Signed | None:
        """The newest checkpoint that was stored. Raises LogError unless the tree has it in it."""
        row = await self._connection.fetchrow(_LAST, self._epoch)
        if row is None:
            return None
        checkpoint = read(notes.parse(row["note"])[0])
        if checkpoint.size > self.size:
            raise LogError(f"the log has {self.size} leaves, and {checkpoint.size} were signed")
        if (checkpoint.origin, await self.root_at(checkpoint.size)) != (self.origin, checkpoint.root):
            raise LogError(f"the first {checkpoint.size} leaves are not those that were signed")
        return Signed(checkpoint, row["note"])

    async def sign(self, signer: NoteSigner) -> Signed:
        """Sign the tree as it is and store that."""
        checkpoint = Checkpoint(self.origin, self.size, self._frontier.root())
        note = await signer.sign(self.origin, checkpoint.text)
        await self._connection.execute(_ADD_CHECKPOINT, self._epoch, checkpoint.size, checkpoint.root, note)
        return Signed(checkpoint, note)

    async def root_at(self, size: int) -> bytes:
        """The root when the log had `size` leaves. Raises LogError."""
        try:
            return await root_of_span((0, size), self._hashes)
        except LookupError as error:
            raise LogError(f"the tree is not whole: {error}") from error

    async def consistency(self, old: int, size: int) -> list[bytes]:
        """That the first `old` leaves are the beginning of the first `size`. Raises LogError."""
        return await self._proof(consistency_spans(old, size))

    async def inclusion(self, index: int, size: int) -> list[bytes]:
        """That leaf `index` is in the tree of the first `size`. Raises LogError."""
        return await self._proof(inclusion_spans(index, size))

    async def cosigned(self, witness: str) -> Cosigned | None:
        """What the witness has cosigned of this epoch."""
        row = await self._connection.fetchrow(_COSIGNED, self._epoch, witness)
        return None if row is None else Cosigned(row["size"], row["at"])

    async def store_cosignature(self, size: int, witness: str, at: datetime, line: str) -> None:
        """Keep a witness's line, which was verified."""
        await self._connection.execute(_ADD_COSIGNATURE, self._epoch, size, witness, at, line)

    async def _proof(self, spans: list[tuple[int, int]]) -> list[bytes]:
        try:
            return await proof_of(spans, self._hashes)
        except LookupError as error:
            raise LogError(f"the tree is not whole: {error}") from error

    async def _hashes(self, level: int, index: int) -> list[bytes]:
        octets = await self._connection.fetchval(_TILE, self._epoch, level, index)
        if octets is not None:
            return hashes_of(octets)
        return list(self._frontier.open_tile(level, index))
