"""The edge: a private nginx with ModSecurity and the OWASP Core Rule Set, before the api and Keycloak."""

import os
import signal
from dataclasses import dataclass, field, fields
from pathlib import Path

from stack.certificates import Certificates
from stack.errors import StackError
from stack.home import ROOT, Home
from stack.packages import EDGE_MODULE, EDGE_RULES, EDGE_UNICODE, program
from stack.ports import Ports, listens
from stack.supervisor import Part

_SOURCE = ROOT / "deploy" / "edge"
LOOPBACK = "127.0.0.0/24"
# Left out: 903 (exclusions for applications that are not here), 910 (asks strangers), 912 (what
# nginx does better), 950 to 980 (answers, which are ours).
_RULES = (
    "REQUEST-901-INITIALIZATION",
    "REQUEST-905-COMMON-EXCEPTIONS",
    "REQUEST-911-METHOD-ENFORCEMENT",
    "REQUEST-913-SCANNER-DETECTION",
    "REQUEST-920-PROTOCOL-ENFORCEMENT",
    "REQUEST-921-PROTOCOL-ATTACK",
    "REQUEST-922-MULTIPART-ATTACK",
    "REQUEST-930-APPLICATION-ATTACK-LFI",
    "REQUEST-931-APPLICATION-ATTACK-RFI",
    "REQUEST-932-APPLICATION-ATTACK-RCE",
    "REQUEST-933-APPLICATION-ATTACK-PHP",
    "REQUEST-934-APPLICATION-ATTACK-NODEJS",
    "REQUEST-941-APPLICATION-ATTACK-XSS",
    "REQUEST-942-APPLICATION-ATTACK-SQLI",
    "REQUEST-943-APPLICATION-ATTACK-SESSION-FIXATION",
    "REQUEST-944-APPLICATION-ATTACK-JAVA",
)
_LAST_RULES = "REQUEST-949-BLOCKING-EVALUATION"


@dataclass(frozen=True, slots=True)
class EdgeLimits:
    """Rates a second and bursts, each per network; times in seconds. Thousands share a carrier's network."""

    graphql_rate: int = 100
    graphql_burst: int = 200
    upload_rate: int = 10
    upload_burst: int = 50
    identity_rate: int = 30
    identity_burst: int = 100
    other_rate: int = 150
    other_burst: int = 300
    connections: int = 500
    graphql_body: int = 128 * 1024
    upload_body: int = 21 * 1024 * 1024
    upload_seconds: int = 20
    header_seconds: int = 10
    body_seconds: int = 10
    send_seconds: int = 10
    keepalive_seconds: int = 30
    drain_seconds: int = 10


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
    core_rules: tuple[str, ...] = _RULES
    source: Path = _SOURCE

    @property
    def run(self) -> Path:
        """Its own paths: configuration, pid, temporary files, refusals that wait to be read."""
        return self.home.folder / "run" / "edge"

    @property
    def configuration(self) -> Path:
        """What nginx reads."""
        return self.run / "nginx.conf"

    def prepare(self) -> None:
        """Write the configuration from its templates."""
        for name in ("", "body", "proxy", "modsecurity", "unused"):
            (self.run / name).mkdir(mode=0o700, parents=True, exist_ok=True)
        for name in ("refusals.conf", "upstream.conf"):
            (self.run / name).write_text((self.source / name).read_text(encoding="utf-8"), encoding="utf-8")
        (self.run / "types.conf").write_text("default_type application/octet-stream;\n", encoding="utf-8")
        self._fill("modsecurity.conf", self._rules())
        self._fill("nginx.conf", self._values())

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
        return [nginx, "-p", str(self.run), "-c", str(self.configuration), "-e", "stderr"]

    def _fill(self, name: str, values: dict[str, object]) -> None:
        text = (self.source / f"{name}.template").read_text(encoding="utf-8")
        for placeholder, value in values.items():
            text = text.replace("{" + placeholder + "}", str(value))
        (self.run / name).write_text(text, encoding="utf-8")

    def _rules(self) -> dict[str, object]:
        inline = f"Include {self.source / 'inline-documents.conf'}" if self.inline_documents else ""
        return {
            "run": self.run,
            "engine": "On" if self.rules else "Off",
            "unicode": EDGE_UNICODE,
            "deploy": self.source,
            "inline_documents": inline,
            "scanner_names": EDGE_RULES / "scanners-user-agents.data",
            "last_rules": EDGE_RULES / f"{_LAST_RULES}.conf",
            "core_rules": "\n".join(f"Include {EDGE_RULES / name}.conf" for name in self.core_rules),
        }

    def _values(self) -> dict[str, object]:
        tls = self.certificates
        return {
            "module": EDGE_MODULE,
            # As root, workers would become "nobody", who can't walk into the home.
            "account": "user root;" if os.geteuid() == 0 else "",
            "workers": self.workers,
            "run": self.run,
            "rules": self.run / "modsecurity.conf",
            "inside": "\n".join(f"        {network} 1;" for network in self.inside),
            "certificate": tls.edge.certificate,
            "key": tls.edge.key,
            "authority": tls.authority,
            "client_certificate": tls.edge_client.certificate,
            "client_key": tls.edge_client.key,
            "api_listen": self.ports.edge,
            "api_port": self.ports.api,
            "api_name": "localhost",
            "keycloak_listen": self.ports.keycloak,
            "keycloak_port": self.ports.keycloak_inside,
            "keycloak_name": "localhost",
            **{limit.name: getattr(self.limits, limit.name) for limit in fields(self.limits)},
        }
