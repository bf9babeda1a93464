"""The real edge in front of two small servers that say what reached them."""

import http.server
import json
import socket
import ssl
import tempfile
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx

from stack import certificates
from stack.certificates import Pair
from stack.edge import Edge
from stack.home import Home
from stack.ports import Ports
from stack.supervisor import Supervisor


@dataclass
class Behind:
    """A server behind the edge: what reached it, in order, and the status that it answers."""

    requests: list[dict[str, Any]] = field(default_factory=list)
    status: int = 200
    headers: dict[str, str] = field(default_factory=dict)
    may_answer: threading.Event = field(default_factory=threading.Event)


@dataclass
class Rig:
    """A running edge, the servers behind it, and a client that trusts its certificate."""

    edge: Edge
    api: Behind
    keycloak: Behind
    stop_api: Callable[[], None]

    @property
    def url(self) -> str:
        """The api's address."""
        return f"https://localhost:{self.edge.ports.edge}"

    @property
    def keycloak_url(self) -> str:
        """Keycloak's address."""
        return f"https://localhost:{self.edge.ports.keycloak}"

    @property
    def trust(self) -> ssl.SSLContext:
        """The local authority alone."""
        return ssl.create_default_context(cafile=str(self.edge.certificates.authority))

    def client(self, network: str = "127.0.0.1", http2: bool = False) -> httpx.Client:
        """A client at this loopback address: 127.0.N.1 is a network of its own."""
        transport = httpx.HTTPTransport(verify=self.trust, local_address=network, http2=http2)
        return httpx.Client(transport=transport, timeout=20, trust_env=False)

    @contextmanager
    def socket(self, port: int | None = None, network: str = "127.0.0.1") -> Iterator[ssl.SSLSocket]:
        """A raw connection, for requests that no library would send."""
        port = port or self.edge.ports.edge
        with (
            socket.create_connection(("127.0.0.1", port), timeout=20, source_address=(network, 0)) as plain,
            self.trust.wrap_socket(plain, server_hostname="localhost") as secure,
        ):
            yield secure

    def raw(self, octets: bytes, port: int | None = None, network: str = "127.0.0.1") -> bytes:
        """Send octets as they are; everything that comes back until the edge closes."""
        with self.socket(port, network) as secure:
            secure.sendall(octets)
            return read_all(secure)


def read_all(secure: ssl.SSLSocket) -> bytes:
    """Everything until the end; a reset connection has ended, too."""
    parts = []
    try:
        while part := secure.recv(65536):
            parts.append(part)
    except (ConnectionResetError, ssl.SSLEOFError):
        pass
    return b"".join(parts)


@contextmanager
def running_edge(api_certificate: str = "api", **options: Any) -> Iterator[Rig]:
    """An edge with these options of `Edge`."""
    with ExitStack() as stack:
        folder = stack.enter_context(tempfile.TemporaryDirectory(prefix="ioc-edge-"))
        home = Home(Path(folder))
        home.prepare()
        tls = certificates.ensure(home.folder / "tls")
        edge = Edge(home, Ports.unused(), tls, **options)
        edge.prepare()
        pair: Pair = getattr(tls, api_certificate)
        served = stack.enter_context(ExitStack())
        api = served.enter_context(_behind(edge.ports.api, pair, tls.callers))
        keycloak = stack.enter_context(_behind(edge.ports.keycloak_inside, tls.keycloak, None))
        supervisor = Supervisor(home, die_with_us=True)
        stack.callback(supervisor.stop)
        supervisor.start(edge.part())
        yield Rig(edge, api, keycloak, served.close)


@contextmanager
def _behind(port: int, pair: Pair, callers: Path | None) -> Iterator[Behind]:
    behind = Behind()
    behind.may_answer.set()

    class Handler(http.server.BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        disable_nagle_algorithm = True
        wbufsize = -1  # an answer is one packet

        def _answer(self) -> None:
            body = self.rfile.read(int(self.headers.get("content-length", 0)))
            behind.requests.append(
                {
                    "method": self.command,
                    "path": self.path,
                    "headers": [(name.lower(), value) for name, value in self.headers.items()],
                    "size": len(body),
                }
            )
            behind.may_answer.wait(20)
            answer = json.dumps({"reached": True}).encode()
            self.send_response(behind.status)
            for name, value in behind.headers.items():
                self.send_header(name, value)
            self.send_header("content-type", "application/json")
            self.send_header("content-length", str(len(answer)))
            self.end_headers()
            if self.command != "HEAD":
                self.wfile.write(answer)

        do_GET = do_POST = do_HEAD = do_PUT = do_DELETE = do_OPTIONS = do_PATCH = _answer

        def log_message(self, format: str, *args: Any) -> None:
            return None

    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(pair.certificate, pair.key)
    if callers is not None:
        context.load_verify_locations(callers)
        context.verify_mode = ssl.CERT_REQUIRED
    server = _Server(("127.0.0.1", port), Handler)
    server.context = context
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
    thread.start()
    try:
        yield behind
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


class _Server(http.server.ThreadingHTTPServer):
    """Handshakes in the request's own thread: a stranger's stays alone."""

    daemon_threads = True
    context: ssl.SSLContext

    def finish_request(self, request: Any, client_address: Any) -> None:
        with self.context.wrap_socket(request, server_side=True) as secure:
            super().finish_request(secure, client_address)

    def handle_error(self, request: Any, client_address: Any) -> None:
        return None
