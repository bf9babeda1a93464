"""Rotation: a new version of a class's key, a new epoch for each unit, older epoch keys under that one.

Work goes on meanwhile: what is wrapped opens at each moment, under the version that its row names. Whoever
rotates opens nothing: OpenBao makes the new epoch keys itself and hands out only how they are wrapped.
"""

import base64
from dataclasses import dataclass
from typing import Any, Protocol

import hvac
import psycopg
from hvac.exceptions import InvalidRequest

from foundation.database.connections import for_psycopg
from foundation.settings import DatabaseSettings, OpenBaoSettings
from vault.keyring.envelopes import Epoch
from vault.keyring.types import Class

_ROWS = "SELECT tenant, epoch, wrapped FROM keyring.epoch_key WHERE class = %s ORDER BY tenant, epoch"
_BEGIN = (
    "INSERT INTO keyring.epoch_key (tenant, class, epoch, wrapped) VALUES (%s, %s, %s, %s)"
    " ON CONFLICT DO NOTHING"
)
# Only what was read: somebody else may have brought it on meanwhile.
_EXCHANGE = (
    "UPDATE keyring.epoch_key SET wrapped = %s"
    " WHERE tenant = %s AND class = %s AND epoch = %s AND wrapped = %s"
)


class ClassKeys(Protocol):
    """The part of OpenBao that rotation needs."""

    def rotate(self, key: str) -> None: ...

    def newest(self, key: str) -> int: ...

    def wrapped_key(self, key: str, context: bytes) -> str: ...

    def rewrap(self, key: str, wrapped: str, context: bytes) -> str | None: ...


class HvacClient:
    """OpenBao as a role, by hvac: for administration, where nobody waits."""

    def __init__(self, settings: OpenBaoSettings) -> None:
        pair = (str(settings.certificate_file), str(settings.key_file))
        # hvac's own limit is 30 s; a version is written to the disk before it is answered.
        self.client = hvac.Client(
            url=settings.url, verify=str(settings.ca_file), cert=pair, timeout=(settings.seconds, 30)
        )
        answer = self.client.adapter.post("/v1/auth/cert/login", json={"name": settings.role})
        self.client.token = answer["auth"]["client_token"]

    def close(self) -> None:
        """Give the token back."""
        self.client.auth.token.revoke_self()
        self.client.adapter.close()


class HvacKeys(HvacClient):
    """OpenBao as the role `rotate`."""

    def rotate(self, key: str) -> None:
        """A new version, which seals from now on."""
        self.client.secrets.transit.rotate_key(key)

    def newest(self, key: str) -> int:
        """The version that seals."""
        found: int = self.client.secrets.transit.read_key(key)["data"]["latest_version"]
        return found

    def wrapped_key(self, key: str, context: bytes) -> str:
        """A fresh random key of 32 octets that nobody has seen, wrapped."""
        made = self.client.secrets.transit.generate_data_key(
            key, key_type="wrapped", context=_b64(context), bits=256
        )
        found: str = made["data"]["ciphertext"]
        return found

    def rewrap(self, key: str, wrapped: str, context: bytes) -> str | None:
        """The same under the newest version; None when it does not open for this place."""
        try:
            made = self.client.secrets.transit.rewrap_data(key, wrapped, context=_b64(context))
        except InvalidRequest:
            return None
        found: str = made["data"]["ciphertext"]
        return found


@dataclass
class Rotated:
    """What was done for a class."""

    version: int
    """Of the class's key, which everything now lies under."""
    resumed: bool
    """Whether this finished what had been cut off; then no version was made."""
    epochs: int = 0
    """Units that have a new epoch."""
    rewrapped: int = 0
    refused: int = 0
    """Rows that do not open: somebody changed them. They stay as they are."""


class Rotation:
    """One class after the other. What was cut off is finished by the next run, at whatever step it was."""

    def __init__(self, keys: ClassKeys, connection: psycopg.Connection[Any]) -> None:
        self._keys = keys
        self._connection = connection

    def rotate(self, class_: Class) -> Rotated:
        """Rotate a class, or finish its last rotation. Raises hvac's errors and psycopg's: run it again."""
        key = class_.transit_key
        version = self._keys.newest(key)
        resumed = any(version_of(wrapped) < version for _, _, wrapped in self._rows(class_))
        if not resumed:
            self._keys.rotate(key)
            version = self._keys.newest(key)
        done = Rotated(version, resumed)
        self._begin_epochs(class_, done)
        self._rewrap(class_, done)
        return done

    def _begin_epochs(self, class_: Class, done: Rotated) -> None:
        newest = {tenant: (epoch, wrapped) for tenant, epoch, wrapped in self._rows(class_)}
        for tenant, (number, wrapped) in newest.items():
            if version_of(wrapped) >= done.version:
                continue  # begun by the run that was cut off, or by a unit's first record since
            epoch = Epoch(tenant, class_, number + 1)
            fresh = self._keys.wrapped_key(class_.transit_key, epoch.context)
            done.epochs += self._execute(_BEGIN, (tenant, int(class_), epoch.number, fresh))

    def _rewrap(self, class_: Class, done: Rotated) -> None:
        for tenant, number, wrapped in self._rows(class_):
            if version_of(wrapped) >= done.version:
                continue
            again = self._keys.rewrap(class_.transit_key, wrapped, Epoch(tenant, class_, number).context)
            if again is None:
                done.refused += 1
            else:
                done.rewrapped += self._execute(_EXCHANGE, (again, tenant, int(class_), number, wrapped))

    def _rows(self, class_: Class) -> list[tuple[str, int, str]]:
        return self._connection.execute(_ROWS, (int(class_),)).fetchall()

    def _execute(self, statement: str, values: tuple[object, ...]) -> int:
        """Each row is a transaction: nothing waits for a long one."""
        return self._connection.execute(statement.encode(), values).rowcount


def connected(settings: DatabaseSettings) -> psycopg.Connection[Any]:
    """As the role that rotates."""
    return psycopg.connect(**for_psycopg(settings), autocommit=True)


def version_of(wrapped: str) -> int:
    """The version of the key that wrapped it."""
    return int(wrapped.split(":")[1].removeprefix("v"))


def _b64(octets: bytes) -> str:
    return base64.b64encode(octets).decode("ascii")
