"""How full the disks are that a process writes to, or that it looks after for a part that can't tell."""

import shutil
from collections.abc import Callable, Mapping
from pathlib import Path

import structlog

from foundation.health import Probe, Unready

log = structlog.get_logger()

Free = Callable[[Path], float]


def free_ratio(folder: Path) -> float:
    """The free share of the disk that a folder lies on. Raises OSError."""
    usage = shutil.disk_usage(folder)
    return usage.free / usage.total


class Disks:
    """Folders by name, and the share that must stay free."""

    def __init__(self, folders: Mapping[str, Path], needed: float, free: Free = free_ratio) -> None:
        self.folders = dict(folders)
        self.needed = needed
        self._free = free
        self._low: set[str] = set()

    def free(self) -> dict[str, float]:
        """The free share by name; -1 where nobody can say, which is told once in the log."""
        return {name: self._of(name, folder) for name, folder in self.folders.items()}

    def low(self) -> list[str]:
        """Names of the disks that have too little room, or of which nobody can say."""
        free = self.free()
        low = [name for name, share in free.items() if share < self.needed]
        for name in set(low) - self._low:
            log.error("disk_low", disk=name, free_ratio=round(free[name], 4), needed=self.needed)
        for name in self._low - set(low):
            log.info("disk_has_room_again", disk=name, free_ratio=round(free[name], 4))
        self._low = set(low)
        return low

    def probe(self, name: str) -> Probe:
        """For `foundation.health`: not needed to work, worth saying."""

        async def probe() -> None:
            share = self._of(name, self.folders[name])
            if share < 0:
                raise Unready("unreadable")
            if share < self.needed:
                raise Unready("nearly_full")

        return probe

    def _of(self, name: str, folder: Path) -> float:
        try:
            return self._free(folder)
        except OSError:
            return -1.0
