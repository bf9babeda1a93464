"""Stands for a channel's receiver: real TLS, real HTTP; it checks what it gets by the scheme's own words.

The signature is verified here by the `standardwebhooks` library's `verify`, which our sending does not use.
"""

import asyncio
import json
import ssl
from dataclasses import dataclass, field
from typing import Any

from standardwebhooks import Webhook


@dataclass
class FarEnd:
    """Answers with `statuses` in turn, then 204; keeps what was signed."""

    secret: bytes
    context: ssl.SSLContext
    statuses: list[int] = field(default_factory=list)
    headers: str = ""
    seconds: float = 0.0
    got: list[dict[str, Any]] = field(default_factory=list)
    ids: list[str] = field(default_factory=list)
    calls: int = 0
    port: int = 0
    server: asyncio.Server | None = None
    signature_faults: list[str] = field(default_factory=list)

    @property
    def url(self) -> str:
        """Where it listens."""
        return f"https://localhost:{self.port}/hook"

    async def open(self) -> None:
        """Listen."""
        self.server = await asyncio.start_server(self._serve, "127.0.0.1", 0, ssl=self.context)
        self.port = self.server.sockets[0].getsockname()[1]

    async def close(self) -> None:
        """Listen no more."""
        if self.server is not None:
            self.server.close()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
            headers = dict(line.lower().split(": ", 1) for line in head[1:] if ": " in line)
            raw = {
                line.split(": ", 1)[0].lower(): line.split(": ", 1)[1] for line in head[1:] if ": " in line
            }
            body = await reader.readexactly(int(headers["content-length"]))
            self.calls += 1
            await asyncio.sleep(self.seconds)
            status = self.statuses.pop(0) if self.statuses else 204
            try:
                said = Webhook(self.secret).verify(body, raw)
            except Exception as error:
                self.signature_faults.append(str(error))
            else:
                if status < 300:
                    self.got.append(said)
                    self.ids.append(raw["webhook-id"])
            assert json.loads(body)
            lines = f"HTTP/1.1 {status} x\r\ncontent-length: 0\r\n{self.headers}connection: close\r\n\r\n"
            writer.write(lines.encode())
            await writer.drain()
        except (OSError, asyncio.IncompleteReadError):
            pass
        finally:
            writer.close()
