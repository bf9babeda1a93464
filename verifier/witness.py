"""A witness of logs (C2SP tlog-witness): `python -m verifier.witness --settings FILE`, once with `--init`.

It has a key, a disk and a machine of its own. It sees sizes and roots, no line of any log. The server is
Python's own: a few known callers send a request a second, and who installs this needs nothing else.
"""

import argparse
import json
import signal
import ssl
import sys
import threading
import time
import tomllib
from dataclasses import dataclass
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from verifier.cosigning import LONGEST, Answer, Cosigning, KnownLog
from verifier.keys import KeyFileError, private_key, public_key
from verifier.store import Store, StoreError

PATH = "/add-checkpoint"
SECONDS = 10.0
"""A caller who says nothing for so long is cut off."""
MOST_CALLERS = 32


class SettingsError(Exception):
    """The settings file is not one."""


@dataclass(frozen=True, slots=True)
class Settings:
    """The file: name, key_file, store_folder, listen_host, listen_port, [tls], [[logs]]."""

    name: str
    key_file: Path
    store_folder: Path
    listen_host: str
    listen_port: int
    certificate_file: Path
    tls_key_file: Path
    client_ca_file: Path
    logs: tuple[tuple[str, Path], ...]
    """(origin without its number, file of the log's public key)."""

    @classmethod
    def load(cls, file: Path) -> "Settings":
        """Raises SettingsError."""
        try:
            found = tomllib.loads(file.read_text(encoding="utf-8"))
            tls = found["tls"]
            return cls(
                name=str(found["name"]),
                key_file=Path(found["key_file"]),
                store_folder=Path(found["store_folder"]),
                listen_host=str(found["listen_host"]),
                listen_port=int(found["listen_port"]),
                certificate_file=Path(tls["certificate_file"]),
                tls_key_file=Path(tls["key_file"]),
                client_ca_file=Path(tls["client_ca_file"]),
                logs=tuple((str(log["origin"]), Path(log["public_key_file"])) for log in found["logs"]),
            )
        except (OSError, KeyError, TypeError, ValueError) as error:
            raise SettingsError(f"{file}: {error!r}") from error


class WitnessServer(ThreadingHTTPServer):
    """Callers by mutual TLS; each has a thread, and a handshake holds up nobody else."""

    daemon_threads = True

    def __init__(self, address: tuple[str, int], tls: ssl.SSLContext, cosigning: Cosigning) -> None:
        self.cosigning = cosigning
        self.places = threading.BoundedSemaphore(MOST_CALLERS)
        super().__init__(address, _Handler)
        # The handshake is made in the caller's own thread, at the first reading.
        self.socket = tls.wrap_socket(self.socket, server_side=True, do_handshake_on_connect=False)

    def process_request(self, request: Any, client_address: Any) -> None:
        """A thread for the caller, if there is a place."""
        if not self.places.acquire(blocking=False):
            self.shutdown_request(request)
            return
        super().process_request(request, client_address)

    def process_request_thread(self, request: Any, client_address: Any) -> None:
        """As inherited; gives the place back."""
        try:
            super().process_request_thread(request, client_address)
        finally:
            self.places.release()

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A caller without a certificate, or one that went away, is no fault of ours; all else is told."""
        error = sys.exc_info()[1]
        if not isinstance(error, OSError):
            say("fault", error=type(error).__name__)


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    timeout = SECONDS
    server: WitnessServer

    def do_POST(self) -> None:
        """The one call there is."""
        length = self.headers.get("content-length", "")
        if not (length.isascii() and length.isdigit() and len(length) < 9 and int(length) <= LONGEST):
            self.close_connection = True
            self._answer(Answer(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, "too long\n"))
            return
        body = self.rfile.read(int(length))
        if self.path != PATH:
            self._answer(Answer(HTTPStatus.NOT_FOUND, "no such call\n"))
            return
        answer = self._decision(body)
        say("asked", status=answer.status.value)
        self._answer(answer)

    def _decision(self, body: bytes) -> Answer:
        try:
            return self.server.cosigning.add_checkpoint(body)
        except OSError as error:
            # A full or lost disk: not to be taken for a caller who went away (`handle_error`).
            say("store_failed", error=type(error).__name__, errno=error.errno)
            return Answer(HTTPStatus.SERVICE_UNAVAILABLE, "not now\n")

    def _answer(self, answer: Answer) -> None:
        octets = answer.body.encode()
        self.send_response(answer.status)
        self.send_header("Content-Type", answer.content_type)
        self.send_header("Content-Length", str(len(octets)))
        self.end_headers()
        self.wfile.write(octets)

    def log_message(self, format: str, *args: Any) -> None:
        """Nothing by itself: what is told stands in `do_POST`."""


def say(event: str, **more: object) -> None:
    """A line of JSON on standard error."""
    print(json.dumps({"event": event, "at": int(time.time()), **more}), file=sys.stderr, flush=True)


def server_of(settings: Settings) -> WitnessServer:
    """The server, listening. Raises KeyFileError or StoreError."""
    logs = [KnownLog(origin, public_key(file)) for origin, file in settings.logs]
    key, store = private_key(settings.key_file), Store(settings.store_folder)
    cosigning = Cosigning(settings.name, key, logs, store, lambda: int(time.time()))
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    tls.minimum_version = ssl.TLSVersion.TLSv1_3
    tls.verify_mode = ssl.CERT_REQUIRED
    tls.load_verify_locations(settings.client_ca_file)
    tls.load_cert_chain(settings.certificate_file, settings.tls_key_file)
    return WitnessServer((settings.listen_host, settings.listen_port), tls, cosigning)


def main() -> None:
    """The command line."""
    parser = argparse.ArgumentParser(prog="python -m verifier.witness")
    parser.add_argument("--settings", type=Path, required=True)
    parser.add_argument("--init", action="store_true", help="make the empty store, once, and end")
    arguments = parser.parse_args()
    try:
        settings = Settings.load(arguments.settings)
        if arguments.init:
            Store.initialise(settings.store_folder)
            return
        server = server_of(settings)
    except (SettingsError, StoreError, KeyFileError) as error:
        sys.exit(str(error))
    for number in (signal.SIGTERM, signal.SIGINT):
        # `shutdown` waits for the loop that this handler interrupts.
        signal.signal(number, lambda *_: threading.Thread(target=server.shutdown).start())
    say("witness_started", name=settings.name, port=server.socket.getsockname()[1])
    server.serve_forever(poll_interval=0.2)
    server.server_close()
    say("witness_stopped")


if __name__ == "__main__":
    main()
