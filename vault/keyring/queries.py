"""Rows of the schema `keyring`, through its functions alone: nobody lists tenants and classes."""

import asyncpg
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from vault.keyring.envelopes import Epoch
from vault.keyring.types import Class

FIRST = 1
"""The number of a tenant's first epoch of a class."""
_FIND = text("SELECT epoch, wrapped FROM keyring.find(:tenant, :class, :epoch)")
_BEGIN = "SELECT keyring.begin($1, $2, $3)"


async def find(
    connection: AsyncConnection, tenant: str, class_: Class, number: int | None
) -> tuple[Epoch, str] | None:
    """An epoch and its wrapped key; the newest when no number is given; None when there is none."""
    values = {"tenant": tenant, "class": int(class_), "epoch": number}
    row = (await connection.execute(_FIND, values)).one_or_none()
    return None if row is None else (Epoch(tenant, class_, row.epoch), row.wrapped)


async def begin(
    connection: asyncpg.Connection, tenant: str, class_: Class, wrapped: str
) -> tuple[Epoch, str] | None:
    """Keep the first epoch's key unless somebody was first. What stands; None when later ones stand alone."""
    stands = await connection.fetchval(_BEGIN, tenant, int(class_), wrapped)
    return None if stands is None else (Epoch(tenant, class_, FIRST), stands)
