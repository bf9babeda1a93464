"""Opened epoch keys, for as long as their class allows."""

from collections import OrderedDict
from collections.abc import Callable

from vault.keyring.envelopes import Epoch
from vault.keyring.memory import wipe
from vault.keyring.types import Class

SECONDS = {Class.INTERNAL: 3_600.0, Class.PERSONAL: 600.0, Class.PARTY: 300.0}
"""From the opening on. `restricted` has none: each use asks OpenBao."""
MOST = 512
"""Keys of a class: one a tenant and epoch in use."""


class EpochKeys:
    """Bounded for each class. What leaves is wiped. Keys are lent between two awaits, never across one."""

    def __init__(self, monotonic: Callable[[], float], most: int = MOST) -> None:
        self._monotonic = monotonic
        self._most = most
        self._held: dict[Class, OrderedDict[Epoch, tuple[float, bytearray]]] = {
            class_: OrderedDict() for class_ in SECONDS
        }

    def find(self, epoch: Epoch) -> bytearray | None:
        """The key, if it is held and its time is not over."""
        held = self._held.get(epoch.class_)
        if held is None or epoch not in held:
            return None
        until, key = held[epoch]
        if self._monotonic() >= until:
            del held[epoch]
            wipe(key)
            return None
        return key

    def keep(self, epoch: Epoch, key: bytearray) -> bool:
        """Hold the key, which is then wiped here; False when its class is not held."""
        held = self._held.get(epoch.class_)
        if held is None:
            return False
        before = held.pop(epoch, None)
        if before is not None:
            wipe(before[1])
        held[epoch] = (self._monotonic() + SECONDS[epoch.class_], key)
        while len(held) > self._most:
            wipe(held.popitem(last=False)[1][1])
        return True

    def forget(self) -> None:
        """Wipe all of them."""
        for held in self._held.values():
            for _, key in held.values():
                wipe(key)
            held.clear()
