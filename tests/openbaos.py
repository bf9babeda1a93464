"""Real OpenBaos of homes of their own."""

import ssl
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx

from stack import certificates
from stack.certificates import Certificates, Pair
from stack.home import Home
from stack.openbao import OpenBao
from stack.ports import Ports
from stack.supervisor import Supervisor

Maker = Callable[[Home, Ports, Certificates], OpenBao]
"""stack.openbao.backend_openbao or vault_openbao."""


@dataclass(frozen=True)
class RunningBao:
    """An OpenBao of its own home."""

    bao: OpenBao
    supervisor: Supervisor

    def start(self) -> None:
        """Start it and make it ready."""
        self.bao.prepare()
        self.supervisor.start(self.bao.part())
        self.bao.set_up()

    @contextmanager
    def client(self, pair: Pair, role: str) -> Iterator[httpx.Client]:
        """A client that the certificate let in as the role."""
        context = ssl.create_default_context(cafile=str(self.bao.certificates.authority))
        context.load_cert_chain(pair.certificate, pair.key)
        with httpx.Client(base_url=self.bao.url, verify=context, trust_env=False, timeout=30) as client:
            answer = client.post("/v1/auth/cert/login", json={"name": role})
            assert answer.status_code == 200, answer.text
            client.headers["X-Vault-Token"] = answer.json()["auth"]["client_token"]
            yield client


def bao_in(folder: Path, make: Maker) -> RunningBao:
    """An OpenBao in a folder, not started."""
    home = Home(folder)
    home.prepare()
    bao = make(home, Ports.unused(), certificates.ensure(folder / "tls"))
    return RunningBao(bao, Supervisor(home, die_with_us=True))


@contextmanager
def running_bao(make: Maker) -> Iterator[RunningBao]:
    """One that runs, in a folder that is gone afterwards."""
    with tempfile.TemporaryDirectory(prefix="ioc-bao-") as folder:
        running = bao_in(Path(folder), make)
        try:
            running.start()
            yield running
        finally:
            running.supervisor.stop()
