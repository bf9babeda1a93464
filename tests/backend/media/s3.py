"""A server that speaks S3's protocol, on the loopback: moto's, in a thread."""

import logging
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx
from moto.server import DomainDispatcherApplication, create_backend_app
from werkzeug.serving import make_server

from foundation.settings import S3Settings

BUCKET = "ioc-media"
REGION = "us-east-1"


@dataclass(frozen=True)
class S3Server:
    """Where it listens, and the keys that it is asked with."""

    url: str
    folder: Path

    def settings(self) -> S3Settings:
        """As the api and the worker read them."""
        for name in ("s3-access", "s3-secret"):
            (self.folder / name).write_text(f"{name}-of-the-tests\n", encoding="ascii")
        return S3Settings(
            bucket=BUCKET,
            region=REGION,
            endpoint=self.url,
            access_key_file=self.folder / "s3-access",
            secret_key_file=self.folder / "s3-secret",
        )

    def empty(self) -> None:
        """Forget everything; one empty bucket."""
        httpx.post(f"{self.url}/moto-api/reset", trust_env=False).raise_for_status()
        # Moto knows a service by the region and name in the credential that a request carries.
        signed = {"authorization": f"AWS4-HMAC-SHA256 Credential=x/20260101/{REGION}/s3/aws4_request"}
        httpx.put(f"{self.url}/{BUCKET}", headers=signed, trust_env=False).raise_for_status()


@contextmanager
def s3_server(folder: Path) -> Iterator[S3Server]:
    """A server with an empty bucket."""
    logging.getLogger("werkzeug").setLevel(logging.ERROR)
    application = DomainDispatcherApplication(create_backend_app)
    server = make_server("127.0.0.1", 0, application, threaded=True)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        running = S3Server(f"http://127.0.0.1:{server.server_port}", folder)
        running.empty()
        yield running
    finally:
        server.shutdown()
        thread.join()
