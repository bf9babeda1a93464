"""Data keys of records, small things, and small secrets, under keys that the vault's OpenBao alone has.

A key that can't be wrapped or kept is no key: nothing is returned before both are done.
"""

import time
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from uuid import UUID

import asyncpg
import structlog
from sqlalchemy.ext.asyncio import AsyncConnection

from foundation.database.connections import connect, for_asyncpg
from foundation.sealing.bao import Bao, NotOpened, SealingUnavailable
from foundation.sealing.transit import Transit
from foundation.settings import DatabaseSettings, KeyringSettings
from vault.call.octets import lp
from vault.keyring import envelopes, queries
from vault.keyring.cache import EpochKeys
from vault.keyring.envelopes import DATA_KEY, KEY, NONCE, VERSION, Epoch
from vault.keyring.errors import EnvelopeRefused, KeyringUnavailable
from vault.keyring.memory import wiped
from vault.keyring.types import Class, NewDataKey

CONNECT_SECONDS = 10.0
SECRETS = "secrets"

log = structlog.get_logger()


class Keyring:
    """Makes and opens keys.

    `database` is how to reach the vault's database apart from the caller's transaction.
    """

    def __init__(
        self,
        settings: KeyringSettings,
        database: DatabaseSettings,
        random_bytes: Callable[[int], bytes],
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self.serve = Bao(settings.serve, monotonic)
        self.restricted = Bao(settings.restricted, monotonic)
        self._database = database
        self._random_bytes = random_bytes
        self._cache = EpochKeys(monotonic)
        self._secrets = Transit(self.serve, SECRETS)
        self._classes: Mapping[Class, Transit] = {
            class_: Transit(self.restricted if class_ is Class.RESTRICTED else self.serve, class_.transit_key)
            for class_ in Class
        }

    async def new_data_key(
        self, connection: AsyncConnection, tenant: str, class_: Class, record: UUID
    ) -> NewDataKey:
        """A key for a new record, under the newest epoch; the first epoch is made when there is none.

        `tenant` is the unit's code. Raises KeyringUnavailable, EnvelopeRefused.
        """
        async with self._newest(connection, tenant, class_) as (epoch, epoch_key):
            key = bytearray(self._random_bytes(KEY))
            bound = envelopes.of_data_key(epoch, record)
            return NewDataKey(key, envelopes.seal(epoch_key, epoch, self._nonce(), key, bound))

    async def data_key(
        self, connection: AsyncConnection, tenant: str, class_: Class, record: UUID, wrapped: bytes
    ) -> bytearray:
        """A record's key; the caller wipes it. Raises KeyringUnavailable, EnvelopeRefused."""
        if len(wrapped) != DATA_KEY:
            raise EnvelopeRefused("a data key has 65 octets")
        async with self._numbered(connection, tenant, class_, wrapped) as (epoch, epoch_key):
            return envelopes.unseal(epoch_key, wrapped, envelopes.of_data_key(epoch, record))

    async def rewrapped(
        self, connection: AsyncConnection, tenant: str, class_: Class, record: UUID, wrapped: bytes
    ) -> bytes:
        """The same data key under the newest epoch, so that older ones can be destroyed.

        Raises KeyringUnavailable, EnvelopeRefused.
        """
        with wiped(await self.data_key(connection, tenant, class_, record, wrapped)) as key:
            async with self._newest(connection, tenant, class_) as (epoch, epoch_key):
                bound = envelopes.of_data_key(epoch, record)
                return envelopes.seal(epoch_key, epoch, self._nonce(), key, bound)

    async def seal(
        self,
        connection: AsyncConnection,
        tenant: str,
        class_: Class,
        name: bytes,
        plaintext: bytes | bytearray,
    ) -> bytes:
        """A small thing under the class's newest epoch key; it opens under `name` alone.

        Raises KeyringUnavailable, EnvelopeRefused.
        """
        async with self._newest(connection, tenant, class_) as (epoch, epoch_key):
            bound = envelopes.of_small_thing(epoch, name)
            return envelopes.seal(epoch_key, epoch, self._nonce(), plaintext, bound)

    async def unseal(
        self, connection: AsyncConnection, tenant: str, class_: Class, name: bytes, sealed: bytes
    ) -> bytearray:
        """What was sealed; the caller wipes it. Raises KeyringUnavailable, EnvelopeRefused."""
        async with self._numbered(connection, tenant, class_, sealed) as (epoch, epoch_key):
            return envelopes.unseal(epoch_key, sealed, envelopes.of_small_thing(epoch, name))

    async def seal_secret(self, name: bytes, plaintext: bytes | bytearray) -> bytes:
        """0x01 ‖ OpenBao's own form, under a transit key for small secrets. Raises KeyringUnavailable.

        Each sealing and opening asks OpenBao: for what is used seldom (secrets of TOTP).
        """
        with _reaching():
            (sealed,) = await self._secrets.encrypt([(bytes(plaintext), _of_secret(name))])
        return VERSION + sealed.encode("ascii")

    async def unseal_secret(self, name: bytes, sealed: bytes) -> bytearray:
        """What was sealed under `name`; the caller wipes it. Raises KeyringUnavailable, EnvelopeRefused."""
        if sealed[:1] != VERSION or not sealed.isascii():
            raise EnvelopeRefused("not a secret of this version")
        with _reaching():
            (found,) = await self._secrets.decrypt([(sealed[1:].decode("ascii"), _of_secret(name))])
        return bytearray(found)

    async def check(self) -> None:
        """Raise KeyringUnavailable unless both roles are let in now."""
        with _reaching():
            await self.serve.check()
            await self.restricted.check()

    def forget(self) -> None:
        """Wipe the opened epoch keys: what was destroyed since is gone at once."""
        self._cache.forget()

    async def close(self) -> None:
        """Let go of the connections; wipe what is held."""
        self.forget()
        await self.serve.close()
        await self.restricted.close()

    @asynccontextmanager
    async def _newest(
        self, connection: AsyncConnection, tenant: str, class_: Class
    ) -> AsyncIterator[tuple[Epoch, bytearray]]:
        row = await queries.find(connection, tenant, class_, None)
        if row is None:
            row = await self._begin(Epoch(tenant, class_, queries.FIRST))
        async with self._lent(*row) as key:
            yield row[0], key

    @asynccontextmanager
    async def _numbered(
        self, connection: AsyncConnection, tenant: str, class_: Class, envelope: bytes
    ) -> AsyncIterator[tuple[Epoch, bytearray]]:
        epoch = Epoch(tenant, class_, envelopes.number_of(envelope))
        held = self._cache.find(epoch)
        if held is not None:
            yield epoch, held
            return
        row = await queries.find(connection, tenant, class_, epoch.number)
        if row is None:
            raise EnvelopeRefused("no such epoch")
        async with self._lent(*row) as key:
            yield epoch, key

    @asynccontextmanager
    async def _lent(self, epoch: Epoch, wrapped: str) -> AsyncIterator[bytearray]:
        """An epoch's key for the block, which awaits nothing: held by the cache, or wiped at its end."""
        key = self._cache.find(epoch)
        if key is None:
            with _reaching():
                (octets,) = await self._classes[epoch.class_].decrypt([(wrapped, epoch.context)])
            key = bytearray(octets)
            if len(key) != KEY:
                raise EnvelopeRefused("an epoch key has 32 octets")
            if not self._cache.keep(epoch, key):
                with wiped(key):
                    yield key
                return
        yield key

    async def _begin(self, epoch: Epoch) -> tuple[Epoch, str]:
        """In a transaction of its own: were the caller's undone, keys would live under an epoch that is not.

        Apart from the pool as well: callers who hold all of it and wait for one more would wait for ever.
        """
        key = bytearray(self._random_bytes(KEY))
        with wiped(key), _reaching():
            (wrapped,) = await self._classes[epoch.class_].encrypt([(bytes(key), epoch.context)])
        try:
            connection = await connect(**for_asyncpg(self._database), timeout=CONNECT_SECONDS)
            try:
                stands = await queries.begin(connection, epoch.tenant, epoch.class_, wrapped)
            finally:
                await connection.close(timeout=CONNECT_SECONDS)
        except (OSError, asyncpg.PostgresError, asyncpg.InterfaceError) as error:
            log.warning("epoch_not_kept", fault=type(error).__name__)
            raise KeyringUnavailable from error
        if stands is None:  # somebody rotated and destroyed the first one within this call
            raise KeyringUnavailable
        return stands

    def _nonce(self) -> bytes:
        return self._random_bytes(NONCE)


class _Reaching:
    """OpenBao's faults in the keyring's words."""

    def __enter__(self) -> None: ...

    def __exit__(self, kind: object, error: BaseException | None, trace: object) -> None:
        if isinstance(error, SealingUnavailable):
            raise KeyringUnavailable from error
        if isinstance(error, NotOpened):
            raise EnvelopeRefused("OpenBao does not open it for this place") from None


def _reaching() -> _Reaching:
    return _Reaching()


def _of_secret(name: bytes) -> bytes:
    return lp(b"ioc-vault/secret/v1") + lp(name)
