"""Seeds of request keys in the vault's database, wrapped by a transit key of their own.

Context: lp("ioc-vault/request-seed/v1") ‖ lp(kid) ‖ u64 seconds of its making since 1970. Its end follows
from that: who once had a seed could else give its row a new moment each day. A row is removed an hour
after its end.
"""

from collections.abc import Callable
from datetime import datetime

import structlog
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from foundation.database.database import Database
from foundation.sealing.bao import NotOpened, SealingUnavailable
from foundation.sealing.transit import Transit
from vault.call.keys import SEED
from vault.call.octets import lp
from vault.call.request_keys import AgedKey, RequestKeys
from vault.keyring.errors import KeyringUnavailable

TRANSIT_KEY = "request-seeds"
_ROWS = text("SELECT kid, made, wrapped FROM calls.request_key ORDER BY made")
_ALONE = text("SELECT pg_advisory_xact_lock(7420041)")
_KEEP = text(
    "INSERT INTO calls.request_key (kid, made, not_after, wrapped) VALUES (:kid, :made, :ends, :wrapped)"
)
_FORGET = text("SELECT calls.forget_request_keys()")

log = structlog.get_logger()


class Seeds:
    """Brings a process's request keys to what the database says, and makes the key of a day."""

    def __init__(
        self, keys: RequestKeys, transit: Transit, database: Database, random_bytes: Callable[[int], bytes]
    ) -> None:
        self._keys = keys
        self._transit = transit
        self._database = database
        self._random_bytes = random_bytes

    async def refresh(self, now: datetime) -> None:
        """Hold what is kept; make a key when it is time. Raises KeyringUnavailable, the database's errors.

        What is held goes on meanwhile: a day passes before anybody misses a new key.
        """
        async with self._database.unscoped() as connection:
            await connection.execute(_FORGET)
            await self._load(connection, now)
        if not self._keys.due(now):
            return
        seed = self._random_bytes(SEED)
        fresh = AgedKey.of_seed(seed, now.replace(microsecond=0))
        wrapped = await self._wrap(seed, fresh)
        async with self._database.unscoped() as connection:
            # Whoever comes second finds the key of the first, and is not due any more.
            await connection.execute(_ALONE)
            await self._load(connection, now)
            if self._keys.due(now):
                values = {
                    "kid": fresh.key.kid,
                    "made": fresh.made,
                    "ends": fresh.not_after,
                    "wrapped": wrapped,
                }
                await connection.execute(_KEEP, values)
            else:
                return
        self._keys.hold((fresh, *self._keys.held))

    async def _load(self, connection: AsyncConnection, now: datetime) -> None:
        held = {aged.key.kid: aged for aged in self._keys.held}
        found = []
        for row in (await connection.execute(_ROWS)).all():
            aged = held.get(row.kid) or await self._open(row.kid, row.made, row.wrapped)
            if aged is not None and aged.opens(now):
                found.append(aged)
        if {aged.key.kid for aged in found} != held.keys():
            self._keys.hold(found)

    async def _open(self, kid: bytes, made: datetime, wrapped: str) -> AgedKey | None:
        try:
            (seed,) = await self._transit.decrypt([(wrapped, _context(kid, made))])
            aged = AgedKey.of_seed(seed, made)
        except SealingUnavailable as error:
            raise KeyringUnavailable from error
        except (NotOpened, ValueError):
            aged = None
        if aged is None or aged.key.kid != kid:
            # Changed by somebody. The others serve on.
            log.error("request_key_refused", kid=kid.hex())
            return None
        return aged

    async def _wrap(self, seed: bytes, fresh: AgedKey) -> str:
        try:
            (wrapped,) = await self._transit.encrypt([(seed, _context(fresh.key.kid, fresh.made))])
        except SealingUnavailable as error:
            raise KeyringUnavailable from error
        return wrapped


def _context(kid: bytes, made: datetime) -> bytes:
    return lp(b"ioc-vault/request-seed/v1") + lp(kid) + int(made.timestamp()).to_bytes(8, "big")
