"""The SMS gateway's double: what the worker sends lies in HOME/sms, one .json file a message."""

import sys
from dataclasses import dataclass
from pathlib import Path

from stack.certificates import Certificates
from stack.home import ROOT, Home
from stack.ports import Ports, listens
from stack.secret_files import password
from stack.supervisor import Part

_SOURCE = ROOT / "deploy" / "local" / "sms"


@dataclass(frozen=True)
class SmsDouble:
    """Stands for the city's SMS gateway."""

    home: Home
    ports: Ports
    certificates: Certificates

    @property
    def folder(self) -> Path:
        """Where messages lie."""
        return self.home.folder / "sms"

    def prepare(self) -> None:
        """Make folder and token."""
        self.folder.mkdir(mode=0o700, exist_ok=True)
        password(sms_token_file(self.home.folder))

    def part(self) -> Part:
        """The double as a part."""
        return Part("sms", self._command, lambda: listens(self.ports.sms), ready_seconds=30)

    def _command(self) -> list[str]:
        pair = self.certificates.sms
        return [
            sys.executable,
            str(_SOURCE / "gateway.py"),
            f"--port={self.ports.sms}",
            f"--folder={self.folder}",
            f"--certificate={pair.certificate}",
            f"--key={pair.key}",
            f"--token-file={sms_token_file(self.home.folder)}",
        ]


def sms_token_file(home: Path) -> Path:
    """Where the token of our account at the gateway lies."""
    return home / "secrets" / "sms-gateway"
