"""The vault's request keys of now and the keyset that lists them.

They live in the memory of this process alone: no OpenBao is there yet to wrap seeds for the database. So
there is one process, a restart has new keys, and who has the old keyset is told to get the new one.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from vault.call.keys import SEED, RequestKey
from vault.call.keyset import LONGEST_LIFE, Keyset, ListedKey, issue

NEW_EVERY = timedelta(hours=24)
GRACE = timedelta(hours=1)
"""A request that was sealed in the last second may still be on its way."""


@dataclass(frozen=True, slots=True)
class _Aged:
    key: RequestKey
    made: datetime

    @property
    def not_after(self) -> datetime:
        return self.made + LONGEST_LIFE


class RequestKeys:
    """Makes a key a day; forgets one an hour after nobody may seal to it any more."""

    def __init__(
        self, certificate: str, keyset_key: Ed25519PrivateKey, random_bytes: Callable[[int], bytes]
    ) -> None:
        self._certificate = certificate
        self._keyset_key = keyset_key
        self._random_bytes = random_bytes
        self._keys: list[_Aged] = []
        self._keyset = ""

    def notes(self, now: datetime) -> tuple[str, str]:
        """(certificate of the keyset key, keyset): what apps get."""
        self._renew(now)
        return self._certificate, self._keyset

    def live(self, now: datetime) -> Mapping[bytes, RequestKey]:
        """The keys that still open requests, by id."""
        self._renew(now)
        return {aged.key.kid: aged.key for aged in self._keys}

    def _renew(self, now: datetime) -> None:
        self._keys = [aged for aged in self._keys if now < aged.not_after + GRACE]
        if self._keys and now < self._keys[0].made + NEW_EVERY:
            return
        made = now.replace(microsecond=0)
        self._keys.insert(0, _Aged(RequestKey.of_seed(self._random_bytes(SEED)), made))
        listed = tuple(
            ListedKey(aged.key.public, aged.not_after) for aged in self._keys if aged.not_after > now
        )
        # The second of its making: rising without memory, also after a restore.
        keyset = Keyset(int(made.timestamp()), made + LONGEST_LIFE, listed)
        self._keyset = issue(keyset, self._keyset_key)
