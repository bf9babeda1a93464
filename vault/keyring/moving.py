"""Data keys of records brought to the newest epoch of unit and class, so that older ones can be destroyed.

Records go on being read, written and deleted meanwhile: a key is exchanged only for what was read. What was
cut off goes on with the next run, for the octets say the epoch.
"""

from dataclasses import dataclass
from uuid import UUID

import structlog
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from foundation.database.database import Database
from vault.keyring import envelopes
from vault.keyring.errors import EnvelopeRefused
from vault.keyring.service import Keyring
from vault.keyring.types import Class

BATCH = 100
"""Records of a transaction."""
_NEWEST = text(
    "SELECT tenant, max(epoch) AS epoch FROM keyring.epoch_key WHERE class = :class GROUP BY tenant"
)
_PAGE = text(
    "SELECT id, tenant, wrapped FROM records.record"
    " WHERE class = :class AND wrapped IS NOT NULL AND id > :after ORDER BY id LIMIT :most"
)
_EXCHANGE = text("UPDATE records.record SET wrapped = :fresh WHERE id = :id AND wrapped = :wrapped")

log = structlog.get_logger()


@dataclass
class Moved:
    """What was done for a class."""

    moved: int = 0
    refused: int = 0
    """Keys that do not open for their record: somebody changed them. They stay as they are."""


async def move(database: Database, keyring: Keyring, class_: Class) -> Moved:
    """Every record's key of a class under its unit's newest epoch. Raises KeyringUnavailable."""
    done, after = Moved(), UUID(int=0)
    while True:
        async with database.unscoped() as connection:
            newest = {
                row.tenant: row.epoch for row in await connection.execute(_NEWEST, {"class": int(class_)})
            }
            page = (
                await connection.execute(_PAGE, {"class": int(class_), "after": after, "most": BATCH})
            ).all()
            for row in page:
                if envelopes.number_of(row.wrapped) < newest.get(row.tenant, 0):
                    await _one(connection, keyring, class_, row.id, row.tenant, row.wrapped, done)
        if len(page) < BATCH:
            return done
        after = page[-1].id


async def _one(
    connection: AsyncConnection,
    keyring: Keyring,
    class_: Class,
    record: UUID,
    tenant: str,
    wrapped: bytes,
    done: Moved,
) -> None:
    try:
        fresh = await keyring.rewrapped(connection, tenant, class_, record, wrapped)
    except EnvelopeRefused:
        log.error("data_key_refused", record=str(record))
        done.refused += 1
        return
    values = {"fresh": fresh, "id": record, "wrapped": wrapped}
    done.moved += (await connection.execute(_EXCHANGE, values)).rowcount
