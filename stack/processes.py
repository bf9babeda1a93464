"""Processes by identity, not by number: a pid that the system gave to somebody else is never signalled."""

import os
import select
import signal
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

MARK = "IOC_PART"


@dataclass(frozen=True, slots=True)
class ProcessIdentity:
    """A pid with the boot and the tick of its start (proc(5), field 22): no two processes share all three."""

    pid: int
    started: str

    def is_alive(self) -> bool:
        """Whether this very process runs; a zombie does not."""
        try:
            return identify(self.pid) == self and _stat(self.pid)[0] not in "ZX"
        except ProcessLookupError:
            return False

    def send(self, number: signal.Signals) -> None:
        """Signal this very process. Raises ProcessLookupError when it is gone, whoever has its pid now."""
        handle = os.pidfd_open(self.pid)
        try:
            # The handle holds on to the process, so that what is checked is what is signalled.
            if not self.is_alive():
                raise ProcessLookupError(self.pid)
            signal.pidfd_send_signal(handle, number)
        finally:
            os.close(handle)

    def wait(self, seconds: float) -> bool:
        """Wait for its end; False when it still runs after `seconds`. It need not be our child."""
        try:
            handle = os.pidfd_open(self.pid)
        except ProcessLookupError:
            return True
        try:
            if not self.is_alive():
                return True
            poll = select.poll()
            poll.register(handle, select.POLLIN)
            return bool(poll.poll(seconds * 1000))
        finally:
            os.close(handle)

    def left_behind(self, mark: str) -> list["ProcessIdentity"]:
        """What this session's leader left running when it died: processes of its session with our mark."""
        return [
            other
            for other in _all()
            if other != self and _session(other.pid) == self.pid and _environment(other.pid).get(MARK) == mark
        ]


def identify(pid: int) -> ProcessIdentity:
    """The identity of the process that has `pid` now. Raises ProcessLookupError when there is none."""
    boot = Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii").strip()
    return ProcessIdentity(pid, f"{boot}:{_stat(pid)[19]}")


def _stat(pid: int) -> list[str]:
    try:
        text = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8", errors="replace")
    except (FileNotFoundError, ProcessLookupError) as error:
        raise ProcessLookupError(pid) from error
    return text.rpartition(")")[2].split()


def _session(pid: int) -> int:
    try:
        return int(_stat(pid)[3])
    except ProcessLookupError:
        return -1


def _environment(pid: int) -> dict[str, str]:
    try:
        octets = Path(f"/proc/{pid}/environ").read_bytes()
    except OSError:
        return {}
    pairs = (entry.partition("=") for entry in octets.decode("utf-8", "replace").split("\0"))
    return {name: value for name, _, value in pairs}


def _all() -> Iterator[ProcessIdentity]:
    for entry in os.listdir("/proc"):
        if entry.isdigit():
            try:
                yield identify(int(entry))
            except ProcessLookupError:
                continue
