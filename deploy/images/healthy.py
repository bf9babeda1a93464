"""Whether a container's service can do its work: exit code 0. Standard library and our settings alone.

healthy.py api HOST PORT CA_FILE [CERTIFICATE KEY] — `/health/ready` over TLS, HOST being the name in the
certificate;
healthy.py database SETTINGS — the service's own role reaches its database.
"""

import http.client
import socket
import ssl
import sys
import tomllib
from pathlib import Path

SECONDS = 4


def api(host: str, port: str, ca_file: str, *pair: str) -> None:
    """Raise unless the api is ready. `pair`: the certificate and key of one who may call it."""
    trust = ssl.create_default_context(cafile=ca_file)
    if pair:
        trust.load_cert_chain(*pair)
    plain = socket.create_connection(("127.0.0.1", int(port)), timeout=SECONDS)
    connection = http.client.HTTPConnection(host, timeout=SECONDS)
    connection.sock = trust.wrap_socket(plain, server_hostname=host)
    connection.request("GET", "/health/ready")
    status = connection.getresponse().status
    if status != http.client.OK:
        raise SystemExit(f"the api answered {status}")


def database(settings_file: str) -> None:
    """Raise unless the role of `[database]` signs in."""
    import psycopg  # noqa: PLC0415 - the api's check goes without

    settings = tomllib.loads(Path(settings_file).read_text(encoding="utf-8"))["database"]
    psycopg.connect(
        host=settings["host"],
        port=settings["port"],
        dbname=settings["name"],
        user=settings["user"],
        password=Path(settings["password_file"]).read_text(encoding="ascii").strip(),
        connect_timeout=SECONDS,
    ).close()


if __name__ == "__main__":
    {"api": api, "database": database}[sys.argv[1]](*sys.argv[2:])
