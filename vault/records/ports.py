"""What records need of keyring, register and second factor, in their words."""

from collections.abc import Collection, Sequence
from datetime import datetime
from typing import Protocol
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncConnection

from vault.keyring.types import Class, NewDataKey


class Keys(Protocol):
    """vault.keyring.service.Keyring."""

    async def new_data_key(
        self, connection: AsyncConnection, tenant: str, class_: Class, record: UUID
    ) -> NewDataKey: ...

    async def data_key(
        self, connection: AsyncConnection, tenant: str, class_: Class, record: UUID, wrapped: bytes
    ) -> bytearray: ...

    async def seal(
        self,
        connection: AsyncConnection,
        tenant: str,
        class_: Class,
        name: bytes,
        plaintext: bytes | bytearray,
    ) -> bytes: ...

    async def unseal(
        self, connection: AsyncConnection, tenant: str, class_: Class, name: bytes, sealed: bytes
    ) -> bytearray: ...


class Device(Protocol):
    """An enrolled device, by its key."""

    @property
    def jkt(self) -> str: ...
    @property
    def person(self) -> str: ...
    @property
    def usable_from(self) -> datetime: ...
    @property
    def native(self) -> bool: ...


class Clearance(Protocol):
    """What a person may do with records of a tenant, up to a class."""

    @property
    def tenant(self) -> str: ...
    @property
    def class_(self) -> int: ...
    @property
    def role(self) -> str: ...


class Standing(Protocol):
    """A person on a device at a moment: what is in force, and every file that was ever about the person."""

    @property
    def device(self) -> Device | None: ...
    @property
    def own_records(self) -> frozenset[UUID]: ...
    @property
    def clearances(self) -> Sequence[Clearance]: ...
    @property
    def epoch(self) -> int: ...


class Register(Protocol):
    """vault.authority.register.Register."""

    async def standing(
        self, connection: AsyncConnection, person: str, jkt: str, at: datetime
    ) -> Standing: ...

    def superiors_of(self, person: str) -> Collection[str]:
        """Everybody ever above, however far, as of the last look."""
        ...


class Factor(Protocol):
    """vault.second_factor: whether a code counts now."""

    async def counts(
        self, connection: AsyncConnection, sub: str, sid: str, jkt: str, class_: int, at: datetime
    ) -> bool: ...


class Watch(Protocol):
    """vault.credentials.watch.CredentialWatch: resets of credentials at Keycloak."""

    def check(self, class_: int, at: datetime) -> None:
        """Raise a Refusal while Keycloak's events are not followed."""
        ...

    async def suspended(self, connection: AsyncConnection, sub: str) -> bool:
        """Whether a reset at Keycloak keeps this person out until enrolled again."""
        ...
