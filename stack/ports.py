"""The ports of a stack: chosen once, kept with its data (Keycloak's addresses are in its tokens)."""

import contextlib
import json
import socket
from dataclasses import asdict, dataclass, fields
from pathlib import Path

import psutil

from stack.errors import StackError

FIRST = 8443


@dataclass(frozen=True, slots=True)
class Ports:
    """All on the loopback. `edge` and `keycloak` are the edge's: what people reach, and what tokens name."""

    edge: int
    keycloak: int
    keycloak_management: int
    keycloak_database: int
    soc: int
    api: int
    keycloak_inside: int
    api_operations: int
    worker_operations: int
    relay_operations: int
    directory_operations: int
    edge_events_operations: int
    mail: int
    fcm: int
    sms: int
    openbao: int
    openbao_cluster: int
    archiver_operations: int
    vault: int
    vault_operations: int
    openbao_vault: int
    openbao_vault_cluster: int
    vault_relay_operations: int
    witness: int

    def operations(self, service: str) -> int:
        """Where a service of ours answers its operators."""
        return int(getattr(self, f"{service}_operations"))

    @classmethod
    def following(cls, first: int) -> "Ports":
        """Consecutive ports."""
        return cls(*range(first, first + len(fields(cls))))

    @classmethod
    def unused(cls) -> "Ports":
        """Ports that nobody listens on now: for tests."""
        with contextlib.ExitStack() as held:
            sockets = [held.enter_context(socket.socket()) for _ in fields(cls)]
            for one in sockets:
                one.bind(("127.0.0.1", 0))
            return cls(*(one.getsockname()[1] for one in sockets))

    @classmethod
    def kept(cls, folder: Path, first: int | None) -> "Ports":
        """The ports that this home was made with; a new home begins at `first`."""
        file = folder / "ports.json"
        if file.exists():
            ports = cls._completed(json.loads(file.read_text(encoding="utf-8")))
            if first not in (None, ports.edge):
                raise StackError(
                    "ports",
                    f"the data in {folder} was made for port {ports.edge}: its addresses are in it",
                    f"./ioc up without --first-port, or begin anew: ./ioc down --remove-data "
                    f"&& ./ioc up --first-port {first}",
                )
            return ports
        ports = cls.following(first or FIRST)
        file.write_text(json.dumps(asdict(ports)), encoding="utf-8")
        return ports

    @classmethod
    def _completed(cls, kept: dict[str, int]) -> "Ports":
        """A home of before: the edge takes the addresses that people know, what is new comes behind."""
        if "edge" not in kept:
            kept["edge"] = kept.pop("api")
        missing = [one.name for one in fields(cls) if one.name not in kept]
        inside = max(kept.values())
        return cls(**kept, **{name: inside + number for number, name in enumerate(missing, 1)})

    def check_free(self, new: bool) -> None:
        """Raises StackError naming the first port that is taken, and by whom if the system tells."""
        for name, port in asdict(self).items():
            if _is_free(port):
                continue
            remedy = f"stop {_holder(port)}"
            if new:
                remedy += ", or choose other ports: ./ioc up --first-port 9443"
            raise StackError(name, f"port {port} is in use by {_holder(port)}", remedy)


def listens(port: int) -> bool:
    """Whether somebody listens on the loopback's port. Looked up: nobody sees a broken handshake."""
    wanted = f"0100007F:{port:04X}"
    lines = Path("/proc/net/tcp").read_text(encoding="ascii").splitlines()[1:]
    rows = (line.split() for line in lines)
    return any(row[1] in (wanted, f"00000000:{port:04X}") and row[3] == "0A" for row in rows)


def _is_free(port: int) -> bool:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True


def _holder(port: int) -> str:
    for connection in psutil.net_connections("tcp"):
        if connection.laddr[1:] == (port,) and connection.status == psutil.CONN_LISTEN and connection.pid:
            with contextlib.suppress(psutil.Error):
                return f"{psutil.Process(connection.pid).name()} (process {connection.pid})"
    return "another program"
