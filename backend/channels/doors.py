"""Finds channels and their keys before there is a principal; remembers them for two seconds.

What is remembered decides nothing by itself: whether the channel is active, the key in force is asked
again in the statement that takes a report in (migration 0024).
"""

import hashlib
import time
from collections import OrderedDict
from collections.abc import Callable
from typing import Any, Protocol
from uuid import UUID

from backend.channels.types import ChannelKind, ChannelState, Door, Key
from foundation.clock import Clock
from foundation.database.database import Database
from foundation.phones import PhoneSeal

PURPOSE = "channel-key"
REMEMBERED_SECONDS = 2.0
MOST = 1_000
_DOOR = "SELECT * FROM channels.door($1, $2)"
_CLIENT = "SELECT * FROM channels.client($1, $2)"


class KeySeal(Protocol):
    """Seals secrets, each bound to its key's id: foundation.phones.PhoneSeal under a key of its own."""

    def seal(self, text: str, purpose: str, about: UUID) -> bytes: ...

    def open(self, sealed: bytes, purpose: str, about: UUID) -> str: ...


def seal_secret(seal: KeySeal, secret: bytes, key_id: UUID) -> bytes:
    """A secret as it lies in the database."""
    return seal.seal(secret.hex(), PURPOSE, key_id)


def open_secret(seal: KeySeal, sealed: bytes, key_id: UUID) -> bytes:
    """Inverse of `seal_secret`. Raises foundation.phones.NotOpened."""
    return bytes.fromhex(seal.open(sealed, PURPOSE, key_id))


def digest_of(api_key: str) -> bytes:
    """What is kept of an Open311 key, which has 256 random bits."""
    return hashlib.sha256(b"ioc/open311-key/v1\0" + api_key.encode("utf-8")).digest()


class Doors:
    """Channels as their messages meet them."""

    def __init__(
        self,
        database: Database,
        seal: PhoneSeal,
        clock: Clock,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._database = database
        self._seal = seal
        self._clock = clock
        self._monotonic = monotonic
        self._known: OrderedDict[tuple[str, str | bytes], tuple[float, Door | None]] = OrderedDict()

    async def of_channel(self, code: str) -> Door | None:
        """The channel of this code with its keys, or None."""
        return await self._find(("code", code), _DOOR, code)

    async def of_client(self, api_key: str) -> Door | None:
        """The channel whose Open311 key this is, with that key; None for a key of nobody."""
        digest = digest_of(api_key)
        return await self._find(("key", digest), _CLIENT, digest)

    async def _find(self, known_by: tuple[str, str | bytes], statement: str, asked: object) -> Door | None:
        now = self._monotonic()
        until, door = self._known.get(known_by, (0.0, None))
        if now < until:
            return door
        rows = await self._database.pool.fetch(statement, asked, self._clock.now())
        door = self._door_of(rows)
        self._known[known_by] = (now + REMEMBERED_SECONDS, door)
        self._known.move_to_end(known_by)
        if len(self._known) > MOST:
            self._known.popitem(last=False)
        return door

    def _door_of(self, rows: list[Any]) -> Door | None:
        if not rows:
            return None
        first = rows[0]
        sealed = "sealed" in first.keys()  # noqa: SIM118 - an asyncpg record's own way
        return Door(
            code=first["code"],
            kind=ChannelKind(first["kind"]),
            state=ChannelState(first["state"]),
            zalo_app_id=first["zalo_app_id"] if sealed else None,
            rate_amount=first["rate_amount"],
            rate_seconds=first["rate_seconds"],
            keys=tuple(
                Key(row["key_id"], open_secret(self._seal, row["sealed"], row["key_id"]) if sealed else b"")
                for row in rows
                if row["key_id"] is not None
            ),
        )
