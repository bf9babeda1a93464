"""Two realms whose keys a test holds: what the api takes for Keycloak, over HTTPS, and what it would sign."""

import json
import socket
import ssl
import threading
import time
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, ClassVar

from joserfc.jwk import ECKey

from foundation.ids import new_uuid
from stack.certificates import Certificates
from tests.identity import world


class _Handler(BaseHTTPRequestHandler):
    """A realm's keys, and a word on every session: it lives."""

    keys: ClassVar[list[dict[str, Any]]] = world.Keycloak().keys
    timeout = 5
    """Seconds that a caller may say nothing; the handshake is part of it."""

    def do_GET(self) -> None:
        kid = "c" if "/ihanoi/" in self.path else "o"
        self._answer({"keys": [key for key in self.keys if key["kid"] == kid]})

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["content-length"])).decode()
        token = next(pair for pair in body.split("&") if pair.startswith("token=")).removeprefix("token=")
        self._answer({"active": True, **world.claims_of(token)})

    def _answer(self, content: dict[str, Any]) -> None:
        octets = json.dumps(content).encode()
        self.send_response(200)
        self.send_header("content-type", "application/json")
        self.send_header("content-length", str(len(octets)))
        self.end_headers()
        self.wfile.write(octets)

    def log_message(self, format: str, *arguments: Any) -> None:
        """Say nothing."""


class _Server(ThreadingHTTPServer):
    """Shakes hands in the caller's own thread: one who says nothing must not keep the others out."""

    daemon_threads = True

    def __init__(self, port: int, context: ssl.SSLContext) -> None:
        self._context = context
        super().__init__(("127.0.0.1", port), _Handler)

    def get_request(self) -> tuple[socket.socket, Any]:
        plain, address = self.socket.accept()
        return self._context.wrap_socket(plain, server_side=True, do_handshake_on_connect=False), address

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A caller who went away in the middle is no fault of the test."""


class Realms:
    """Both realms. `world.REALM_KEY` signs for officials, `world.OTHER_REALM_KEY` for citizens."""

    def __init__(self, certificates: Certificates) -> None:
        self._context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self._context.load_cert_chain(certificates.keycloak.certificate, certificates.keycloak.key)
        self._port = 0
        self.start()

    @property
    def url(self) -> str:
        """The beginning of both issuers."""
        return f"https://localhost:{self._port}"

    def start(self) -> None:
        """Be there, always at the same address."""
        self._server = _Server(self._port, self._context)
        self._port = self._server.server_address[1]
        self._thread = threading.Thread(target=self._server.serve_forever, daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """Be away: nobody listens."""
        self._server.shutdown()
        self._server.server_close()
        self._thread.join(5)


@dataclass(frozen=True)
class Forger:
    """Makes tokens that these realms would sign, and ones they never would; and proofs for `api_url`."""

    keycloak_url: str
    api_url: str
    device: ECKey = field(default_factory=lambda: ECKey.generate_key("P-256"))

    def official_claims(self, **changes: Any) -> dict[str, Any]:
        """What an official's token says, issued now. A change to None leaves the claim out."""
        now = int(time.time())
        fresh = {
            "iss": f"{self.keycloak_url}/realms/hanoi-ioc",
            "iat": now,
            "exp": now + 300,
            "auth_time": now - 30,
            "sid": str(new_uuid()),
            "cnf": {"jkt": self.device.thumbprint(), "kc-jkt-type": "DPoP"},
        }
        return world.official_claims(**{**fresh, **changes})

    def citizen_claims(self, **changes: Any) -> dict[str, Any]:
        """What a citizen's token says, issued now."""
        fresh = self.official_claims(iss=f"{self.keycloak_url}/realms/ihanoi", azp="ihanoi-app", acr="aal1")
        return world.citizen_claims(
            **{**fresh, "azp": "ihanoi-app", "amr": ["pwd"], "organization": None, **changes}
        )

    def official(self, **changes: Any) -> str:
        """An official's token."""
        return world.sign(self.official_claims(**changes))

    def citizen(self, **changes: Any) -> str:
        """A citizen's token."""
        return world.sign(self.citizen_claims(**changes), world.OTHER_REALM_KEY, kid="c")

    def proof(
        self, token: str, key: ECKey | None = None, header: dict[str, Any] | None = None, **changes: Any
    ) -> str:
        """A fresh proof for POST /graphql with `token`."""
        fresh = {"jti": str(new_uuid()), "iat": int(time.time()), "htu": f"{self.api_url}/graphql"}
        return world.proof(token, key or self.device, header, **{**fresh, **changes})
