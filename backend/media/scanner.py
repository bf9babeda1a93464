"""Malware: a port for a scanner, and ClamAV's daemon behind it (clamd's INSTREAM, over a unix socket)."""

import asyncio
import struct
import time
from pathlib import Path
from typing import Protocol

import structlog

from backend.media.errors import Infected, ScanUnavailable
from foundation.telemetry import metrics

SECONDS = 30.0
CHUNK = 65_536
LONGEST_ANSWER = 4_096

log = structlog.get_logger()


class Scanner(Protocol):
    """Says whether octets are known to be harmful."""

    async def scan(self, octets: bytes) -> None:
        """Raise Infected, or ScanUnavailable when nobody can say."""
        ...


class NoScanner:
    """Where none is wanted: development."""

    async def scan(self, octets: bytes) -> None:
        """Let everything pass."""


class ClamdScanner:
    """clamd's protocol: `zINSTREAM`, chunks with their length, a chunk of length 0, one answer ending in NUL.

    With `required` false what can't be scanned passes; an infected file never does.
    """

    def __init__(self, socket: Path, *, required: bool = True, seconds: float = SECONDS) -> None:
        self._socket = socket
        self._required = required
        self._seconds = seconds

    async def scan(self, octets: bytes) -> None:
        """Raise Infected or ScanUnavailable."""
        began = time.perf_counter()
        try:
            async with asyncio.timeout(self._seconds):
                answer = await self._ask(octets)
            metrics.SCAN_SECONDS.observe(time.perf_counter() - began)
        except (OSError, TimeoutError, asyncio.IncompleteReadError, asyncio.LimitOverrunError) as error:
            self._unscanned(type(error).__name__)
            return
        if answer.endswith(" FOUND"):
            log.warning("media_infected", finding=answer.removeprefix("stream: ").removesuffix(" FOUND"))
            metrics.SCANS.labels("infected").inc()
            raise Infected
        if answer != "stream: OK":
            self._unscanned(answer)
            return
        metrics.SCANS.labels("clean").inc()

    def _unscanned(self, why: str) -> None:
        metrics.SCANS.labels("unscanned").inc()
        log.warning("media_unscanned", why=why[:200], refused=self._required)
        if self._required:
            raise ScanUnavailable

    async def _ask(self, octets: bytes) -> str:
        reader, writer = await asyncio.open_unix_connection(self._socket, limit=LONGEST_ANSWER)
        try:
            writer.write(b"zINSTREAM\0")
            for start in range(0, len(octets), CHUNK):
                chunk = octets[start : start + CHUNK]
                writer.write(struct.pack(">I", len(chunk)) + chunk)
                await writer.drain()
            writer.write(struct.pack(">I", 0))
            await writer.drain()
            return (await reader.readuntil(b"\0"))[:-1].decode("utf-8", "replace")
        finally:
            writer.close()
