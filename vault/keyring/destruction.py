"""Destruction of epochs that nothing lies under any more, and of the versions that wrapped them.

Complete only when every backup of database and OpenBao of before is gone: either revives what was destroyed.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Protocol

import psycopg

from vault.keyring import envelopes
from vault.keyring.administration import HvacClient, version_of
from vault.keyring.types import Class

RESULTS = timedelta(hours=25)
"""Results of writes lie under an epoch key for 24 hours."""
# Superseded so long ago that no result is left under it.
_OLD = (
    "SELECT k.tenant, k.epoch FROM keyring.epoch_key k WHERE k.class = %(class)s AND k.made_at < %(before)s"
    " AND EXISTS (SELECT FROM keyring.epoch_key n WHERE n.tenant = k.tenant AND n.class = k.class"
    " AND n.epoch > k.epoch AND n.made_at < now() - %(results)s) ORDER BY k.tenant, k.epoch"
)
_KEYS = "SELECT tenant, wrapped FROM records.record WHERE class = %s AND wrapped IS NOT NULL"
_REMOVE = "DELETE FROM keyring.epoch_key WHERE tenant = %s AND class = %s AND epoch = %s"
_LEFT = "SELECT wrapped FROM keyring.epoch_key WHERE class = %s"


class StillInUse(Exception):
    """Records lie under what is to be destroyed: they are moved first."""

    def __init__(self, records: int) -> None:
        super().__init__(records)
        self.records = records


class Versions(Protocol):
    """The part of OpenBao that destruction needs."""

    def trim(self, key: str, oldest: int) -> None: ...


class HvacVersions(HvacClient):
    """OpenBao as the role `destroy`, by hvac."""

    def trim(self, key: str, oldest: int) -> None:
        """Destroy all versions before `oldest`. Repeating it does nothing."""
        # Past hvac's own method, which refuses equal limits.
        limits = {"min_encryption_version": oldest, "min_decryption_version": oldest}
        self.client.adapter.post(f"/v1/transit/keys/{key}/config", json=limits)
        self.client.secrets.transit.trim_key(key, oldest)


@dataclass(frozen=True)
class Destroyed:
    """What was done for a class."""

    epochs: int
    oldest_version: int | None
    """Of the class's key, that is left. None: the class has no epoch, so nothing was trimmed."""


def destroy(
    versions: Versions, connection: psycopg.Connection[Any], class_: Class, before: datetime
) -> Destroyed:
    """Destroy epochs that were made before a moment. Raises StillInUse: then nothing was.

    What was cut off goes on with the next run: rows go first, then versions that no row is left under.
    """
    with connection.transaction():
        values = {"class": int(class_), "before": before, "results": RESULTS}
        old: set[tuple[str, int]] = set(connection.execute(_OLD.encode(), values).fetchall())
        rows = connection.execute(_KEYS.encode(), (int(class_),)).fetchall()
        used = sum((tenant, envelopes.number_of(bytes(wrapped))) in old for tenant, wrapped in rows)
        if used:
            raise StillInUse(used)
        for tenant, epoch in old:
            connection.execute(_REMOVE.encode(), (tenant, int(class_), epoch))
    left = [version_of(wrapped) for (wrapped,) in connection.execute(_LEFT.encode(), (int(class_),))]
    if not left:
        return Destroyed(len(old), None)
    versions.trim(class_.transit_key, min(left))
    return Destroyed(len(old), min(left))
