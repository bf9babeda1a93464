"""The log as a sequence: leaves are made from events below the watermark, in the order (xid, id).

`(xid, id) > cursor AND xid < pg_snapshot_xmin(pg_current_snapshot())`: no transaction that may still commit
has an xid below the snapshot's xmin, so nothing can appear behind the cursor later. `id > last` alone loses
events.
"""

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

import asyncpg
import orjson

from audit.ocsf import OCSF_VERSION, SALT_BYTES, validate
from foundation.clock import Clock
from foundation.ids import NewId, RandomBytes, b64u

MAX_LEAF = 65_535
_WRITER_LOCK = 7_420_032

_HEAD = """
    SELECT epoch, origin, previous_origin, previous_size, previous_root, next_sequence, read_xid, read_id
    FROM audit.log ORDER BY epoch DESC LIMIT 1"""
_READ = """
    SELECT xid, id, line FROM audit.event
    WHERE (xid, id) > ($1, $2) AND xid < pg_snapshot_xmin(pg_current_snapshot())
    ORDER BY xid, id LIMIT $3"""
_ADD = "INSERT INTO audit.leaf (epoch, sequence, event_id, line) VALUES ($1, $2, $3, $4)"
_ADVANCE = """
    UPDATE audit.log SET next_sequence = $3, read_xid = $4, read_id = $5
    WHERE epoch = $1 AND next_sequence = $2"""
_UNACKED = """
    SELECT l.epoch, l.sequence, l.line FROM audit.leaf l
    WHERE l.epoch = $1 AND l.sequence >= $2 ORDER BY l.sequence LIMIT $3"""
_BEHIND = "SELECT epoch, relp_acked FROM audit.log WHERE relp_acked < next_sequence ORDER BY epoch LIMIT 1"
_ACKED = "UPDATE audit.log SET relp_acked = $2 WHERE epoch = $1 AND relp_acked < $2"
_RANGE = """
    SELECT l.epoch, l.sequence, l.line FROM audit.leaf l
    WHERE l.epoch = $1 AND l.sequence >= $2 AND l.sequence < $3 ORDER BY l.sequence"""
_WAITING = """
    SELECT (SELECT sum(next_sequence - relp_acked) FROM audit.log)::bigint AS leaves,
           (SELECT count(*) FROM (SELECT FROM audit.event e WHERE (e.xid, e.id) > ($1, $2) LIMIT 10000) w)
           AS events"""
_STATE = """
    SELECT g.next_sequence AS leaves, g.relp_acked AS acked, g.soc_confirmed AS confirmed,
           (SELECT sum(next_sequence - relp_acked) FROM audit.log)::bigint AS unshipped,
           (SELECT count(*) FROM (SELECT FROM audit.event e WHERE (e.xid, e.id) > ($1, $2) LIMIT 10000) w)
           AS events,
           coalesce(extract(epoch FROM clock_timestamp() - uuid_extract_timestamp(coalesce(
             (SELECT l.event_id FROM audit.leaf l JOIN audit.log b
              ON b.epoch = l.epoch AND l.sequence = b.relp_acked AND b.relp_acked < b.next_sequence
              ORDER BY l.epoch LIMIT 1),
             (SELECT e.id FROM audit.event e WHERE (e.xid, e.id) > ($1, $2) ORDER BY e.xid, e.id LIMIT 1)
           ))), 0)::float8 AS oldest
    FROM audit.log g ORDER BY g.epoch DESC LIMIT 1"""


class LogError(Exception):
    """The log is not as this writer left it: another one is at work, or the database was changed by hand."""


@dataclass(frozen=True, slots=True)
class Leaf:
    """One line as shipped."""

    epoch: int
    sequence: int
    line: bytes


@dataclass(frozen=True, slots=True)
class LogState:
    """The log in numbers: lines of the present epoch, then what waits of all epochs."""

    leaves: int
    acked: int
    confirmed: int
    unshipped: int
    events: int
    oldest: float
    """Seconds since the oldest event or line was recorded that the receiver has not acknowledged."""


def leaf_bytes(line: bytes, origin: str, sequence: int) -> bytes:
    """`line` with its sequence as the last member of `metadata`: the exact bytes of the leaf.

    A line recorded under another origin (an epoch before a restore) is given the origin it is shipped under.
    """
    if line.endswith(b',"log_name":"%s"}}' % origin.encode()):
        octets = b'%s,"sequence":%d}}' % (line[:-2], sequence)
    else:
        value = orjson.loads(line)
        value["metadata"] |= {"log_name": origin, "sequence": sequence}
        octets = orjson.dumps(value)
    if len(octets) > MAX_LEAF:
        raise LogError(f"leaf {sequence} has {len(octets)} bytes")
    return octets


