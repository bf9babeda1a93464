"""A RELP client (Reliable Event Logging Protocol, version 0) over mutual TLS 1.3.

One object is one connection. Frames are `TXNR SP COMMAND SP LENGTH [SP DATA] LF`; numbers rise by exactly
one. An acknowledgement says that the receiver took the frame, not that the SOC holds it. What was not
acknowledged when a connection ends is sent again by the caller, who has it in the database, on the next
connection.
"""

import asyncio
import ssl
from collections import deque
from dataclasses import dataclass
from typing import Self

MAX_MESSAGE = 100_000
"""Bytes of one message with its syslog header. The receiver ends the connection above 128 KiB."""
_MAX_ANSWER = 65_536
_LAST_NUMBER = 999_999_999
_OFFER = b"relp_version=0\nrelp_software=hanoi-ioc\ncommands=syslog"


class RelpError(Exception):
    """The connection can't be used any more, or never could be. Open another one and send again."""


@dataclass(frozen=True, slots=True)
class Receiver:
    """Where to, and how sure we are of it."""

    host: str
    port: int
    server_name: str
    tls: ssl.SSLContext
    window: int = 128
    open_timeout: float = 10.0
    ack_timeout: float = 60.0


class RelpConnection:
    """Use `open`, `send` each message, `drain`, `close`. `acknowledged` counts from the first message."""

    def __init__(
        self, receiver: Receiver, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        self._receiver = receiver
        self._reader = reader
        self._writer = writer
        self._number = 0
        self._pending: deque[int] = deque()
        self._progress = asyncio.Event()
        self._failure: Exception | None = None
        self._answers: asyncio.Task[None] | None = None
        self.acknowledged = 0

    @classmethod
    async def open(cls, receiver: Receiver) -> Self:
        """Connect and shake hands. Under TLS 1.3 a refused certificate shows only in the first answer."""
        try:
            async with asyncio.timeout(receiver.open_timeout):
                reader, writer = await asyncio.open_connection(
                    receiver.host, receiver.port, ssl=receiver.tls, server_hostname=receiver.server_name
                )
                connection = cls(receiver, reader, writer)
                try:
                    await connection._shake_hands()
                except BaseException:
                    writer.transport.abort()
                    raise
        except (OSError, EOFError, ValueError, asyncio.LimitOverrunError) as error:
            raise RelpError(f"could not open: {error!r}") from error
        connection._answers = asyncio.create_task(connection._read_answers())
        return connection

    @property
    def closed(self) -> bool:
        """Whether the connection is known to be lost."""
        return self._writer.transport.is_closing()

    async def send(self, message: bytes) -> None:
        """Send one message, waiting for a place in the window. Raises RelpError; ValueError if too long."""
        if len(message) > MAX_MESSAGE:
            raise ValueError(f"a message of {len(message)} bytes")
        await self._wait_until_fewer_than(self._receiver.window)
        if self._number >= _LAST_NUMBER:
            raise RelpError("out of transaction numbers")
        self._pending.append(self._write(b"syslog", message))
        try:
            await self._writer.drain()
        except OSError as error:
            raise RelpError(f"connection lost: {error!r}") from error

    async def drain(self) -> None:
        """Wait until every message is acknowledged."""
        await self._wait_until_fewer_than(1)

    async def close(self) -> None:
        """Say good-bye if somebody hears it, and release the connection. Never raises RelpError."""
        if self._answers is not None:
            self._answers.cancel()
        try:
            async with asyncio.timeout(1):
                self._write(b"close", b"")
                await self._writer.drain()
                self._writer.close()
                await self._writer.wait_closed()
        except (RelpError, OSError, TimeoutError):
            self._writer.transport.abort()

    def _write(self, command: bytes, data: bytes) -> int:
        # asyncio drops what is written to a closing transport without a word.
        if self.closed:
            raise RelpError("connection lost") from self._failure
        self._number += 1
        body = b"%d %s" % (len(data), data) if data else b"0"
        self._writer.write(b"%d %s %s\n" % (self._number, command, body))
        return self._number

    async def _shake_hands(self) -> None:
        number = self._write(b"open", _OFFER)
        answered, command, data = await self._read_frame()
        if (answered, command) != (number, b"rsp") or not data.startswith(b"200 "):
            raise RelpError(f"open was answered by {command!r} {data[:80]!r}")

    async def _read_answers(self) -> None:
        try:
            while True:
                number, command, data = await self._read_frame()
                if command == b"serverclose":
                    raise RelpError("the receiver ended the connection")
                if command != b"rsp" or not data.startswith(b"200"):
                    raise RelpError(f"refused: {command!r} {data[:80]!r}")
                if not self._pending or self._pending[0] != number:
                    raise RelpError(f"an answer to number {number}, which is not the next")
                self._pending.popleft()
                self.acknowledged += 1
                self._progress.set()
        except (RelpError, OSError, EOFError, ValueError, asyncio.LimitOverrunError) as error:
            self._failure = error
            self._writer.transport.abort()
        finally:
            self._progress.set()

    async def _read_frame(self) -> tuple[int, bytes, bytes]:
        line = await self._reader.readuntil(b"\n")
        number, command, rest = line.split(b" ", 2)
        length, _, data = rest.partition(b" ")
        missing = int(length) + 1 - len(data) if data else 0
        if not 0 <= missing <= _MAX_ANSWER:
            raise RelpError(f"a frame of {int(length)} bytes")
        data += await self._reader.readexactly(missing)
        return int(number), command, data.removesuffix(b"\n")

    async def _wait_until_fewer_than(self, limit: int) -> None:
        while len(self._pending) >= limit:
            if self._failure is not None:
                raise RelpError(f"connection lost: {self._failure!r}") from self._failure
            self._progress.clear()
            try:
                async with asyncio.timeout(self._receiver.ack_timeout):
                    await self._progress.wait()
            except TimeoutError as error:
                raise RelpError("no acknowledgement in time") from error


def client_context(ca_file: str, certificate_file: str, key_file: str) -> ssl.SSLContext:
    """Mutual TLS 1.3; the receiver's certificate must be of this CA and name the server."""
    context = ssl.create_default_context(ssl.Purpose.SERVER_AUTH, cafile=ca_file)
    context.minimum_version = ssl.TLSVersion.TLSv1_3
    context.load_cert_chain(certificate_file, key_file)
    return context
