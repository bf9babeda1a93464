"""Stands for the city's SMS gateway on one machine: one .json file a message, nothing is sent on.

The protocol, as the contract with a real gateway has to give it (docs/operations/sms.md):

    POST /messages            Authorization: Bearer <token>
    {"to": "+84…", "from": "iHaNoi", "text": "…", "reference": "<uuid>"}

    202 {"id": "<reference>"}   taken; the same reference again is the same message and is not sent twice
    400  the body is none       401  the token is not known       413  too long
    429 or 5xx                  come back later

For rehearsals a file `trouble` in the folder makes it misbehave: "429", "503" (answers that), "slow" (8 s),
"lost" (keeps the message, then breaks the connection).
"""

import argparse
import asyncio
import hmac
import json
import os
import re
import signal
import ssl
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

LONGEST = 8_192
SLOW_SECONDS = 8
_REFERENCE = re.compile(r"[0-9a-f-]{36}")
_NUMBER = re.compile(r"\+84[0-9]{9}")


class Gateway:
    """One folder of messages."""

    def __init__(self, folder: Path, token: bytes) -> None:
        self._folder = folder
        self._token = token

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """One request on one connection."""
        try:
            async with asyncio.timeout(30):
                head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
                fields = dict(line.lower().split(": ", 1) for line in head[1:] if ": " in line)
                kept_case = dict(line.split(": ", 1) for line in head[1:] if ": " in line)
                length = int(fields.get("content-length", "0"))
                body = await reader.readexactly(length) if length <= LONGEST else b""
                shown = next((v for n, v in kept_case.items() if n.lower() == "authorization"), "")
                status = await self._answer(head[0], shown, body, length)
            if status is not None:
                content = json.dumps({"status": status}).encode()
                writer.write(
                    f"HTTP/1.1 {status} -\r\ncontent-type: application/json\r\n"
                    f"content-length: {len(content)}\r\nconnection: close\r\n\r\n".encode()
                    + content
                )
                await writer.drain()
        except (ValueError, asyncio.IncompleteReadError, asyncio.LimitOverrunError, TimeoutError, OSError):
            pass
        finally:
            writer.close()

    async def _answer(self, line: str, shown: str, body: bytes, length: int) -> int | None:
        """The status; None: the connection breaks."""
        if not line.startswith("POST /messages "):
            return 404
        if not hmac.compare_digest(shown.encode("latin-1"), b"Bearer " + self._token):
            return 401
        if length > LONGEST:
            return 413
        trouble = self._trouble()
        if trouble in {"429", "503"}:
            return int(trouble)
        message = _message_of(body)
        if message is None:
            return 400
        if trouble == "slow":
            await asyncio.sleep(SLOW_SECONDS)
        self._keep(message)
        return None if trouble == "lost" else 202

    def _trouble(self) -> str:
        file = self._folder / "trouble"
        return file.read_text(encoding="ascii").strip() if file.exists() else ""

    def _keep(self, message: dict[str, Any]) -> None:
        """Keep a message once, whole."""
        reference = message["reference"]
        if any(self._folder.glob(f"*-{reference}.json")):
            return
        moment = datetime.now(UTC).strftime("%Y%m%dT%H%M%S%f")
        draft = self._folder / f".{moment}-{reference}"
        descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:
            json.dump(message, file, ensure_ascii=False)
        draft.rename(self._folder / f"{moment}-{reference}.json")


def _message_of(body: bytes) -> dict[str, Any] | None:
    try:
        message = json.loads(body)
    except ValueError:
        return None
    names = {"to", "from", "text", "reference"}
    if not isinstance(message, dict) or message.keys() != names:
        return None
    if not all(isinstance(value, str) for value in message.values()):
        return None
    if not (_NUMBER.fullmatch(message["to"]) and _REFERENCE.fullmatch(message["reference"])):
        return None
    return message


async def main(arguments: argparse.Namespace) -> None:
    """Receive until SIGTERM."""
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(arguments.certificate, arguments.key)
    gateway = Gateway(arguments.folder, arguments.token_file.read_bytes().strip())
    server = await asyncio.start_server(gateway.serve, "127.0.0.1", arguments.port, ssl=context)
    stop = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stop.set)
    print("sms_started", flush=True)
    async with server:
        await stop.wait()


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--port", type=int, required=True)
    for name in ("folder", "certificate", "key", "token-file"):
        parser.add_argument(f"--{name}", type=Path, required=True)
    asyncio.run(main(parser.parse_args()))