def first_line(
    head: asyncpg.Record, event_id: UUID, at: datetime, salt: bytes, product_version: str
) -> bytes:
    """Line 0 of an epoch, without its sequence. It names the old origin, size and root (base64url) if any."""
    own: dict[str, object] = {"v": 1, "salt": b64u(salt), "action": "log.open", "decision": "allow"}
    if head["previous_origin"] is not None:
        root = head["previous_root"]
        own["previous"] = {
            "origin": head["previous_origin"],
            "size": head["previous_size"],
            "root": None if root is None else b64u(root),
        }
    line = {
        "class_uid": 6003,
        "category_uid": 6,
        "activity_id": 1,
        "type_uid": 600301,
        "time": int(at.timestamp() * 1000),
        "severity_id": 1,
        "status_id": 1,
        "src_endpoint": {"svc_name": "relay"},
        "actor": {"app_name": "relay"},
        "api": {"operation": "log.open"},
        "unmapped": own,
        "metadata": {
            "version": OCSF_VERSION,
            "product": {"name": "hanoi-ioc", "version": product_version},
            "uid": str(event_id),
            "correlation_uid": str(event_id),
            "log_name": head["origin"],
        },
    }
    validate(line)
    return orjson.dumps(line)


class LogWriter:
    """The only writer of the log, on one connection: when that ends, so do the lock and the writing."""

    def __init__(
        self,
        connection: asyncpg.Connection,
        *,
        clock: Clock,
        new_id: NewId,
        random_bytes: RandomBytes,
        product_version: str,
    ) -> None:
        self._connection = connection
        self._clock = clock
        self._new_id = new_id
        self._random_bytes = random_bytes
        self._product_version = product_version

    async def try_to_lock(self) -> bool:
        """Become the writer if there is none. Held until the connection ends."""
        locked: bool = await self._connection.fetchval("SELECT pg_try_advisory_lock($1)", _WRITER_LOCK)
        return locked

    async def append(self, limit: int) -> int:
        """Make leaves of at most `limit` events; how many. Atomic. Raises LogError."""
        async with self._connection.transaction():
            head = await self._head()
            events = await self._connection.fetch(_READ, head["read_xid"], head["read_id"], limit)
            lines = [(event["id"], event["line"].encode()) for event in events]
            if head["next_sequence"] == 0:
                event_id = self._new_id()
                opening = first_line(
                    head, event_id, self._clock.now(), self._random_bytes(SALT_BYTES), self._product_version
                )
                lines.insert(0, (event_id, opening))
            if not lines:
                return 0
            await self._store(head, lines, events[-1] if events else None)
            return len(lines)

    async def _store(
        self, head: asyncpg.Record, lines: list[tuple[UUID, bytes]], last: asyncpg.Record | None
    ) -> None:
        start, origin = head["next_sequence"], head["origin"]
        await self._connection.executemany(
            _ADD,
            [
                (head["epoch"], sequence, event_id, leaf_bytes(line, origin, sequence))
                for sequence, (event_id, line) in enumerate(lines, start)
            ],
        )
        cursor = (head["read_xid"], head["read_id"]) if last is None else (last["xid"], last["id"])
        done = await self._connection.execute(_ADVANCE, head["epoch"], start, start + len(lines), *cursor)
        if done != "UPDATE 1":
            raise LogError("another writer moved the log")

    async def unacknowledged(self, limit: int) -> list[Leaf]:
        """The first leaves that the receiver has not acknowledged, of one epoch, oldest first."""
        behind = await self._connection.fetchrow(_BEHIND)
        if behind is None:
            return []
        rows = await self._connection.fetch(_UNACKED, behind["epoch"], behind["relp_acked"], limit)
        if not rows or rows[0]["sequence"] != behind["relp_acked"]:
            raise LogError(f"leaf {behind['relp_acked']} of epoch {behind['epoch']} is missing")
        return [Leaf(row["epoch"], row["sequence"], row["line"]) for row in rows]

    async def acknowledged(self, epoch: int, size: int) -> None:
        """The receiver took the leaves 0 .. size-1 of `epoch`."""
        await self._connection.execute(_ACKED, epoch, size)

    async def waiting(self) -> tuple[int, int]:
        """(leaves not acknowledged, events not yet leaves): the length of the queue.

        Events are counted up to 10,000: a longer count could meet the role's transaction_timeout.
        """
        head = await self._head()
        row = await self._connection.fetchrow(_WAITING, head["read_xid"], head["read_id"])
        if row is None:
            raise LogError("the queue can't be counted")
        return row["leaves"], row["events"]

    async def state(self) -> LogState:
        """For the metrics. Events are counted up to 10,000, as by `waiting`."""
        head = await self._head()
        row = await self._connection.fetchrow(_STATE, head["read_xid"], head["read_id"])
        if row is None:
            raise LogError("the queue can't be counted")
        return LogState(**row)

    async def _head(self) -> asyncpg.Record:
        head = await self._connection.fetchrow(_HEAD)
        if head is None:
            raise LogError("there is no log")
        return head


async def leaves_between(
    connection: asyncpg.Connection, epoch: int | None, start: int, end: int
) -> list[Leaf]:
    """The leaves start .. end-1 of an epoch, or of the present one. Raises LogError unless all are there."""
    if epoch is None:
        epoch = await connection.fetchval("SELECT max(epoch) FROM audit.log")
    rows = await connection.fetch(_RANGE, epoch, start, end)
    if len(rows) != end - start:
        raise LogError(f"{len(rows)} leaves between {start} and {end} of epoch {epoch}")
    return [Leaf(row["epoch"], row["sequence"], row["line"]) for row in rows]
