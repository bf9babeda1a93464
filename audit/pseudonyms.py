"""Whom a line is about, for holders of the key table alone: HMAC under a key that can be deleted.

An official (cán bộ) keeps one pseudonym a quarter of the year in Ha Noi, so that the SOC can follow a
pattern; a citizen (công dân) one a session. Deleting the key unlinks every line; the log itself is never
touched.
"""

import base64
import hashlib
import hmac

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from foundation.clock import Clock, quarter_of
from foundation.identity.principal import CitizenPrincipal, OfficialPrincipal, Principal
from foundation.ids import RandomBytes

KEY_BYTES = 32
_PSEUDONYM_BYTES = 16

_KEY = text("SELECT audit.key_of_pseudonym(:iss, :sub, :period, :fresh)")


def pseudonym(key: bytes, iss: str, sub: str) -> str:
    """base32 of the first 16 bytes of HMAC-SHA-256(key, iss LF sub), without padding: 26 characters."""
    digest = hmac.new(key, f"{iss}\n{sub}".encode(), hashlib.sha256).digest()
    return base64.b32encode(digest[:_PSEUDONYM_BYTES]).rstrip(b"=").decode("ascii")


class Pseudonyms:
    """Finds the key of a person and period, or makes it in the same transaction."""

    def __init__(self, clock: Clock, random_bytes: RandomBytes) -> None:
        self._clock = clock
        self._random_bytes = random_bytes

    async def of(self, connection: AsyncConnection, principal: Principal) -> str | None:
        """The pseudonym of a person; None for nobody and for machines."""
        match principal:
            case OfficialPrincipal():
                period = quarter_of(self._clock.now())
            case CitizenPrincipal():
                period = f"session:{principal.session.sid}"
            case _:
                return None
        session = principal.session
        key = await self._key(connection, {"iss": session.iss, "sub": session.sub, "period": period})
        return pseudonym(key, session.iss, session.sub)

    async def _key(self, connection: AsyncConnection, row: dict[str, object]) -> bytes:
        # A key of a person who has one already is thrown away: one round trip, and the table is nobody's.
        fresh = self._random_bytes(KEY_BYTES)
        found: bytes = (await connection.execute(_KEY, row | {"fresh": fresh})).scalar_one()
        return found
