"""The hotline 1022 as the demo plays it: hands reports in by Standard Webhooks and gets changes back."""

import asyncio
import base64
import json
import secrets
import ssl
import threading
from dataclasses import dataclass, field
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Any, Self

import httpx
from standardwebhooks import Webhook, WebhookVerificationError

from stack.certificates import Pair

_PREFIX = "whsec_"


@dataclass(slots=True)
class Hotline:
    """`async with Hotline(pair, http, api_url) as hotline:` listens on this machine.

    Raises OSError when it can't. `told` holds what came back and was signed as agreed.
    """

    pair: Pair
    http: httpx.AsyncClient
    api_url: str
    code: str = ""
    told: list[dict[str, Any]] = field(default_factory=list)
    _sends: bytes = b""
    _receives: bytes = b""
    _server: ThreadingHTTPServer | None = None

    async def __aenter__(self) -> Self:
        context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        context.load_cert_chain(self.pair.certificate, self.pair.key)
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), _receiver(self))
        self._server.socket = context.wrap_socket(self._server.socket, server_side=True)
        threading.Thread(target=self._server.serve_forever, daemon=True).start()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._server is not None:
            await asyncio.to_thread(self._server.shutdown)
            self._server.server_close()

    @property
    def callback_url(self) -> str:
        """Where it wants changes."""
        port = 0 if self._server is None else self._server.server_port
        return f"https://localhost:{port}/status"

    def agree(self, code: str, send_secret: str, receive_secret: str) -> None:
        """Take over what the administrator of the platform handed out."""
        self.code, self._sends, self._receives = code, _secret(send_secret), _secret(receive_secret)

    async def hand_in(self, own_id: str, data: dict[str, Any], *, forged: bool = False) -> httpx.Response:
        """Send one report under the hotline's own id; `forged`: signed by somebody who has no key."""
        body = json.dumps({"type": "report.created", "data": data}, ensure_ascii=False)
        now = datetime.now(UTC)
        signature = Webhook(secrets.token_bytes(32) if forged else self._sends).sign(own_id, now, body)
        headers = {
            "webhook-id": own_id,
            "webhook-timestamp": str(int(now.timestamp())),
            "webhook-signature": signature,
            "content-type": "application/json",
        }
        url = f"{self.api_url}/channels/{self.code}/reports"
        return await self.http.post(url, content=body.encode(), headers=headers)

    def take(self, body: bytes, headers: dict[str, str]) -> bool:
        """Whether what came back is ours: signed with the key that was handed out."""
        try:
            self.told.append(Webhook(self._receives).verify(body, headers))
        except WebhookVerificationError:
            return False
        return True


def _secret(text: str) -> bytes:
    return base64.b64decode(text.removeprefix(_PREFIX))


def _receiver(hotline: Hotline) -> type[BaseHTTPRequestHandler]:
    class Receiver(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["content-length"]))
            headers = {name.lower(): value for name, value in self.headers.items()}
            self.send_response(204 if hotline.take(body, headers) else 401)
            self.end_headers()

        def log_message(self, format: str, *args: Any) -> None:
            """Nothing: the demo tells what came."""

    return Receiver
