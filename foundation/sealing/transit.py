"""One key of OpenBao's transit.

Contexts are part of derived keys; transit's associated data would not survive a rewrap
(docs/decisions/0039-contact.md).
"""

import base64
import time
from collections.abc import Callable, Sequence

from foundation.sealing.bao import Bao, NotOpened, SealingUnavailable
from foundation.settings import ContactSettings

BATCH = 100
"""Items of a call. OpenBao refuses more than 1000 keys and values in one body."""


class Transit:
    """A key by its name, as the role of `bao` may use it."""

    def __init__(self, bao: Bao, key: str) -> None:
        self.bao = bao
        self._key = key

    @classmethod
    def of(cls, settings: ContactSettings, monotonic: Callable[[], float] = time.monotonic) -> "Transit":
        """The key that these settings name, with connections of its own."""
        return cls(Bao(settings, monotonic), settings.key)

    async def encrypt(self, items: Sequence[tuple[bytes, bytes]]) -> list[str]:
        """Seal each (octets, context), in order. Raises SealingUnavailable."""
        batch = [{"plaintext": _b64(octets), "context": _b64(context)} for octets, context in items]
        try:
            return [one["ciphertext"] for one in await self._all("encrypt", batch)]
        except NotOpened as error:  # there is nothing to open: the key is not as it must be
            raise SealingUnavailable("not sealed") from error

    async def decrypt(self, items: Sequence[tuple[str, bytes]]) -> list[bytes]:
        """Open each (sealed, context), in order. Raises SealingUnavailable, NotOpened."""
        return [base64.b64decode(one["plaintext"]) for one in await self._all("decrypt", _sealed(items))]

    async def rewrap(self, items: Sequence[tuple[str, bytes]]) -> list[str]:
        """Each (sealed, context) under the key's newest version. Raises SealingUnavailable, NotOpened."""
        return [one["ciphertext"] for one in await self._all("rewrap", _sealed(items))]

    async def check(self) -> None:
        """Raise SealingUnavailable unless we are let in."""
        await self.bao.check()

    async def close(self) -> None:
        """Let go of the connections."""
        await self.bao.close()

    async def _all(self, verb: str, batch: list[dict[str, str]]) -> list[dict[str, str]]:
        found: list[dict[str, str]] = []
        for start in range(0, len(batch), BATCH):
            part = batch[start : start + BATCH]
            answer = await self.bao.post(f"transit/{verb}/{self._key}", {"batch_input": part})
            found += answer["data"]["batch_results"]
        return found


def _sealed(items: Sequence[tuple[str, bytes]]) -> list[dict[str, str]]:
    return [{"ciphertext": sealed, "context": _b64(context)} for sealed, context in items]


def _b64(octets: bytes) -> str:
    return base64.b64encode(octets).decode("ascii")
