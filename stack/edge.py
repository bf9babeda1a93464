"""The edge: a private nginx with ModSecurity and the OWASP Core Rule Set, before the api and Keycloak."""

import signal
from dataclasses import dataclass, field
from pathlib import Path

from stack.certificates import Certificates
from stack.edge_files import CORE_RULES, SOURCE, EdgeFiles, EdgeLimits
from stack.errors import StackError
from stack.home import Home
from stack.packages import program
from stack.ports import Ports, listens
from stack.supervisor import Part

__all__ = ["Edge", "EdgeLimits"]

LOOPBACK = "127.0.0.0/24"


@dataclass(frozen=True)
class Edge:
    """nginx of one home. `inside` are the networks of our own services: they alone reach administration."""

    home: Home
    ports: Ports
    certificates: Certificates
    limits: EdgeLimits = field(default_factory=EdgeLimits)
    inside: tuple[str, ...] = (LOOPBACK,)
    inline_documents: bool = True
    """Outside production only."""
    rules: bool = True
    """Off only to measure what they cost, and in tests to see an attack pass without them."""
    workers: int = 1
    core_rules: tuple[str, ...] = CORE_RULES
    source: Path = SOURCE

    @property
    def run(self) -> Path:
        """Its own paths: configuration, pid, temporary files, refusals that wait to be read."""
        return self.home.folder / "run" / "edge"

    @property
    def configuration(self) -> Path:
        """What nginx reads."""
        return self._files.configuration

    def prepare(self) -> None:
        """Write the configuration from its templates."""
        self._files.write()

    def part(self) -> Part:
        """The edge as a part. SIGQUIT lets requests under way end."""
        return Part(
            "edge",
            self._command,
            lambda: listens(self.ports.edge) and listens(self.ports.keycloak),
            stop_signal=signal.SIGQUIT,
            ready_seconds=30,
            folder=Path("/"),
        )

    def _command(self) -> list[str]:
        nginx = program("nginx")
        if nginx is None:
            raise StackError("edge", "there is no nginx", "apt-get install -y nginx")
        return [nginx, *self._files.arguments()]

    @property
    def _files(self) -> EdgeFiles:
        tls = self.certificates
        return EdgeFiles(
            run=str(self.run),
            certificate=str(tls.edge.certificate),
            key=str(tls.edge.key),
            authority=str(tls.authority),
            client_certificate=str(tls.edge_client.certificate),
            client_key=str(tls.edge_client.key),
            listen_host="127.0.0.1",
            api_name="localhost",
            api_listen=self.ports.edge,
            api_address=f"127.0.0.1:{self.ports.api}",
            keycloak_name="localhost",
            keycloak_listen=self.ports.keycloak,
            keycloak_address=f"127.0.0.1:{self.ports.keycloak_inside}",
            inside=self.inside,
            limits=self.limits,
            inline_documents=self.inline_documents,
            rules=self.rules,
            workers=self.workers,
            core_rules=self.core_rules,
            source=str(self.source),
        )
