"""Keyring, register and second factor as records see them; the register's epoch is the database's."""

import secrets
from dataclasses import dataclass, field
from datetime import datetime
from uuid import UUID

from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from foundation.errors import Refusal
from tests.vault.parts import NOW
from vault.keyring.types import Class, NewDataKey

_EPOCH = text("SELECT authority.epoch()")


class KeysAway(Refusal):
    """As vault.keyring.errors.KeyringUnavailable."""

    code = "vault.keyring_unavailable"
    vi = "Không có khóa."
    en = "No keys."


@dataclass
class Keys:
    """One key for everything, with the keyring's lengths."""

    master: AESGCM = field(default_factory=lambda: AESGCM(secrets.token_bytes(32)))
    away: bool = False

    def _seal(self, plain: bytes | bytearray, bound: bytes) -> bytes:
        if self.away:
            raise KeysAway
        nonce = secrets.token_bytes(12)
        return b"\x01\0\0\0\x01" + nonce + self.master.encrypt(nonce, bytes(plain), bound)

    def _open(self, sealed: bytes, bound: bytes) -> bytearray:
        if self.away:
            raise KeysAway
        return bytearray(self.master.decrypt(sealed[5:17], sealed[17:], bound))

    async def new_data_key(
        self, connection: AsyncConnection, tenant: str, class_: Class, record: UUID
    ) -> NewDataKey:
        """As the keyring's."""
        key = bytearray(secrets.token_bytes(32))
        return NewDataKey(key, self._seal(key, f"{tenant}{class_}{record}".encode()))

    async def data_key(
        self, connection: AsyncConnection, tenant: str, class_: Class, record: UUID, wrapped: bytes
    ) -> bytearray:
        """As the keyring's."""
        return self._open(wrapped, f"{tenant}{class_}{record}".encode())

    async def seal(
        self,
        connection: AsyncConnection,
        tenant: str,
        class_: Class,
        name: bytes,
        plaintext: bytes | bytearray,
    ) -> bytes:
        """As the keyring's."""
        return self._seal(plaintext, name)

    async def unseal(
        self, connection: AsyncConnection, tenant: str, class_: Class, name: bytes, sealed: bytes
    ) -> bytearray:
        """As the keyring's."""
        return self._open(sealed, name)


@dataclass(frozen=True)
class Enrolled:
    """A device in force."""

    jkt: str
    person: str
    usable_from: datetime = NOW
    native: bool = True


@dataclass(frozen=True)
class Held:
    """A clearance in force."""

    tenant: str
    class_: int
    role: str


@dataclass(frozen=True)
class Stands:
    """A person on a device."""

    device: Enrolled | None
    clearances: tuple[Held, ...]
    epoch: int
    own_records: frozenset[UUID]


@dataclass
class Register:
    """Whoever the test says. `moved` is called between the standing and what follows it."""

    devices: dict[str, Enrolled] = field(default_factory=dict)
    files: dict[str, UUID] = field(default_factory=dict)
    superiors: dict[str, frozenset[str]] = field(default_factory=dict)
    clearances: dict[str, tuple[Held, ...]] = field(default_factory=dict)
    asked: int = 0
    meanwhile: list = field(default_factory=list)
    """What happens after the next standings were told, one each."""

    async def standing(self, connection: AsyncConnection, person: str, jkt: str, at: datetime) -> Stands:
        """As the register's."""
        self.asked += 1
        epoch = (await connection.execute(_EPOCH)).scalar_one()
        device = self.devices.get(jkt)
        mine = device is not None and device.person == person
        own = frozenset({self.files[person]} if person in self.files else ())
        stands = Stands(device if mine else None, self.clearances.get(person, ()), epoch, own)
        if self.meanwhile:
            self.meanwhile.pop(0)()
        return stands

    def superiors_of(self, person: str) -> frozenset[str]:
        """As the register's."""
        return self.superiors.get(person, frozenset())


@dataclass
class Factor:
    """A code counts for everybody, or for nobody."""

    given: bool = True

    async def counts(
        self, connection: AsyncConnection, sub: str, sid: str, jkt: str, class_: int, at: datetime
    ) -> bool:
        """As the second factor's."""
        return self.given


@dataclass
class Watch:
    """Keycloak's events are followed."""

    resets: set[str] = field(default_factory=set)

    def check(self, class_: int, at: datetime) -> None:
        """As the watch's."""

    async def suspended(self, connection: AsyncConnection, sub: str) -> bool:
        """As the watch's."""
        return sub in self.resets
