"""The chain as rows for an operator to read, verified on the way."""

from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from vault.authority.register import Register
from vault.authority.statements import parse

_ALL = text("SELECT n, octets, head FROM authority.statement ORDER BY n")


@dataclass(frozen=True, slots=True)
class Link:
    """One statement."""

    n: int
    kind: str
    made_at: datetime
    signers: tuple[str, ...]
    """Thumbprints."""
    reason: str
    head: bytes


async def links(register: Register, connection: AsyncConnection) -> AsyncIterator[Link]:
    """All statements, after all of them were verified. Raises RegisterBroken."""
    await register.refresh(connection)
    for row in (await connection.execute(_ALL)).all():
        statement = parse(bytes(row.octets))
        content = statement.content
        signers = tuple(one.kid for one in statement.signatures)
        yield Link(row.n, content.kind, content.made_at, signers, content.reason, bytes(row.head))
