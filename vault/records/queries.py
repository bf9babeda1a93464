"""Rows of the schema `records`, by its functions alone. Each repeats in its condition what was decided on."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncConnection

from vault.keyring.types import Class
from vault.records.envelope import Place
from vault.records.errors import Changing

EPOCH_PASSED = "V0001"
"""The SQLSTATE of a scan under a register that has changed."""


@dataclass(frozen=True, slots=True)
class Head:
    """What is known of a record without its content; `wrapped` only of a locked one."""

    record: UUID
    tenant: str
    class_: Class
    version: int
    made_at: datetime
    keep_until: datetime
    wrapped: bytes | None = field(default=None, repr=False)


@dataclass(frozen=True, slots=True)
class Kept:
    """A version as it lies there."""

    place: Place
    at: datetime
    wrapped: bytes = field(repr=False)
    sealed: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class Past:
    """A version in a record's history: when, by whom, how many octets it has sealed."""

    version: int
    at: datetime
    by: str
    octets: int


_HEAD = text("SELECT * FROM records.head(:record, :kind)")
_LOCKED = text("SELECT * FROM records.locked(:record, :kind)")
_OPENED = text("SELECT * FROM records.opened(:record, :tenant, :class, :version, :epoch)")
_PUT_NEW = text(
    "SELECT records.put_new(:record, :tenant, :class, :kind, :wrapped, :schema, :sealed, :by, :at, :epoch)"
)
_PUT_NEXT = text(
    "SELECT records.put_next(:record, :tenant, :class, :version, :schema, :sealed, :by, :at, :epoch)"
)
_DELETED = text("SELECT records.deleted(:record, :tenant, :class, :version, :at, :epoch)")
_HISTORY = text("SELECT * FROM records.history(:record, :tenant, :class, :epoch)")
_SCAN = text("SELECT * FROM records.scan(:tenants, :class, :kind, :epoch, :after, :most)")


async def head(connection: AsyncConnection, record: UUID, kind: str) -> Head | None:
    """A record that the present scope shows."""
    row = (await connection.execute(_HEAD, {"record": record, "kind": kind})).one_or_none()
    if row is None:
        return None
    return Head(record, row.tenant, Class(row.class_), row.version, row.made_at, row.keep_until)


async def locked(connection: AsyncConnection, record: UUID, kind: str) -> Head | None:
    """The same, locked until the transaction ends."""
    row = (await connection.execute(_LOCKED, {"record": record, "kind": kind})).one_or_none()
    if row is None:
        return None
    return Head(
        record, row.tenant, Class(row.class_), row.version, row.made_at, row.keep_until, bytes(row.wrapped)
    )


async def opened(connection: AsyncConnection, head: Head, epoch: int) -> Kept | None:
    """The content of exactly what was decided on; None when it or the register has changed since."""
    values = {**_of(head, epoch), "version": head.version}
    row = (await connection.execute(_OPENED, values)).one_or_none()
    if row is None:
        return None
    place = Place(head.tenant, head.class_, head.record, head.version, row.schema)
    return Kept(place, row.at, bytes(row.wrapped), bytes(row.sealed))


async def put_new(
    connection: AsyncConnection,
    place: Place,
    kind: str,
    wrapped: bytes,
    sealed: bytes,
    by: str,
    at: datetime,
    epoch: int,
) -> bool:
    """Keep a first version. False when the register has changed."""
    values = {
        "record": place.record, "tenant": place.tenant, "class": int(place.class_), "kind": kind,
        "wrapped": wrapped, "schema": place.schema, "sealed": sealed, "by": by, "at": at, "epoch": epoch,
    }  # fmt: skip
    return (await connection.execute(_PUT_NEW, values)).scalar() is True


async def put_next(
    connection: AsyncConnection, place: Place, sealed: bytes, by: str, at: datetime, epoch: int
) -> bool:
    """Keep the version after the newest. False when either that or the register has changed."""
    values = {
        "record": place.record, "tenant": place.tenant, "class": int(place.class_), "version": place.version,
        "schema": place.schema, "sealed": sealed, "by": by, "at": at, "epoch": epoch,
    }  # fmt: skip
    return (await connection.execute(_PUT_NEXT, values)).scalar() is True


async def deleted(connection: AsyncConnection, head: Head, at: datetime, epoch: int) -> bool:
    """Remove key and content. False when record or register has changed, or the record is retained."""
    values = {**_of(head, epoch), "version": head.version, "at": at}
    return (await connection.execute(_DELETED, values)).scalar() is True


async def history(connection: AsyncConnection, head: Head, epoch: int) -> Sequence[Past]:
    """All versions, the newest first; nothing when the register has changed."""
    rows = await connection.execute(_HISTORY, _of(head, epoch))
    return [Past(row.version, row.at, row.by, row.octets) for row in rows]


async def scan(
    connection: AsyncConnection,
    tenants: Sequence[str],
    class_: Class,
    kind: str,
    epoch: int,
    after: UUID | None,
    most: int,
) -> Sequence[Kept]:
    """The newest versions of the next records by id. Raises Changing when the register has changed."""
    values = {
        "tenants": list(tenants), "class": int(class_), "kind": kind, "epoch": epoch,
        "after": after or UUID(int=0), "most": most,
    }  # fmt: skip
    try:
        rows = (await connection.execute(_SCAN, values)).all()
    except DBAPIError as error:
        if getattr(error.orig, "sqlstate", None) == EPOCH_PASSED:
            raise Changing from None
        raise
    return [
        Kept(
            Place(row.tenant, class_, row.record, row.version, row.schema),
            row.at,
            bytes(row.wrapped),
            bytes(row.sealed),
        )
        for row in rows
    ]


def _of(head: Head, epoch: int) -> dict[str, object]:
    return {"record": head.record, "tenant": head.tenant, "class": int(head.class_), "epoch": epoch}
