"""Counts what the edge refused: `python -m services.edge_events --settings FILE`.

The edge writes one line a refusal: a network, a code, a route; nothing that a caller wrote. They are added up
and counted in the database by a role that can do nothing else; the worker makes events of the counts, one a
network, reason and minute (audit/refusals.py).
"""

import argparse
import asyncio
import os
import signal
from collections import Counter
from collections.abc import Iterable
from pathlib import Path

import asyncpg
import msgspec
import structlog

from audit.codes import NotLoggable, check_reason, prefix_of
from audit.refusals import MAX_NETWORKS, OTHERS
from foundation import logs
from foundation.clock import SystemClock
from foundation.clock_watch import ClockWatch
from foundation.database.connections import connect, for_asyncpg
from foundation.health import Health
from foundation.settings import EdgeEventsSettings, load
from foundation.telemetry import metrics
from services import probes
from services.networks import UNKNOWN
from services.observing import observed

LARGEST_FILE = 4 * 1024 * 1024
_READ = 1024 * 1024
SILENT_SECONDS = 60.0
_COUNT = "SELECT audit.count_refusals($1::inet[], $2::text[], $3::bigint[])"

log = structlog.get_logger()


class Line(msgspec.Struct):
    """A refusal as deploy/edge/nginx.conf.template writes it."""

    network: str
    reason: str


class Refusals:
    """The edge's file, read to its end again and again. A large one is renamed, read to its end and removed.

    A count is at least once: who is killed between counting and noting the place counts that second again.
    """

    def __init__(self, file: Path, pid_file: Path) -> None:
        self._file = file
        self._pid_file = pid_file
        self._old = file.with_suffix(".old")
        self._place = file.with_suffix(".place")

    def unread(self) -> tuple[Counter[tuple[str, str]], int]:
        """The counts of whole lines after the last place, and the place behind them."""
        start = self._start()
        try:
            with self._current.open("rb") as file:
                file.seek(start)
                octets = file.read(_READ)
        except FileNotFoundError:
            return Counter(), 0
        whole = octets[: octets.rfind(b"\n") + 1]
        return counted(whole.splitlines()), start + len(whole)

    def done(self, place: int) -> None:
        """Everything before `place` was counted."""
        new = self._place.with_suffix(".new")
        new.write_text(f"{self._current.stat().st_ino} {place}", encoding="ascii")
        new.replace(self._place)

    def turn(self, place: int) -> None:
        """Begin a new file when this one is large. The edge writes to the old one until it hears of it."""
        if place >= LARGEST_FILE and not self._old.exists():
            self._file.rename(self._old)
            os.kill(int(self._pid_file.read_text(encoding="ascii")), signal.SIGUSR1)

    def drop_old(self) -> None:
        """The renamed file had nothing new: the edge writes to the new one."""
        if self._file.exists():
            self._old.unlink(missing_ok=True)

    @property
    def _current(self) -> Path:
        return self._old if self._old.exists() else self._file

    def _start(self) -> int:
        try:
            inode, place = map(int, self._place.read_text(encoding="ascii").split())
            found = self._current.stat()
        except (FileNotFoundError, ValueError):
            return 0
        return place if inode == found.st_ino and place <= found.st_size else 0


def counted(lines: Iterable[bytes]) -> Counter[tuple[str, str]]:
    """Counts by (network, reason). A line that is none of ours is counted, too; many networks share one."""
    counts: Counter[tuple[str, str]] = Counter()
    for text in lines:
        try:
            line = msgspec.json.decode(text, type=Line)
            check_reason(line.reason)
            prefix_of(line.network)
            key = (line.network, line.reason)
        except (msgspec.DecodeError, NotLoggable):
            key = (UNKNOWN, "edge.unreadable")
        if key not in counts and len(counts) >= MAX_NETWORKS:
            key = (OTHERS, key[1])
        counts[key] += 1
    return counts


async def write(settings: EdgeEventsSettings, counts: Counter[tuple[str, str]]) -> None:
    """Add counts to the database's present minute."""
    connection = await connect(**for_asyncpg(settings.database), timeout=5, command_timeout=5)
    try:
        rows = sorted(counts.items())
        await connection.execute(
            _COUNT,
            [network for (network, _), _ in rows],
            [reason for (_, reason), _ in rows],
            [count for _, count in rows],
        )
    finally:
        await connection.close()


async def step(settings: EdgeEventsSettings, refusals: Refusals) -> None:
    """Count what is new. Raises the database's error, and then nothing is forgotten."""
    counts, place = refusals.unread()
    if not counts:
        refusals.drop_old()
        return
    await write(settings, counts)
    for (_, reason), count in counts.items():
        metrics.EDGE_REFUSALS.labels(metrics.CODES.of(reason)).inc(count)
    refusals.done(place)
    refusals.turn(place)


async def run(settings: EdgeEventsSettings) -> None:
    """Count until SIGTERM or SIGINT, and once more then. A database that is away is waited for."""
    stop = asyncio.Event()
    for name in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(name, stop.set)
    refusals = Refusals(settings.refusals_file, settings.edge_pid_file)
    health = Health("edge_events")
    health.add("database", probes.role(settings.database))
    clock = ClockWatch(SystemClock(), probes.moment_by_role(settings.database))
    async with observed("edge_events", settings, health, clock=clock):
        log.info("edge_events_started", poll_seconds=settings.poll_seconds)
        await count_until(stop, settings, refusals, health)
    log.info("edge_events_stopped")


async def count_until(
    stop: asyncio.Event, settings: EdgeEventsSettings, refusals: Refusals, health: Health
) -> None:
    """`step` again and again; what was written before the end is counted, too."""
    pulse = health.pulse("counting", SILENT_SECONDS)
    while True:
        pulse.beat()
        stopping = stop.is_set()
        if stopping:
            health.drain()
        try:
            await step(settings, refusals)
            metrics.EDGE_READ.set_to_current_time()
        except (OSError, TimeoutError, asyncpg.PostgresError, asyncpg.InterfaceError) as error:
            log.warning("edge_refusals_not_counted", fault=type(error).__name__)
        if stopping:
            break
        try:
            await asyncio.wait_for(stop.wait(), settings.poll_seconds)
        except TimeoutError:
            continue


if __name__ == "__main__":
    parser = argparse.ArgumentParser(prog="python -m services.edge_events")
    parser.add_argument("--settings", type=Path, required=True)
    logs.configure("edge_events")
    asyncio.run(run(load(parser.parse_args().settings, EdgeEventsSettings)))
