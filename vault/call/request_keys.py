"""The vault's request keys of now and the keyset that lists them.

Their seeds lie wrapped in the vault's database (vault/keyring/seeds.py): a restart answers what was
sealed before it. Here is what a process holds of them; calls wait for no database.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from vault.call.errors import Unavailable
from vault.call.keys import RequestKey
from vault.call.keyset import LONGEST_LIFE, Keyset, ListedKey, issue

NEW_EVERY = timedelta(hours=24)
GRACE = timedelta(hours=1)
"""A request that was sealed in the last second may still be on its way."""


@dataclass(frozen=True, slots=True)
class AgedKey:
    """A request key with the moment of its making, to the second."""

    key: RequestKey = field(repr=False)
    made: datetime

    @classmethod
    def of_seed(cls, seed: bytes, made: datetime) -> "AgedKey":
        """The key of a seed. Raises ValueError."""
        return cls(RequestKey.of_seed(seed), made)

    @property
    def not_after(self) -> datetime:
        """Nobody seals to it any more."""
        return self.made + LONGEST_LIFE

    def opens(self, now: datetime) -> bool:
        """Whether requests to it are still answered."""
        return now < self.not_after + GRACE


class RequestKeys:
    """What this process holds; a new key a day, each forgotten an hour after its end."""

    def __init__(self, certificate: str, keyset_key: Ed25519PrivateKey) -> None:
        self._certificate = certificate
        self._keyset_key = keyset_key
        self._keys: tuple[AgedKey, ...] = ()
        self._keyset = ""

    @property
    def held(self) -> tuple[AgedKey, ...]:
        """All of them, the newest first."""
        return self._keys

    def hold(self, keys: Iterable[AgedKey]) -> None:
        """Hold these instead. The keyset follows from them alone: each process of the vault says the same."""
        self._keys = tuple(sorted(keys, key=lambda aged: (aged.made, aged.key.kid), reverse=True))
        if not self._keys:
            self._keyset = ""
            return
        newest = self._keys[0]
        listed = tuple(
            ListedKey(aged.key.public, aged.not_after) for aged in self._keys if aged.not_after > newest.made
        )
        # The second of its making: it rises, also after a restore, which drops old seeds.
        keyset = Keyset(int(newest.made.timestamp()), newest.not_after, listed)
        self._keyset = issue(keyset, self._keyset_key)

    def due(self, now: datetime) -> bool:
        """Whether it is time for a new key."""
        return not self._keys or now >= self._keys[0].made + NEW_EVERY

    def notes(self, now: datetime) -> tuple[str, str]:
        """(certificate of the keyset key, keyset): what apps get. Raises Unavailable when no key lives."""
        if not self._keys or now >= self._keys[0].not_after:
            raise Unavailable
        return self._certificate, self._keyset

    def live(self, now: datetime) -> Mapping[bytes, RequestKey]:
        """The keys that open requests, by id. Raises Unavailable when there is none."""
        found = {aged.key.kid: aged.key for aged in self._keys if aged.opens(now)}
        if not found:
            raise Unavailable
        return found
