"""Whether a container's service can do its work: exit code 0. Standard library alone.

healthy.py edge HOST PORT CA_FILE — it shows a certificate of HOST and refuses a path of nobody by itself;
healthy.py operations PORT — `/health/ready` of one of our services, on its own loopback.
"""

import http.client
import socket
import ssl
import sys

SECONDS = 4


def edge(host: str, port: str, ca_file: str) -> None:
    """Raise unless the edge answers, whether or not somebody stands behind it."""
    trust = ssl.create_default_context(cafile=ca_file)
    plain = socket.create_connection(("127.0.0.1", int(port)), timeout=SECONDS)
    connection = http.client.HTTPConnection(host, int(port), timeout=SECONDS)
    connection.sock = trust.wrap_socket(plain, server_hostname=host)
    expect(connection, "/nobody", http.client.NOT_FOUND)


def operations(port: str) -> None:
    """Raise unless the service says that it is ready."""
    connection = http.client.HTTPConnection("127.0.0.1", int(port), timeout=SECONDS)
    expect(connection, "/health/ready", http.client.OK)


def expect(connection: http.client.HTTPConnection, path: str, status: int) -> None:
    """Raise SystemExit when `path` is answered otherwise."""
    connection.request("GET", path, headers={"User-Agent": "health"})
    found = connection.getresponse().status
    if found != status:
        raise SystemExit(f"{path} answered {found}")


if __name__ == "__main__":
    {"edge": edge, "operations": operations}[sys.argv[1]](*sys.argv[2:])
