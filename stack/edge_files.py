"""nginx's configuration, filled from the templates of deploy/edge/.

Standard library alone: the edge's image has Python and nothing of ours but this file and the templates.
There `python3 -m stack.edge_files SETTINGS` (TOML, the fields of `EdgeFiles`) fills them and becomes nginx.
"""

import os
import sys
import tomllib
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any

SOURCE = Path(__file__).resolve().parent.parent / "deploy" / "edge"
MODULE = Path("/usr/lib/nginx/modules/ngx_http_modsecurity_module.so")
CORE_RULES_FOLDER = Path("/usr/share/modsecurity-crs/rules")
UNICODE = Path("/etc/nginx/unicode.mapping")
# Left out: 903 (exclusions for applications that are not here), 910 (asks strangers), 912 (what
# nginx does better), 950 to 980 (answers, which are ours).
CORE_RULES = (
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
    media_rate: int = 100
    media_burst: int = 300
    channel_rate: int = 50
    channel_burst: int = 100
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


@dataclass(frozen=True, kw_only=True)
class EdgeFiles:
    """One edge. Files are absolute paths; addresses of services behind are `address:port`."""

    run: str
    """Its own folder: configuration, pid, temporary files, refusals that wait to be read."""
    certificate: str
    key: str
    authority: str
    """Of the certificates of the services behind."""
    client_certificate: str
    """What the api knows it by."""
    client_key: str
    listen_host: str
    api_name: str
    api_listen: int
    api_address: str
    keycloak_name: str
    keycloak_listen: int
    keycloak_address: str
    api_inside_name: str = "localhost"
    """The name in the api's own certificate."""
    keycloak_inside_name: str = "localhost"
    inside: tuple[str, ...]
    """Networks of our own services: they alone reach administration."""
    limits: EdgeLimits = field(default_factory=EdgeLimits)
    inline_documents: bool
    """Outside production only."""
    rules: bool = True
    """Off only to measure what they cost, and in tests to see an attack pass without them."""
    workers: int = 1
    core_rules: tuple[str, ...] = CORE_RULES
    source: str = str(SOURCE)

    @property
    def configuration(self) -> Path:
        """What nginx reads."""
        return Path(self.run) / "nginx.conf"

    def write(self) -> None:
        """Write the configuration from its templates."""
        run, source = Path(self.run), Path(self.source)
        for name in ("", "body", "proxy", "modsecurity", "unused"):
            (run / name).mkdir(mode=0o700, parents=True, exist_ok=True)
        for name in ("refusals.conf", "upstream.conf"):
            (run / name).write_text((source / name).read_text(encoding="utf-8"), encoding="utf-8")
        (run / "types.conf").write_text("default_type application/octet-stream;\n", encoding="utf-8")
        self._fill("modsecurity.conf", self._rules())
        self._fill("nginx.conf", self._values())

    def arguments(self) -> list[str]:
        """nginx's."""
        return ["-p", self.run, "-c", str(self.configuration), "-e", "stderr"]

    def _fill(self, name: str, values: dict[str, object]) -> None:
        text = (Path(self.source) / f"{name}.template").read_text(encoding="utf-8")
        for placeholder, value in values.items():
            text = text.replace("{" + placeholder + "}", str(value))
        (Path(self.run) / name).write_text(text, encoding="utf-8")

    def _rules(self) -> dict[str, object]:
        inline = f"Include {self.source}/inline-documents.conf" if self.inline_documents else ""
        return {
            "run": self.run,
            "engine": "On" if self.rules else "Off",
            "unicode": UNICODE,
            "deploy": self.source,
            "inline_documents": inline,
            "scanner_names": CORE_RULES_FOLDER / "scanners-user-agents.data",
            "last_rules": CORE_RULES_FOLDER / f"{_LAST_RULES}.conf",
            "core_rules": "\n".join(f"Include {CORE_RULES_FOLDER / name}.conf" for name in self.core_rules),
        }

    def _values(self) -> dict[str, object]:
        plain = (
            "workers run certificate key authority client_certificate client_key listen_host "
            "api_name api_listen api_address api_inside_name "
            "keycloak_name keycloak_listen keycloak_address keycloak_inside_name"
        )
        return {
            "module": MODULE,
            # As root, workers would become "nobody", who can't walk into the home.
            "account": "user root;" if os.geteuid() == 0 else "",
            "rules": Path(self.run) / "modsecurity.conf",
            "inside": "\n".join(f"        {network} 1;" for network in self.inside),
            **{name: getattr(self, name) for name in plain.split()},
            **{limit.name: getattr(self.limits, limit.name) for limit in fields(self.limits)},
        }


def load(file: Path) -> EdgeFiles:
    """The settings of an edge in a container. Raises TypeError for a field that is missing or unknown."""
    given: dict[str, Any] = tomllib.loads(file.read_text(encoding="utf-8"))
    given["inside"] = tuple(given["inside"])
    return EdgeFiles(**{**given, "limits": EdgeLimits(**given.get("limits", {}))})


if __name__ == "__main__":
    edge = load(Path(sys.argv[1]))
    edge.write()
    os.execv("/usr/sbin/nginx", ["nginx", *edge.arguments()])  # noqa: S606 - no shell wanted
