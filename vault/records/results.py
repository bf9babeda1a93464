"""Results of writes, kept 24 h under the operation id: a repeated write has one effect and one answer.

A result names ids and versions, no content, and is sealed; so is the digest of the parameters beside it, from
which somebody could else try what was written.
"""

import hashlib
from dataclasses import dataclass
from typing import Any

import msgspec
import rfc8785
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from foundation.errors import IdempotencyMismatch
from vault.call.octets import lp
from vault.call.operations import Asked
from vault.keyring.memory import wiped
from vault.keyring.types import Class
from vault.records.ports import Keys

_DIGEST = hashlib.sha256().digest_size
# A second caller under the same id waits here until the first one's transaction has ended.
_CLAIM = text("SELECT records.claim_result(:sub, :jkt, :id, :at)")
_STORED = text("SELECT tenant, class AS class_, sealed FROM records.stored_result(:sub, :jkt, :id)")
_KEEP = text("SELECT records.keep_result(:sub, :jkt, :id, :tenant, :class, :sealed)")


@dataclass(frozen=True, slots=True)
class Results:
    """Of one vault. Works in the caller's transaction."""

    keys: Keys

    async def claim(self, asked: Asked, operation: str, connection: AsyncConnection) -> dict[str, Any] | None:
        """None when the work is to be done (end it with `keep`), else the stored result.

        Raises IdempotencyMismatch when the operation id was used for something else.
        """
        place = _place(asked)
        if (await connection.execute(_CLAIM, {**place, "at": asked.at})).scalar() is True:
            return None
        row = (await connection.execute(_STORED, place)).one()
        sealed, class_ = bytes(row.sealed), Class(row.class_)
        with wiped(await self.keys.unseal(connection, row.tenant, class_, _name(asked), sealed)) as kept:
            if bytes(kept[:_DIGEST]) != _digest(asked, operation):
                raise IdempotencyMismatch
            stored: dict[str, Any] = msgspec.json.decode(kept[_DIGEST:])
        return stored

    async def keep(
        self,
        asked: Asked,
        operation: str,
        connection: AsyncConnection,
        tenant: str,
        class_: Class,
        result: dict[str, Any],
    ) -> None:
        """Keep the result, in the transaction of the effect."""
        plain = _digest(asked, operation) + msgspec.json.encode(result)
        sealed = await self.keys.seal(connection, tenant, class_, _name(asked), plain)
        values = {**_place(asked), "tenant": tenant, "class": int(class_), "sealed": sealed}
        await connection.execute(_KEEP, values)


def _place(asked: Asked) -> dict[str, object]:
    session = asked.principal.session
    return {"sub": session.sub, "jkt": session.jkt, "id": asked.operation_id}


def _name(asked: Asked) -> bytes:
    session = asked.principal.session
    return lp("ioc-vault/result/v1") + lp(session.sub) + lp(session.jkt) + asked.operation_id


def _digest(asked: Asked, operation: str) -> bytes:
    return hashlib.sha256(lp(operation) + rfc8785.dumps(asked.parameters)).digest()
